//! interLink's annotations on an object, and the catalogue in which they are looked up.

mod catalogue;
mod plugins;
mod values;

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Reader, Value, bytes_eq, present};

pub(crate) use catalogue::*;
pub use catalogue::{
    AnnotationInfo, AppliesTo, Author, CATALOGUE, DOMAINS, JOB_ID, Lookup, POD_IP, POD_VPN, WSTUNNEL_PATH_PREFIX,
    look_up,
};
pub(crate) use plugins::{UNREAD_BY_PLUGINS, look_up_plugin};
pub(crate) use values::{could_inject, disables_mesh, list_entries};

use crate::kinds::Role;

/// An annotation that interLink knows, on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Annotation<'a> {
    /// The key, for which `info` may have only a pattern.
    pub(crate) key: Cow<'static, str>,
    pub(crate) info: &'static AnnotationInfo,
    pub(crate) value: Cow<'a, str>,
    pub(crate) owner: Owner<'a>,
}

/// The field manager that owns an annotation, as far as `metadata.managedFields` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// This is not an audit request: the requester writes the annotation.
    Requester,
    /// A trusted field manager.
    InterLink,
    /// Any other field manager.
    Manager(Cow<'a, str>),
    /// The object does not show the owner.
    Unknown,
}

/// The maximum number of annotations with keys that match a pattern or a setting that are kept at one location. It
/// applies to those that only interLink writes, and separately to all others. Hardly any object has more, and some steps
/// compare every pair.
const MAX_MATCHED: usize = 32;

/// interLink's annotations at one location of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Annotations<'a> {
    /// The annotations in the catalogue, in the order of the object.
    pub(crate) known: Vec<Annotation<'a>>,
    /// Keys under interLink's domains that are not in the catalogue.
    pub(crate) unknown_keys: Vec<String>,
    /// The first key beyond [`MAX_MATCHED`].
    pub(crate) excess: Option<String>,
}

/// The number of annotations that count towards [`MAX_MATCHED`]. Those that only interLink writes are counted
/// separately, so that those of a user cannot displace them.
#[derive(Default)]
pub(crate) struct Matched {
    by_interlink: usize,
    by_others: usize,
}

impl Matched {
    /// Counts an annotation, and returns whether it is within the limit.
    pub(crate) fn count(&mut self, info: &AnnotationInfo) -> bool {
        let count = if info.author == Author::InterLink { &mut self.by_interlink } else { &mut self.by_others };
        *count += 1;
        *count <= MAX_MATCHED
    }
}

/// What to do with an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Keep,
    Skip,
    /// Skip it, and let [`Annotations::check_excess`] return an error.
    Report,
}

