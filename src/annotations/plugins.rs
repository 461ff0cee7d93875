//! Annotations of interLink's plugins.
//!
//! Sources: `pkg/slurm/prepare.go` of interlink-slurm-plugin, `pkg/docker/Create.go` of interlink-docker-plugin,
//! `handles.py` of interlink-htcondor-plugin, and `from_kubernetes` of the NATS plugin's Apptainer command builder.

use super::catalogue::{AnnotationInfo, AppliesTo, Author, info};

/// Any annotation whose text a plugin writes into a job script or a shell command.
pub(crate) static WRITTEN_BY_PLUGINS: AnnotationInfo =
    info("slurm-job.vk.io/*", Author::User, AppliesTo::Pod, "text that a plugin writes into a script");

/// Any annotation that plugins no longer read.
pub(crate) static UNREAD_BY_PLUGINS: AnnotationInfo =
    info("job.vk.io/*", Author::User, AppliesTo::Pod, "an annotation that plugins no longer read");

impl AnnotationInfo {
    /// Returns whether the annotation is a plugin's.
    pub(crate) fn is_for_plugins(&self) -> bool {
        [WRITTEN_BY_PLUGINS.key, UNREAD_BY_PLUGINS.key].contains(&self.key)
    }
}

/// Looks up an annotation of a plugin. Plugins compare keys exactly.
///
/// Any name under the domain of a plugin that writes scripts counts, because versions of the plugin read different
/// names.
pub(crate) fn look_up_plugin(key: &[u8]) -> Option<&'static AnnotationInfo> {
    let slash = key.iter().position(|byte| *byte == b'/')?;
    match &key[..slash] {
        b"slurm-job.vk.io" | b"htcondor-job.vk.io" | b"htcondor-job.knoc.io" => Some(&WRITTEN_BY_PLUGINS),
        b"docker-options.vk.io" if key.ends_with(b"/flags") => Some(&WRITTEN_BY_PLUGINS),
        domain if is_fuse(domain) => Some(&WRITTEN_BY_PLUGINS),
        b"job.vk.io" => Some(&UNREAD_BY_PLUGINS),
        domain if domain.ends_with(b".knoc.io") => Some(&UNREAD_BY_PLUGINS),
        _ => None,
    }
}

/// Returns whether the NATS plugin takes a domain for `fuse.vk.io`: it searches keys for the regular expression
/// `fuse.vk.io/([\w-]+)`, in which a dot stands for any character.
fn is_fuse(domain: &[u8]) -> bool {
    const PATTERN: &str = "fuse.vk.io";
    let domain = String::from_utf8_lossy(domain);
    let length = domain.chars().count();
    length >= PATTERN.len()
        && domain
            .chars()
            .skip(length - PATTERN.len())
            .zip(PATTERN.chars())
            .all(|(found, expected)| expected == '.' || found == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_all(keys: &[&str], expected: Option<&'static AnnotationInfo>) {
        for key in keys {
            assert_eq!(look_up_plugin(key.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn finds_keys_that_plugins_write_into_scripts() {
        let keys = [
            "slurm-job.vk.io/pre-exec",
            "slurm-job.vk.io/of-another-version",
            "docker-options.vk.io/flags",
            "htcondor-job.vk.io/singularity-options",
            "htcondor-job.knoc.io/image-root",
            "fuse.vk.io/data",
            "a.fuse-vkxio/data",
            "fuse\u{212a}vk.io/data",
        ];
        assert_all(&keys, Some(&WRITTEN_BY_PLUGINS));
    }

    #[test]
    fn finds_keys_that_plugins_no_longer_read() {
        let keys = ["job.vk.io/flags", "slurm-job.knoc.io/flags", "other.knoc.io/x", "job.knoc.io/"];
        assert_all(&keys, Some(&UNREAD_BY_PLUGINS));
    }

    #[test]
    fn ignores_other_keys() {
        let keys = [
            "",
            "flags",
            "slurm-job.vk.io",
            "Slurm-Job.vk.io/flags",
            "docker-options.vk.io/network",
            "docker-options.vk.io/my-flags",
            "cvmfs.vk.io/data",
            "slurm-job.vk.io.example.org/flags",
            "my-slurm-job.vk.io/flags",
            "knoc.io/x",
            "myknoc.io/x",
            "uses.vk.io/data",
            "use.vk.io/data",
            "fuse.vk.io.org/data",
            "example.org/fuse.vk.io",
            "interlink.eu/pod-vpn",
        ];
        assert_all(&keys, None);
    }
}
