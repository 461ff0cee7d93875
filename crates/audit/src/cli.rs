//! The command line.

#![expect(clippy::doc_markdown, reason = "clap prints these comments as help, where backticks would show")]

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Evaluates interlink-annotations-policy over manifests, in the runtime that Kubewarden uses.
///
/// Exit codes: 0 nothing was refused, 1 something was refused, 2 wrong usage or unreadable input.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check manifests as if a user created them now, and objects of a cluster as Kubewarden's audit scanner does.
    Check(Check),
    /// List the rules.
    Rules,
    /// Print a rule's documentation: what it refuses, why, how to fix it, and examples. Without a rule, print all.
    Explain {
        /// The rule's id.
        rule: Option<String>,
    },
    /// List the annotations that interLink knows.
    Annotations,
}

#[derive(Args)]
pub(crate) struct Check {
    /// Manifests (YAML, JSON, lists, AdmissionReviews), folders of manifests, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Take the policy's settings from this YAML or JSON file.
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    pub(crate) settings: Option<String>,
    /// Take the policy's settings from this ClusterAdmissionPolicy or AdmissionPolicy manifest.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<String>,
    /// Make every request as this user, even if an object or a request says otherwise. A service account is
    /// system:serviceaccount:NAMESPACE:NAME.
    #[arg(long = "as", value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) username: Option<String>,
    /// With --as, make every request as a member of this group. Can be given several times.
    #[arg(long = "as-group", value_name = "GROUP", requires = "username")]
    pub(crate) groups: Vec<String>,
    /// Check objects as updates of their earlier versions in this file or folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) old: Option<String>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Evaluate this module instead of the one that is built in: a .wasm file, or
    /// registry://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST] with the credentials of docker login.
    #[arg(long, value_name = "MODULE")]
    pub(crate) module: Option<String>,
    /// Pull --module over HTTP without TLS, as is always done from localhost.
    #[arg(long, requires = "module")]
    pub(crate) plain_http: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}