/// Returns what to do with an annotation, by its key and value: one whose key matches a pattern or a setting, or an
/// unknown one, which has no [`AnnotationInfo`].
pub(crate) type Classifier<'c, 'a> = dyn FnMut(&[u8], Value<'a>, Option<&AnnotationInfo>) -> Action + 'c;

impl<'a> Annotations<'a> {
    /// Decodes the annotations at a location with this role.
    ///
    /// # Errors
    /// If they are not a map of strings, or have a known key twice.
    pub(crate) fn decode(
        value: Option<Value<'a>>,
        role: Role,
        look_up: &dyn Fn(&[u8]) -> Lookup,
    ) -> Result<Self, DecodeError> {
        let mut matched = Matched::default();
        Self::decode_with(value, role, look_up, &mut |_, _, info| match info {
            Some(info) if !matched.count(info) => Action::Report,
            _ => Action::Keep,
        })
    }

    /// Decodes the annotations at a location with this role that a classifier selects, and all whose keys are in the
    /// catalogue.
    ///
    /// # Errors
    /// As [`Annotations::decode`].
    pub(crate) fn decode_with(
        value: Option<Value<'a>>,
        role: Role,
        look_up: &dyn Fn(&[u8]) -> Lookup,
        classify: &mut Classifier<'_, 'a>,
    ) -> Result<Self, DecodeError> {
        let mut annotations = Self::default();
        if let Some(value) = present(value) {
            let decode = &mut |key: &[u8], value: &mut Reader<'a>| {
                annotations.decode_entry(key, value, role, look_up(key), classify).at_key(key)
            };
            value.reader().entries(decode)?;
        }
        Ok(annotations)
    }

    fn decode_entry(
        &mut self,
        key: &[u8],
        value: &mut Reader<'a>,
        role: Role,
        found: Lookup,
        classify: &mut Classifier<'_, 'a>,
    ) -> Result<(), DecodeError> {
        let value = value.value()?;
        if !value.is_string() {
            return Err(value.type_error("a string").hint("put it in quotes"));
        }
        match found {
            Lookup::Unrelated => {}
            // interLink reads only `ping-response` on a Node.
            Lookup::Known(info) if role == Role::Node && info.applies_to != AppliesTo::Node => {}
            Lookup::Unknown if role == Role::Node => {}
            // No rule checks plugins' annotations on a workload itself.
            Lookup::Known(info) if role == Role::Workload && info.is_for_plugins() => {}
            Lookup::Known(info) => {
                let is_exact = bytes_eq(info.key.as_bytes(), key);
                match if is_exact { Action::Keep } else { classify(key, value, Some(info)) } {
                    Action::Keep => {}
                    Action::Skip => return Ok(()),
                    Action::Report => {
                        self.excess.get_or_insert_with(|| String::from_utf8_lossy(key).into_owned());
                        return Ok(());
                    }
                }
                let key = if is_exact {
                    Cow::Borrowed(info.key)
                } else {
                    Cow::Owned(String::from_utf8_lossy(key).into_owned())
                };
                if self.get(&key).is_some() {
                    return Err(DecodeError::new("appears twice"));
                }
                if self.known.is_empty() {
                    // An object can have thousands of templates with one annotation.
                    self.known.reserve_exact(1);
                }
                self.known.push(Annotation { key, info, value: value.to_str()?, owner: Owner::Requester });
            }
            Lookup::Unknown => {
                if classify(key, value, None) == Action::Keep {
                    self.unknown_keys.push(String::from_utf8_lossy(key).into_owned());
                }
            }
        }
        Ok(())
    }

    /// Returns whether there is nothing to check.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown_keys.is_empty()
    }

    /// Checks that [`Action::Report`] was returned for no annotation.
    ///
    /// # Errors
    /// If it was. The error names the first key. The path is relative to the annotations.
    pub(crate) fn check_excess(&self) -> Result<(), DecodeError> {
        let Some(key) = &self.excess else {
            return Ok(());
        };
        let problem = format!("is one of more than {MAX_MATCHED} annotations of its kind");
        let hint = format!("keep at most {MAX_MATCHED} of them");
        Err(DecodeError::new(problem).hint(&hint).at_key(key.as_bytes()))
    }

    /// Returns the annotation with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Annotation<'a>> {
        self.known.iter().find(|annotation| bytes_eq(annotation.key.as_bytes(), key.as_bytes()))
    }

    /// Keeps only the known annotations for which the predicate returns true.
    pub(crate) fn retain(&mut self, predicate: impl Fn(&AnnotationInfo) -> bool) {
        self.known.retain(|annotation| predicate(annotation.info));
        self.unknown_keys.clear();
        self.excess = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::settings;

    fn decode(annotations: &str, role: Role) -> Result<Vec<(String, String)>, String> {
        let value = Reader::new(annotations.as_bytes()).value().unwrap();
        let annotations = Annotations::decode(Some(value), role, &look_up).map_err(|error| error.to_string())?;
        Ok(annotations.known.into_iter().map(|known| (known.key.into_owned(), known.value.into_owned())).collect())
    }

    #[test]
    fn keeps_known_annotations() {
        let annotations = r#"{"a": "b", "\u004aobID": "\u0031", "jobid": "2"}"#;
        assert_eq!(decode(annotations, Role::Pod), Ok(vec![("JobID".to_owned(), "1".to_owned())]));
        for none in ["null", "{}"] {
            assert_eq!(decode(none, Role::Pod), Ok(Vec::new()), "{none}");
        }
    }

    #[test]
    fn keeps_only_a_nodes_own_annotation_on_a_node() {
        let annotations = r#"{"JobID": "1", "interlink.virtual-kubelet.io/ping-response": "", "interlink.eu/x": ""}"#;
        let value = Reader::new(annotations.as_bytes()).value().unwrap();
        let on = |role| Annotations::decode(Some(value), role, &look_up).unwrap();
        let node = on(Role::Node);
        assert_eq!(node.known.iter().map(|known| &*known.key).collect::<Vec<_>>(), [PING_RESPONSE]);
        assert_eq!(node.unknown_keys, [""; 0]);
        let pod = on(Role::Pod);
        assert_eq!((pod.known.len(), pod.unknown_keys), (2, vec!["interlink.eu/x".to_owned()]));
    }

    #[test]
    fn is_empty_without_any_annotation_of_interlink() {
        for (annotations, expected) in
            [("{}", true), (r#"{"a": "b"}"#, true), (r#"{"JobID": ""}"#, false), (r#"{"interlink.eu/x": ""}"#, false)]
        {
            let value = Reader::new(annotations.as_bytes()).value().unwrap();
            let decoded = Annotations::decode(Some(value), Role::Pod, &look_up).unwrap();
            assert_eq!(decoded.is_empty(), expected, "{annotations}");
        }
    }

    #[test]
    fn keeps_the_key_that_a_pattern_matches() {
        let commands = r#"{"interlink.eu/ssh-client-commands": "", "interlink.eu/rathole-client-commands": "x"}"#;
        let keys: Vec<_> = decode(commands, Role::Pod).unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["interlink.eu/ssh-client-commands", "interlink.eu/rathole-client-commands"]);
        let twice = r#"{"interlink.eu/a-client-commands": "", "interlink.eu/\u0061-client-commands": ""}"#;
        assert!(decode(twice, Role::Pod).unwrap_err().contains("a-client-commands]: appears twice"));
    }

    #[test]
    fn keeps_a_limited_number_of_keys_that_a_pattern_matches() {
        let settings = settings(r#"{"rules": {"plugin-annotations": "Warn"}}"#);
        let look_up = |key: &[u8]| settings.look_up(key);
        let many = |count: usize, role: Role| {
            let pair = |n| format!(r#""slurm-job.vk.io/{n}": "", "interlink.eu/{n}-client-commands": "", "#);
            let pairs: String = (0..count).map(pair).collect();
            let text = format!(r#"{{{pairs}"JobID": "1"}}"#);
            let value = Reader::new(text.as_bytes()).value().unwrap();
            let annotations = Annotations::decode(Some(value), role, &look_up).unwrap();
            assert!(annotations.get(JOB_ID).is_some());
            (annotations.known.len(), annotations.check_excess().map_err(|error| error.to_string()))
        };
        assert_eq!(many(MAX_MATCHED, Role::Pod), (2 * MAX_MATCHED + 1, Ok(())));
        let error = "[slurm-job.vk.io/32]: is one of more than 32 annotations of its kind; keep at most 32 of them";
        for count in [MAX_MATCHED + 1, 100_000] {
            assert_eq!(many(count, Role::Pod), (2 * MAX_MATCHED + 1, Err(error.to_owned())));
        }
        assert_eq!(many(MAX_MATCHED, Role::Workload), (MAX_MATCHED + 1, Ok(())), "without those of plugins");
    }

    #[test]
    fn rejects_anything_but_a_map_of_strings() {
        for (annotations, expected) in [
            (r#""x""#, "payload: must be an object, but is a string"),
            (r#"{"a": 1}"#, "[a]: must be a string, but is a number; put it in quotes"),
            (r#"{"JobID": "1", "JobID": "2"}"#, "[JobID]: appears twice"),
        ] {
            assert_eq!(decode(annotations, Role::Pod), Err(expected.to_owned()));
        }
    }
}
