//! The command line.

#![expect(clippy::doc_markdown, reason = "clap prints these comments as help, where backticks would show")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use interlink_audit::cluster::{Resource, parse_namespace};
use serde::Deserialize;

/// Evaluates interlink-annotations-policy over manifests and clusters, in the runtime that Kubewarden uses.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  nothing was refused, or only for findings that do not count
  1  something was refused, even if other documents could not be read
  2  wrong usage, or a document could not be read and nothing was refused
  141  the reader of the report closed the pipe, and not everything was evaluated";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check manifests as if a user created or updated the objects now.
    ///
    /// It does not matter what an object claims about its origin: an object of a dump is checked like any other
    /// manifest.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Audit objects that are stored in a cluster, as Kubewarden's audit scanner does.
    ///
    /// Annotations that only interLink may write are checked by metadata.managedFields, which shows who wrote them.
    #[command(after_help = AUDIT_EXAMPLES)]
    Audit(Audit),
    /// List the rules, and the checks across objects.
    Rules,
    /// Print the documentation of a rule or check: what it refuses or reports, why, and how to fix it. Without an id, print
    /// all.
    Explain {
        /// The id of the rule or check.
        rule: Option<String>,
    },
    /// List the annotations that interLink knows.
    Annotations,
    /// Print a script with which a shell completes commands and flags.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the man pages.
    Man {
        /// The folder, which is created if necessary, such as ~/.local/share/man/man1.
        folder: PathBuf,
    },
}

const CHECK_EXAMPLES: &str = "\
Examples:
  interlink-audit check --policy deploy/protect.yaml manifests/
  kubectl kustomize overlays/production | interlink-audit check --policy deploy/protect.yaml -
  interlink-audit check --old before.yaml --as jane after.yaml";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(interlink-audit completions bash)
  interlink-audit completions zsh > ~/.zfunc/_interlink-audit";

const AUDIT_EXAMPLES: &str = "\
Examples:
  interlink-audit audit --policy deploy/protect.yaml --cluster
  interlink-audit audit --policy deploy/protect.yaml --cluster --namespace physics --resource ray.io/v1/rayclusters
  kubectl get pods,deployments -A --show-managed-fields -o json > cluster.json
  interlink-audit audit --policy deploy/protect.yaml cluster.json";

#[derive(Args)]
pub(crate) struct Check {
    /// Files or folders with YAML or JSON, optionally compressed with gzip or zstd, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) folders: Folders,
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// Make every request as this user, even for an AdmissionReview. A service account is
    /// system:serviceaccount:NAMESPACE:NAME.
    #[arg(long = "as", value_name = "USER", value_parser = parse_username, help_heading = REQUEST)]
    pub(crate) username: Option<String>,
    /// With --as, make every request as a member of this group. Can be given several times.
    #[arg(long = "as-group", value_name = "GROUP", help_heading = REQUEST)]
    pub(crate) groups: Vec<String>,
    /// The namespace for objects without one, as with kubectl.
    #[arg(long, short, value_name = "NAMESPACE", value_parser = parse_namespace, help_heading = REQUEST)]
    pub(crate) namespace: Option<String>,
    /// Check objects as updates of their earlier versions in this file or folder.
    #[arg(long, value_name = "FILE", help_heading = REQUEST)]
    pub(crate) old: Option<String>,
}

#[derive(Args)]
pub(crate) struct Audit {
    /// Files or folders with YAML or JSON, optionally compressed with gzip or zstd, or - for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) folders: Folders,
    #[command(flatten)]
    pub(crate) cluster: ClusterOptions,
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// Fail if nothing shows who wrote an annotation that only interLink may write.
    #[arg(long)]
    pub(crate) require_managed_fields: bool,
}

const REQUEST: &str = "Request";
const CLUSTER: &str = "Cluster";
const POLICY: &str = "Policy";
const OUTPUT: &str = "Output";
const CONFIGURATION: &str = "Configuration";

