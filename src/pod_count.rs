//! The number of pods that a pod template creates at the same time.

use json_scan::{Context, DecodeError, Value, optional_str};
use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::batch::v1::CronJob;

use crate::kinds::{Kind, Location};
use crate::request::Object;

/// The number of pods of a template that may run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PodCount {
    /// At most this number.
    UpTo(u32),
    /// One pod on each node.
    EachNode,
    /// The pods of Jobs that may overlap.
    OverlappingJobs,
}

impl PodCount {
    /// Returns the number of pods, the greatest one if there is no limit.
    pub(crate) fn limit(self) -> u64 {
        match self {
            Self::UpTo(count) => count.into(),
            Self::EachNode => u64::MAX - 1,
            Self::OverlappingJobs => u64::MAX,
        }
    }

    /// Decodes the number of pods that the template at a location of an object creates, from the fields beside it:
    /// `replicas`, or `parallelism` and `completions` of a Job.
    ///
    /// # Errors
    /// If one of the fields is malformed. The path is relative to the object.
    pub(crate) fn decode(kind: &Kind, location: &Location, object: &Object<'_>) -> Result<Self, DecodeError> {
        if kind.name == DaemonSet::KIND {
            return Ok(Self::EachNode);
        }
        if kind.name == CronJob::KIND && may_overlap(object).at_field("spec")? {
            return Ok(Self::OverlappingJobs);
        }
        let Some((_, path)) = location.path.split_last() else {
            return Ok(Self::UpTo(1));
        };
        match object.value_at(path)? {
            Some(spec) => Self::decode_spec(spec).at_path(path),
            None => Ok(Self::UpTo(1)),
        }
    }

    fn decode_spec(spec: Value<'_>) -> Result<Self, DecodeError> {
        let [replicas, parallelism, completions] = spec.reader().pick(["replicas", "parallelism", "completions"])?;
        let replicas = count(replicas).at_field("replicas")?.unwrap_or(1);
        let parallelism = count(parallelism).at_field("parallelism")?.unwrap_or(1);
        let completions = count(completions).at_field("completions")?.unwrap_or(u32::MAX);
        Ok(Self::UpTo(replicas.max(parallelism.min(completions))))
    }
}

/// Returns whether a CronJob may start a Job while another runs, which is the default.
fn may_overlap(cron_job: &Object<'_>) -> Result<bool, DecodeError> {
    let Some(spec) = cron_job.spec() else {
        return Ok(true);
    };
    let [policy] = spec.reader().pick(["concurrencyPolicy"])?;
    let policy = optional_str(policy, "concurrencyPolicy")?;
    Ok(!policy.is_some_and(|policy| matches!(&*policy, "Forbid" | "Replace")))
}

/// Decodes a number of pods.
fn count(value: Option<Value<'_>>) -> Result<Option<u32>, DecodeError> {
    let decode =
        |value: Value<'_>| value.to_number().ok_or_else(|| DecodeError::new("must be a whole number of zero or more"));
    value.map(decode).transpose()
}

#[cfg(test)]
mod tests {
    use json_scan::Reader;

    use super::PodCount::{EachNode, OverlappingJobs, UpTo};
    use super::*;
    use crate::kinds::KINDS;

    fn decode(kind: &str, spec: &str) -> Result<PodCount, String> {
        let kind = KINDS.iter().find(|other| other.name == kind).unwrap();
        let object = format!(r#"{{"spec": {spec}}}"#);
        let object = Object::decode(Reader::new(object.as_bytes()).value().unwrap()).unwrap();
        PodCount::decode(kind, kind.pod_location(), &object).map_err(|error| error.to_string())
    }

    #[test]
    fn counts_replicas() {
        for kind in ["Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"] {
            for (spec, expected) in [
                ("null", 1),
                ("{}", 1),
                (r#"{"replicas": null}"#, 1),
                (r#"{"replicas": 0}"#, 1),
                (r#"{"replicas": 3}"#, 3),
            ] {
                assert_eq!(decode(kind, spec), Ok(UpTo(expected)), "{kind} {spec}");
            }
        }
        assert_eq!(decode("Pod", r#"{"replicas": 3}"#), Ok(UpTo(1)));
        assert_eq!(decode("PodTemplate", r#"{"replicas": 3}"#), Ok(UpTo(1)));
    }

    #[test]
    fn counts_the_pods_of_a_job_that_run_at_the_same_time() {
        for (spec, expected) in [
            ("{}", 1),
            (r#"{"parallelism": 0}"#, 1),
            (r#"{"completions": 5}"#, 1),
            (r#"{"parallelism": 4}"#, 4),
            (r#"{"parallelism": 4, "completions": null}"#, 4),
            (r#"{"parallelism": 4, "completions": 2}"#, 2),
            (r#"{"parallelism": 4, "completions": 1}"#, 1),
        ] {
            assert_eq!(decode("Job", spec), Ok(UpTo(expected)), "{spec}");
            let cron_job = format!(r#"{{"concurrencyPolicy": "Replace", "jobTemplate": {{"spec": {spec}}}}}"#);
            assert_eq!(decode("CronJob", &cron_job), Ok(UpTo(expected)), "{spec}");
        }
    }

    #[test]
    fn knows_templates_without_a_limit() {
        assert_eq!(decode("DaemonSet", "{}"), Ok(EachNode));
        for policy in ["null", r#""""#, r#""Allow""#, r#""forbid""#] {
            let spec = format!(r#"{{"concurrencyPolicy": {policy}}}"#);
            assert_eq!(decode("CronJob", &spec), Ok(OverlappingJobs), "{policy}");
        }
        assert_eq!(decode("CronJob", r#"{"concurrencyPolicy": "Forbid"}"#), Ok(UpTo(1)));
        assert!(UpTo(u32::MAX).limit() < EachNode.limit() && EachNode.limit() < OverlappingJobs.limit());
    }

    #[test]
    fn reports_the_path_of_a_malformed_field() {
        let problem = "must be a whole number of zero or more";
        for count in ["-1", "1.5", "1e3", r#""3""#, "4294967296", "[]"] {
            let spec = format!(r#"{{"replicas": {count}}}"#);
            assert_eq!(decode("Deployment", &spec), Err(format!("spec.replicas: {problem}")), "{count}");
            let spec =
                format!(r#"{{"concurrencyPolicy": "Forbid", "jobTemplate": {{"spec": {{"parallelism": {count}}}}}}}"#);
            assert_eq!(
                decode("CronJob", &spec),
                Err(format!("spec.jobTemplate.spec.parallelism: {problem}")),
                "{count}"
            );
        }
        let error = "spec.concurrencyPolicy: must be a string, but is a number";
        assert_eq!(decode("CronJob", r#"{"concurrencyPolicy": 7}"#), Err(error.to_owned()));
    }
}
