//! Runs a request through the policy, from the payload to the response.

use std::borrow::Cow;

use json_scan::{Context, DecodeError, Reader};
use kubewarden_policy_sdk::response::ValidationResponse;

use crate::cluster::{Cluster, HostCall};
use crate::field_ownership::FieldOwnership;
use crate::found_templates::Found;
use crate::kinds::{Location, OTHER_KIND, Role};
use crate::request::{AdmissionRequest, Change, OBJECT, OLD_OBJECT, Object, Payload};
use crate::requester::Requester;
use crate::settings::Settings;
use crate::target::Target;
use crate::versions::Versions;
use crate::{found_templates, prefilter, response};

/// Validates the payload of a `validate` call: `{"request": AdmissionRequest, "settings": {…}}`.
///
/// There is always a response. A payload that cannot be decoded is refused, with the reason.
pub fn validate(payload: &[u8], host_call: HostCall<'_>) -> ValidationResponse {
    answer(payload, host_call).unwrap_or_else(response::accepted)
}

/// Returns the response to a payload, or `None` if it is accepted without warnings.
pub(crate) fn answer(payload: &[u8], host_call: HostCall<'_>) -> Option<ValidationResponse> {
    if prefilter::is_irrelevant(payload) {
        return None;
    }
    evaluate(payload, host_call).unwrap_or_else(|error| Some(response::bad_request(&error)))
}

/// Returns whether settings exempt the user of an `AdmissionRequest` from the rules. A request that cannot be decoded
/// has no such user.
pub fn is_trusted_request(request: &[u8], settings: &Settings<'_>) -> bool {
    let mut decoded = AdmissionRequest::default();
    let requester = Reader::new(request).record(&mut decoded).and_then(|()| Requester::decode(&decoded));
    requester.is_ok_and(|requester| requester.is_trusted(settings))
}

/// Decodes a payload and checks it.
pub(crate) fn evaluate(payload: &[u8], host_call: HostCall<'_>) -> Result<Option<ValidationResponse>, DecodeError> {
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
    let cluster = Cluster::new(host_call, &requester);
    let mut found = Found::default();
    if *change.kind == OTHER_KIND {
        found = found_templates::check(&change, &settings, &requester, ownership.as_ref(), &cluster)?;
    }
    // An object of another kind matters only if it has templates.
    let targets = if *change.kind != OTHER_KIND || found.is_workload {
        targets(&change, &settings, &requester, ownership.as_ref())?
    } else {
        Vec::new()
    };
    let mut violations = found.violations;
    for versions in &targets {
        violations.extend(versions.check(&settings, &cluster)?);
    }
    let requester = ownership.is_none().then_some(&requester);
    Ok(response::from_violations(&violations, requester, &settings.help_url))
}

/// Builds the targets at every location of the object's kind.
fn targets<'a>(
    change: &Change<'_, 'a>,
    settings: &Settings<'_>,
    requester: &Requester<'_>,
    ownership: Option<&FieldOwnership<'_, 'a>>,
) -> Result<Vec<Versions<'a, 'a>>, DecodeError> {
    let mut targets = Vec::new();
    for location in change.kind.locations {
        if is_copy(change, location)? {
            continue;
        }
        let build = |object, ownership| Target::build(change.kind, location, object, settings, requester, ownership);
        let new = build(change.object, ownership).at_path(&OBJECT)?.in_object_of(change.size);
        let old = change.old_object.map(|old| Ok(build(old, None)?.in_object_of(change.old_size)));
        let old = old.transpose().at_path(&OLD_OBJECT)?;
        let versions = Versions::new(new, old.map(Cow::Owned), settings);
        versions.check_excess().at_path(location.path).at_path(&OBJECT)?;
        targets.push(versions);
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