#[derive(Args)]
pub(crate) struct Folders {
    /// Leave out files in folders that match this pattern, as in a .gitignore file. Can be given several times. A file
    /// named on the command line is always read.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Report documents in folders that are not Kubernetes objects, instead of skipping them.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args)]
pub(crate) struct ClusterOptions {
    /// Audit the objects of a live cluster instead of files. The cluster is only read.
    #[arg(long, conflicts_with_all = ["exclude", "strict"], help_heading = CLUSTER)]
    pub(crate) cluster: bool,
    /// The context in the kubeconfig.
    #[arg(long, value_name = "NAME", requires = "cluster", help_heading = CLUSTER)]
    pub(crate) context: Option<String>,
    /// The kubeconfig. The default is KUBECONFIG, then ~/.kube/config, then the service account of the pod.
    #[arg(long, value_name = "FILE", requires = "cluster", help_heading = CLUSTER)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Audit only objects in this namespace, and no nodes.
    #[arg(long, short, value_name = "NAMESPACE", value_parser = parse_namespace, requires = "cluster",
        help_heading = CLUSTER)]
    pub(crate) namespace: Option<String>,
    /// Audit all namespaces, even if --namespace is given. This is the default.
    #[arg(long, short = 'A', requires = "cluster", help_heading = CLUSTER)]
    pub(crate) all_namespaces: bool,
    /// Audit only objects whose labels match, such as app=web,tier!=test.
    #[arg(long, short = 'l', value_name = "SELECTOR", requires = "cluster", help_heading = CLUSTER)]
    pub(crate) selector: Option<String>,
    /// Audit this custom resource too: GROUP/VERSION/PLURAL, such as ray.io/v1/rayclusters. Can be given several times.
    #[arg(long = "resource", value_name = "RESOURCE", requires = "cluster", help_heading = CLUSTER)]
    pub(crate) resources: Vec<Resource>,
}

#[derive(Args)]
pub(crate) struct PolicyOptions {
    /// Take the policy's settings from this YAML or JSON file.
    #[arg(long, value_name = "FILE", conflicts_with = "policy", help_heading = POLICY)]
    pub(crate) settings: Option<String>,
    /// Take the policy's settings from its manifest in this file or folder, or - for standard input.
    #[arg(long, value_name = "FILE", help_heading = POLICY)]
    pub(crate) policy: Option<String>,
    /// Take the policy with this name from --policy, if there are several. GROUP/MEMBER names a policy group's member.
    #[arg(long, value_name = "NAME", help_heading = POLICY)]
    pub(crate) policy_name: Option<String>,
    /// Evaluate this module instead of the built-in one: a .wasm file, or
    /// registry://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST] with the credentials of docker login.
    #[arg(long, value_name = "MODULE", help_heading = POLICY)]
    pub(crate) module: Option<String>,
    /// Pull --module over HTTP without TLS, which is the default for localhost.
    #[arg(long, requires = "module", help_heading = POLICY)]
    pub(crate) plain_http: bool,
}

#[derive(Args)]
pub(crate) struct Output {
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table, help_heading = OUTPUT)]
    pub(crate) format: Format,
    /// Show only objects that are refused.
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) only_refused: bool,
    /// Show only objects with findings, and no notes except those about the configuration and a written baseline.
    /// Errors and warnings are always printed.
    #[arg(long, short, help_heading = OUTPUT)]
    pub(crate) quiet: bool,
    /// Show how often each rule has a finding, in the format table. JSON always contains it.
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) statistics: bool,
    /// Exit with code 1 for this outcome. The default is refused.
    #[arg(long, value_enum, value_name = "OUTCOME", help_heading = OUTPUT)]
    pub(crate) fail_on: Option<FailOn>,
    /// Do not count the findings in this file, which --write-baseline wrote.
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) baseline: Option<PathBuf>,
    /// Write all findings to this file, and exit with 0 unless something cannot be read.
    #[arg(long, value_name = "FILE", conflicts_with = "baseline", help_heading = OUTPUT)]
    pub(crate) write_baseline: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Configuration {
    /// Take flags and exceptions from this file instead of interlink-audit.toml.
    #[arg(long, value_name = "FILE", help_heading = CONFIGURATION)]
    pub(crate) config: Option<PathBuf>,
    /// Do not read interlink-audit.toml.
    #[arg(long, conflicts_with = "config", help_heading = CONFIGURATION)]
    pub(crate) no_config: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// JSON for programs, which docs/report.schema.json describes.
    Json,
    /// SARIF 2.1.0, for code scanning on GitHub and for editors.
    Sarif,
    /// JUnit's XML, for the test reports of CI servers.
    Junit,
    /// Workflow commands, which GitHub Actions shows beside the lines of a file.
    Github,
    /// A Code Quality report, which GitLab shows in merge requests.
    Gitlab,
    /// A list of OpenReports' reports, the kind in which Kubewarden's audit scanner stores its results.
    Policyreport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FailOn {
    /// An object is refused.
    Refused,
    /// An object is refused, or there is a warning.
    Warn,
}

/// Parses the name of a user.
///
/// # Errors
/// If it is empty, or begins like the name of a service account, but is none.
pub(crate) fn parse_username(name: &str) -> Result<String, &'static str> {
    if name.is_empty() {
        return Err("is empty; name a user");
    }
    if let Some(account) = name.strip_prefix("system:serviceaccount:")
        && !account.split_once(':').is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
    {
        return Err("is not the name of a service account; write system:serviceaccount:NAMESPACE:NAME");
    }
    Ok(name.to_owned())
}
