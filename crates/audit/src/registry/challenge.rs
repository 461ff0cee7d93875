//! The header by which a registry asks for authorization.

use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use super::error::AnswerError;

/// What a registry asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Challenge {
    /// A user and a password.
    Basic,
    /// A token, from the server that the realm names.
    Bearer { realm: Url, service: Option<String> },
}

impl Challenge {
    /// Returns the challenge in an answer's headers, preferably for a token.
    pub(super) fn find(headers: &HeaderMap) -> Result<Option<Self>, AnswerError> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let mut challenges = values.flat_map(ChallengeParser::new).flatten();
        let bearer = challenges.find_map(|challenge| {
            let realm = parameter(&challenge, "realm")?;
            challenge.scheme.eq_ignore_ascii_case("bearer").then(|| (realm, parameter(&challenge, "service")))
        });
        match bearer {
            Some((realm, service)) => match realm.parse::<Url>() {
                Ok(realm) if ["https", "http"].contains(&realm.scheme()) => Ok(Some(Self::Bearer { realm, service })),
                _ => Err(AnswerError::Realm(realm)),
            },
            None => Ok(headers.contains_key(WWW_AUTHENTICATE).then_some(Self::Basic)),
        }
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let (_, value) = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(values: &[&'static str]) -> Result<Option<Challenge>, String> {
        let headers = values.iter().map(|value| (WWW_AUTHENTICATE, value.parse().unwrap())).collect();
        Challenge::find(&headers).map_err(|error| error.to_string())
    }

    #[test]
    fn prefers_a_token() {
        let bearer = |service: Option<&str>| {
            let realm = "https://auth.example.org/token".parse().unwrap();
            Ok(Some(Challenge::Bearer { realm, service: service.map(str::to_owned) }))
        };
        assert_eq!(find(&["Bearer realm=\"https://auth.example.org/token\""]), bearer(None));
        assert_eq!(
            find(&["Basic realm=x", "BEARER Service=\"a \\\"b\\\"\", realm=\"https://auth.example.org/token\""]),
            bearer(Some("a \"b\""))
        );
    }

    #[test]
    fn falls_back_to_a_password() {
        assert_eq!(find(&[]), Ok(None));
        for value in ["Basic realm=\"x\"", "Bearer service=\"no realm\"", "\"", "", "Bearer \u{e4}"] {
            assert_eq!(find(&[value]), Ok(Some(Challenge::Basic)), "{value}");
        }
    }

    #[test]
    fn rejects_a_realm_that_is_not_on_the_web() {
        for realm in ["/token", "ftp://example.org", "file:///etc/passwd", "https://", "http://[::1"] {
            let error = find(&[format!("Bearer realm=\"{realm}\"").leak()]).unwrap_err();
            assert_eq!(error, format!("its token URL is invalid: {realm:?}"));
        }
    }
}
