//! The command `interlink-audit`.

mod cli;

use std::borrow::Cow;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use interlink_audit::document::{Document, Origin, Problem};
use interlink_audit::host::{Answer, Policy};
use interlink_audit::report::{Report, printable_text};
use interlink_audit::review::{Impersonation, Review};
use interlink_audit::versions::Versions;
use interlink_audit::{MODULE, input, policy_settings, registry};
use interlink_generate::reference;
use serde_json::{Value, json};

use cli::{Check, Cli, Command, Format};

/// The exit code for wrong usage and unreadable input.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Check(arguments) => check(arguments),
        Command::Rules => print(&reference::rule_list()),
        Command::Explain { rule: Some(rule) } => explain(&rule),
        Command::Explain { rule: None } => print(&reference::rules()),
        Command::Annotations => print(&reference::annotations_table()),
    };
    result.unwrap_or_else(|problem| {
        print_error(&problem);
        ExitCode::from(USAGE_ERROR)
    })
}

/// Evaluates every object. A problem with one of them does not stop the others.
///
/// # Errors
/// If the module or the settings cannot be used.
fn check(arguments: Check) -> Result<ExitCode, Problem> {
    let policy = load_policy(arguments.module.as_deref(), arguments.plain_http)?;
    let settings = load_settings(&arguments, &policy)?;
    let impersonation = Impersonation { username: arguments.username, groups: arguments.groups };
    let mut earlier = arguments.old.as_deref().map(Versions::read).transpose()?.unwrap_or_default();
    let mut report = Report::default();
    for document in input::read(&arguments.files) {
        let result = document.and_then(|document| evaluate(document, &impersonation, &mut earlier, &policy, &settings));
        match result {
            Ok((review, answer)) => report.add(&review, answer),
            Err(problem) => {
                print_error(&problem);
                report.add_problem(problem);
            }
        }
    }
    print_notes(&report, &earlier);
    print(&match arguments.format {
        Format::Table => report.to_string(),
        Format::Json => report.to_json().map_err(|error| Origin::file("the report").problem(error))? + "\n",
    })?;
    Ok(match (report.has_problems(), report.refused()) {
        (true, _) => ExitCode::from(USAGE_ERROR),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::FAILURE,
    })
}

fn evaluate(
    document: Document,
    impersonation: &Impersonation,
    earlier: &mut Versions,
    policy: &Policy,
    settings: &Value,
) -> Result<(Review, Answer), Problem> {
    let review = Review::from_document(document, impersonation, earlier)?;
    match policy.validate(&review.request, settings) {
        Ok(answer) => Ok((review, answer)),
        Err(error) => Err(review.origin.problem(error)),
    }
}

fn load_policy(module: Option<&str>, plain_http: bool) -> Result<Policy, Problem> {
    let (name, module) = match module {
        Some(name) => (name, Cow::Owned(read_module(name, plain_http)?)),
        None => ("the module in interlink-audit", Cow::Borrowed(MODULE)),
    };
    Policy::load(&module).map_err(|error| Origin::file(name).problem(error))
}

fn read_module(name: &str, plain_http: bool) -> Result<Vec<u8>, Problem> {
    let origin = Origin::file(name);
    if name.starts_with(registry::SCHEME) {
        registry::pull(name, plain_http).map_err(|error| origin.problem(error))
    } else {
        fs::read(name).map_err(|error| origin.problem(error))
    }
}

fn load_settings(arguments: &Check, policy: &Policy) -> Result<Value, Problem> {
    let settings = match (&arguments.settings, &arguments.policy) {
        (Some(file), _) => policy_settings::from_file(file, policy)?,
        (None, Some(file)) => policy_settings::from_manifest(file, policy)?,
        (None, None) => return Ok(json!({})),
    };
    if let Some(manifest) = settings.missing_in {
        eprintln!("note: {manifest}: has no spec.settings; the policy's defaults apply");
    }
    Ok(settings.value)
}

/// Prints notes on what the report leaves open.
fn print_notes(report: &Report, earlier: &Versions) {
    let unmatched = earlier.without_later_version();
    if unmatched > 0 {
        eprintln!("note: {unmatched} of {} objects in --old have no later version in the given files", earlier.total());
    }
    let unknown_owners = report.with_unknown_owners();
    if unknown_owners > 0 {
        eprintln!(
            "note: objects with annotations that interLink writes, but without managedFields to show whether it did: \
             {unknown_owners}; they are accepted; run kubectl get with --show-managed-fields"
        );
    }
    if report.checked() == 0 && !report.has_problems() {
        eprintln!("note: nothing was checked");
    }
}

fn explain(id: &str) -> Result<ExitCode, Problem> {
    let Some(text) = reference::rule(id) else {
        eprintln!("error: {id:?} is not a rule; the rules are {}", reference::rule_ids());
        return Ok(ExitCode::from(USAGE_ERROR));
    };
    print(&text)
}

/// Writes to standard output, without colours if it is not a terminal.
///
/// # Errors
/// If that fails, except when the reader has closed the pipe.
fn print(text: &str) -> Result<ExitCode, Problem> {
    let mut out = anstream::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Origin::file("standard output").problem(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn print_error(problem: &Problem) {
    eprintln!("error: {}", printable_text(&problem.to_string()));
}
