//! The command `interlink-audit`.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use interlink_audit::host::{Answer, Policy};
use interlink_audit::input::{self, Problem, Source};
use interlink_audit::report::{Report, printable_text};
use interlink_audit::review::{Asker, Review};
use interlink_audit::versions::Versions;
use interlink_audit::{MODULE, policy_settings, registry};
use interlink_generate::reference;
use serde_json::{Value, json};

/// Evaluates interlink-annotations-policy, in the runtime that Kubewarden uses.
///
/// Exit codes: 0 nothing refused, 1 something refused, 2 wrong use or input that cannot be read.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge manifests as if a user created them now, and objects of a cluster as Kubewarden's audit does.
    Check(Check),
    /// List the rules.
    Rules,
    /// Print what a rule refuses, why, how to mend it, and examples; without a rule, of all.
    Explain {
        /// The rule's id.
        rule: Option<String>,
    },
    /// List the annotations that interLink knows.
    Annotations,
}

#[derive(Args)]
struct Check {
    /// Manifests (YAML, JSON, lists, AdmissionReviews), folders of them, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Take the policy's settings from this YAML or JSON file.
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    settings: Option<String>,
    /// Take the policy's settings from this ClusterAdmissionPolicy or AdmissionPolicy manifest.
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Ask as this user, whatever an object or a request says itself; a service account is
    /// system:serviceaccount:NAMESPACE:NAME.
    #[arg(long = "as", value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    username: Option<String>,
    /// With --as, ask as a member of this group; may be given several times.
    #[arg(long = "as-group", value_name = "GROUP", requires = "username")]
    groups: Vec<String>,
    /// Judge objects as updates of their earlier versions in this file or folder.
    #[arg(long, value_name = "FILE")]
    old: Option<String>,
    /// How to print the outcome.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Evaluate this module in place of the one that the command carries: a .wasm file, or
    /// registry://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST] with the credentials of docker login.
    #[arg(long, value_name = "MODULE")]
    module: Option<String>,
    /// Pull --module by HTTP without TLS, as it is always pulled from localhost.
    #[arg(long, requires = "module")]
    plain_http: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Wrong use, or input that cannot be read.
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Check(check) => run(check),
        Command::Rules => print(&reference::rule_list()).map(|()| ExitCode::SUCCESS),
        Command::Explain { rule: Some(rule) } => explain(&rule),
        Command::Explain { rule: None } => print(&reference::rules()).map(|()| ExitCode::SUCCESS),
        Command::Annotations => print(&reference::annotations_table()).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|problem| {
        complain(&problem);
        ExitCode::from(TROUBLE)
    })
}

/// Judges every object; a problem with one does not keep the others from being judged.
///
/// # Errors
/// If there is no policy to judge by: a module or settings that cannot be used.
fn run(check: Check) -> Result<ExitCode, Problem> {
    let policy = load_policy(check.module.as_deref(), check.plain_http)?;
    let settings = load_settings(&check, &policy)?;
    let asker = Asker { username: check.username, groups: check.groups };
    let mut earlier = check.old.as_deref().map(Versions::read).transpose()?.unwrap_or_default();
    let mut report = Report::default();
    for document in input::read(&check.files) {
        let judged = document.and_then(|document| {
            let review = Review::of(document, &asker, &mut earlier)?;
            let answer = judge(&review, &policy, &settings)?;
            Ok((review, answer))
        });
        match judged {
            Ok((review, answer)) => report.add(&review, answer),
            Err(problem) => {
                complain(&problem);
                report.problems.push(problem);
            }
        }
    }
    remark(&report, earlier.counts());
    print(&match check.format {
        Format::Table => report.to_string(),
        Format::Json => report.to_json() + "\n",
    })?;
    Ok(match (report.problems.len(), report.refused()) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(TROUBLE),
    })
}

fn judge(review: &Review, policy: &Policy, settings: &Value) -> Result<Answer, Problem> {
    policy.validate(&review.request, settings).map_err(|error| review.source.clone().problem(error))
}

/// Says what the report alone does not: what was not compared, what could not be known, and that there was nothing.
fn remark(report: &Report, (earlier, without_later): (usize, usize)) {
    if without_later > 0 {
        eprintln!("note: {without_later} of {earlier} objects in --old have no later version in the files given");
    }
    let unknown_writers = report.with_unknown_writers();
    if unknown_writers > 0 {
        eprintln!(
            "note: objects with annotations that interLink writes, and without managedFields to tell who did: \
             {unknown_writers}; they pass for genuine; kubectl get shows managedFields with --show-managed-fields"
        );
    }
    if report.judged() == 0 && report.problems.is_empty() {
        eprintln!("note: nothing was judged");
    }
}

fn load_policy(module: Option<&str>, plain_http: bool) -> Result<Policy, Problem> {
    let name = module.unwrap_or("the module in interlink-audit");
    let module = module.map_or(Ok(Cow::Borrowed(MODULE)), |name| read_module(name, plain_http).map(Cow::Owned))?;
    Policy::load(&module).map_err(|error| Source::file(name).problem(error))
}

fn read_module(name: &str, plain_http: bool) -> Result<Vec<u8>, Problem> {
    let source = Source::file(name);
    if name.starts_with(registry::SCHEME) {
        registry::pull(name, plain_http).map_err(|error| source.problem(error))
    } else {
        fs::read(name).map_err(|error| source.problem(error))
    }
}

fn load_settings(check: &Check, policy: &Policy) -> Result<Value, Problem> {
    match (&check.settings, &check.policy) {
        (Some(file), _) => policy_settings::from_file(file, policy),
        (None, Some(file)) => policy_settings::from_manifest(file, policy),
        (None, None) => Ok(json!({})),
    }
}

fn explain(id: &str) -> Result<ExitCode, Problem> {
    let Some(text) = reference::rule(id) else {
        eprintln!("error: {id:?} is not a rule; the rules are {}", reference::rule_ids());
        return Ok(ExitCode::from(TROUBLE));
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output, without colours where it is no terminal.
///
/// # Errors
/// If that fails; not if a reader closed the pipe, who has seen enough.
fn print(text: &str) -> Result<(), Problem> {
    let mut out = anstream::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Source::file("standard output").problem(error)),
        _ => Ok(()),
    }
}

fn complain(problem: &Problem) {
    eprintln!("error: {}", printable_text(&problem.to_string()));
}
