//! The command `interlink-audit`.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use interlink_annotations_policy::rules::{RULES, documentation};
use interlink_audit::host::Policy;
use interlink_audit::input::{self, Document, Problem, Source};
use interlink_audit::report::{Report, printable_text};
use interlink_audit::review::{Asker, Review};
use interlink_audit::{MODULE, policy_settings};
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
    /// Judge manifests as if they were created now.
    Check(Check),
    /// List the rules.
    Rules,
    /// Print what a rule refuses, why, and how to mend it.
    Explain {
        /// The rule's id.
        rule: String,
    },
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
    /// Ask as this user; for a service account, as system:serviceaccount:NAMESPACE:NAME.
    #[arg(long = "as", value_name = "USER")]
    username: Option<String>,
    /// With --as, ask as a member of this group; may be given several times.
    #[arg(long = "as-group", value_name = "GROUP", requires = "username")]
    groups: Vec<String>,
    /// How to print the outcome.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Evaluate this module in place of the one that the command carries.
    #[arg(long, value_name = "FILE")]
    module: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Wrong use, or input that cannot be read.
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Check(check) => run(check).unwrap_or_else(|problem| {
            complain(&problem);
            ExitCode::from(TROUBLE)
        }),
        Command::Rules => rules(),
        Command::Explain { rule } => explain(&rule),
    }
}

/// Judges every object; a problem with one does not keep the others from being judged.
///
/// # Errors
/// If there is no policy to judge by: a module or settings that cannot be used.
fn run(check: Check) -> Result<ExitCode, Problem> {
    let policy = load_policy(check.module.as_deref())?;
    let settings = load_settings(&check, &policy)?;
    let asker = Asker { username: check.username, groups: check.groups };
    let mut report = Report::default();
    for document in input::read(&check.files) {
        let judged = document.and_then(|document| judge(document, &asker, &policy, &settings));
        match judged {
            Ok((review, answer)) => report.add(&review, answer),
            Err(problem) => {
                complain(&problem);
                report.problems.push(problem);
            }
        }
    }
    let mut out = anstream::stdout().lock();
    let written = match check.format {
        Format::Table => write!(out, "{report}"),
        Format::Json => writeln!(out, "{}", report.to_json()),
    };
    if let Err(error) = written.and_then(|()| out.flush())
        // Who closes the pipe has seen enough.
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(Source::file("standard output").problem(error));
    }
    Ok(match (report.problems.len(), report.refused()) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(TROUBLE),
    })
}

fn judge(
    document: Document,
    asker: &Asker,
    policy: &Policy,
    settings: &Value,
) -> Result<(Review, interlink_audit::host::Answer), Problem> {
    let review = Review::of(document, asker)?;
    match policy.validate(&review.request, settings) {
        Ok(answer) => Ok((review, answer)),
        Err(error) => Err(review.source.problem(error)),
    }
}

fn load_policy(file: Option<&str>) -> Result<Policy, Problem> {
    let module = match file {
        None => Cow::Borrowed(MODULE),
        Some(file) => fs::read(file).map(Cow::Owned).map_err(|error| Source::file(file).problem(error))?,
    };
    let name = file.unwrap_or("the module in interlink-audit");
    Policy::load(&module).map_err(|error| Source::file(name).problem(error))
}

fn load_settings(check: &Check, policy: &Policy) -> Result<Value, Problem> {
    match (&check.settings, &check.policy) {
        (Some(file), _) => policy_settings::from_file(file, policy),
        (None, Some(file)) => policy_settings::from_manifest(file, policy),
        (None, None) => Ok(json!({})),
    }
}

fn rules() -> ExitCode {
    let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    println!("{:width$}  LEVEL   REFUSES", "RULE");
    for rule in &RULES {
        let level = rule.default_level.name();
        println!("{:width$}  {level:6}  {}", rule.id, rule.refuses.replace('`', ""));
    }
    ExitCode::SUCCESS
}

fn explain(id: &str) -> ExitCode {
    match documentation(id) {
        Some(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        None => {
            let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
            let ids = ids.join(", ");
            eprintln!("error: {id:?} is no rule; the rules are {ids}");
            ExitCode::from(TROUBLE)
        }
    }
}

fn complain(problem: &Problem) {
    eprintln!("error: {}", printable_text(&problem.to_string()));
}
