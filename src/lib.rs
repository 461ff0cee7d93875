//! A Kubewarden policy that enforces interLink's best practices for pod annotations.
//!
//! A request goes one way: `glance` lets through what has nothing of interLink's; [`request`] finds the parts of all
//! others, [`subject`] reads the annotations that a pod has or will have, [`writer`] tells who asks, [`replay`] who
//! wrote a stored object, [`scope`] which pods are judged; the [`rules`] judge them, [`ratchet`] leaves out what an
//! update did not bring, and [`verdict`] makes the answer. The waPC entry points at the end of this file are glue; all
//! else is an ordinary library.

pub mod annotations;
mod glance;
pub mod go_duration;
pub mod json;
pub mod kind;
pub mod pod_spec;
pub mod ratchet;
pub mod replay;
pub mod request;
pub mod rules;
pub mod scope;
pub mod settings;
#[cfg(target_feature = "simd128")]
mod simd;
pub mod subject;
pub mod text;
pub mod verdict;
pub mod writer;

use kubewarden_policy_sdk::protocol_version_guest;
use kubewarden_policy_sdk::response::ValidationResponse;
use wapc_guest::{CallResult, register_function};

use json::Unreadable;
use kind::Carries;
use request::{Change, Request};
use settings::Settings;
use subject::Subject;
use writer::Writer;

/// Judges the payload of a `validate` call: `{"request": AdmissionRequest, "settings": {…}}`.
///
/// It always has an answer; what cannot be read is refused, with the reason.
pub fn validate(payload: &[u8]) -> ValidationResponse {
    answer(payload).unwrap_or_else(verdict::accepted)
}

/// The answer to a payload, unless that is accepted without a word.
fn answer(payload: &[u8]) -> Option<ValidationResponse> {
    match glance::settles(payload) {
        true => None,
        false => judge(payload).unwrap_or_else(|problem| Some(verdict::unreadable(&problem))),
    }
}

fn judge(payload: &[u8]) -> Result<Option<ValidationResponse>, Unreadable> {
    let request = Request::read(payload)?;
    let Some(change) = request.change()? else {
        return Ok(None);
    };
    let subjects = read_subjects(&change);
    // Most pods have nothing of interLink's. No rule finds anything there, whoever asks and whatever the settings.
    if subjects.as_ref().is_ok_and(Vec::is_empty) {
        return Ok(None);
    }
    let settings = Settings::read(request.settings())?;
    let writer = Writer::read(request.user_info(), request.namespace()?)?;
    if writer.is_one_of(&settings.trusted_writers) {
        return Ok(None);
    }
    let mut subjects = subjects?;
    let mut violations = Vec::new();
    for Pair { new, old } in &mut subjects {
        let old = old.as_mut().map(|old| confine(old, &settings).map(|()| &*old)).transpose();
        let old = old.map_err(|problem| problem.inside(OLD))?;
        confine(new, &settings).map_err(|problem| problem.inside(NEW))?;
        replay::attribute(new, &change, &writer, &settings).map_err(|problem| problem.inside(NEW))?;
        if let Some(old) = old {
            new.forget_unknown_of(old);
        }
        let now = rules::check(new, &settings);
        violations.extend(match old {
            Some(old) => ratchet::brought(now, &rules::check(old, &settings)),
            None => now,
        });
    }
    Ok(verdict::of_violations(&violations))
}

/// Where an error's place begins.
const NEW: &str = "request.object";
const OLD: &str = "request.oldObject";

/// A place in the new object, and the same in the old one.
struct Pair<'a> {
    new: Subject<'a>,
    old: Option<Subject<'a>>,
}

/// Reads what there is to judge: every place of the object that has, or had, an annotation of interLink's.
fn read_subjects<'a>(change: &Change<'a>) -> Result<Vec<Pair<'a>>, Unreadable> {
    let mut subjects = Vec::new();
    for place in change.kind.places {
        let new = Subject::read(change.kind, place, &change.new).map_err(|problem| problem.inside(NEW))?;
        let old = change.old.as_ref().map(|old| Subject::read(change.kind, place, old)).transpose();
        let old = old.map_err(|problem| problem.inside(OLD))?;
        // What a controller makes of a workload, it gives the workload's own annotations.
        let is_made = new.is_made || old.as_ref().is_some_and(|old| old.is_made);
        let is_empty = new.is_empty() && old.as_ref().is_none_or(Subject::is_empty);
        if !(is_empty || is_made && place.carries == Carries::Nothing) {
            subjects.push(Pair { new, old });
        }
    }
    Ok(subjects)
}

/// Leaves what is in scope, with what it refers to; of what is out of scope, only what matters there too. An update
/// that takes a pod into scope thus answers for all that the pod has.
fn confine(subject: &mut Subject<'_>, settings: &Settings<'_>) -> Result<(), Unreadable> {
    match scope::covers(settings, subject)? {
        true => subject.read_spec(),
        false => {
            subject.retain(scope::reaches_out);
            Ok(())
        }
    }
}

#[expect(unsafe_code, reason = "the host calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate_guest);
    register_function("validate_settings", validate_settings_guest);
    register_function("protocol_version", protocol_version_guest);
}

fn validate_guest(payload: &[u8]) -> CallResult {
    Ok(match answer(payload) {
        Some(answer) => verdict::to_json(&answer)?,
        None => verdict::ACCEPTED.to_vec(),
    })
}

fn validate_settings_guest(payload: &[u8]) -> CallResult {
    Ok(serde_json::to_vec(&settings::validate(payload))?)
}
