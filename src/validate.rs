//! The way of a request through the policy, from the payload to the answer.

use json_scan::{Context, DecodeError};
use kubewarden_policy_sdk::response::ValidationResponse;

use crate::field_ownership::FieldOwnership;
use crate::kinds::{Location, Role};
use crate::ratchet::Ratcheted;
use crate::request::{Change, OBJECT, OLD_OBJECT, Object, Payload};
use crate::requester::Requester;
use crate::rules::Violation;
use crate::settings::Settings;
use crate::target::Target;
use crate::{bound_pod, prefilter, ratchet, response, rollout, rules};

/// Validates the payload of a `validate` call: `{"request": AdmissionRequest, "settings": {…}}`.
///
/// There is always an answer. A payload that cannot be decoded is refused with the reason.
pub fn validate(payload: &[u8]) -> ValidationResponse {
    answer(payload).unwrap_or_else(response::accepted)
}

/// Returns the answer to a payload, or `None` if it is accepted without warnings.
pub(crate) fn answer(payload: &[u8]) -> Option<ValidationResponse> {
    if prefilter::is_irrelevant(payload) {
        return None;
    }
    evaluate(payload).unwrap_or_else(|error| Some(response::bad_request(&error)))
}

/// Decodes a payload and checks it.
pub(crate) fn evaluate(payload: &[u8]) -> Result<Option<ValidationResponse>, DecodeError> {
    let payload = Payload::decode(payload)?;
    let request = payload.request()?;
    let Some(change) = request.change()? else {
        return Ok(None);
    };
    let settings = Settings::decode(payload.settings)?;
    let requester = Requester::decode(request)?;
    if requester.is_trusted(&settings) {
        return Ok(None);
    }
    let ownership = FieldOwnership::decode(&change, &requester, &settings).at_path(&OBJECT)?;
    let targets = targets(&change, &settings, &requester, ownership.as_ref())?;
    let mut violations = Vec::new();
    for Versions { new, old } in &targets {
        violations.extend(match old {
            Some(old) => check_update(new, old, &settings)?,
            None => rules::check(new, &settings),
        });
    }
    Ok(response::from_violations(&violations, ownership.is_none().then_some(&requester)))
}

/// Checks the new target of an update, and what changed between the two.
fn check_update<'t>(
    new: &'t Target<'_>,
    old: &'t Target<'_>,
    settings: &Settings<'_>,
) -> Result<Vec<Violation<'t>>, DecodeError> {
    let Ratcheted { introduced: mut violations, preexisting } = ratchet::check(new, old, settings);
    violations.extend(rollout::check(new, old, preexisting));
    violations.extend(bound_pod::check(new, old, settings).at_path(&OLD_OBJECT)?);
    Ok(violations)
}

/// The targets at one location of the object and of the old object.
struct Versions<'a> {
    new: Target<'a>,
    old: Option<Target<'a>>,
}

/// Builds the targets at every location of an object.
fn targets<'a>(
    change: &Change<'_, 'a>,
    settings: &Settings<'_>,
    requester: &Requester<'_>,
    ownership: Option<&FieldOwnership<'_, 'a>>,
) -> Result<Vec<Versions<'a>>, DecodeError> {
    let mut targets = Vec::new();
    for location in change.kind.locations {
        if is_copy(change, location)? {
            continue;
        }
        let build = |object, ownership| Target::build(change.kind, location, object, settings, requester, ownership);
        let new = build(change.object, ownership).at_path(&OBJECT)?;
        let old = change.old_object.map(|old| build(old, None));
        let old = old.transpose().at_path(&OLD_OBJECT)?;
        targets.push(match old {
            Some(old) => Versions { new: ratchet::ignore_preexisting_keys(new, &old), old: Some(old) },
            None => Versions { new, old: None },
        });
    }
    Ok(targets)
}

/// Returns whether the annotations at a location were copied by a controller: controllers copy a workload's annotations
/// to the objects that they create, and a finding there would repeat the workload's.
fn is_copy(change: &Change<'_, '_>, location: &Location) -> Result<bool, DecodeError> {
    if location.role != Role::Workload {
        return Ok(false);
    }
    let has_controller = |object: &Object<'_>| object.at(location.path)?.metadata()?.has_controller();
    let old_has_controller = change.old_object.map(has_controller).transpose().at_path(&OLD_OBJECT)?;
    Ok(has_controller(change.object).at_path(&OBJECT)? || old_has_controller.unwrap_or(false))
}
