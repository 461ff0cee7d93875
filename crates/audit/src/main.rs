//! The command `interlink-audit`.

mod cli;
mod progress;

use std::borrow::Cow;
use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use interlink_audit::cluster::{Cluster, ConnectionOptions, Selection};
use interlink_audit::document::{Origin, Problem};
use interlink_audit::evaluate::Evaluator;
use interlink_audit::host::Module;
use interlink_audit::input::{self, Documents, Files};
use interlink_audit::report::{
    Format, GitHub, GitLab, JUnit, Json, PolicyReport, Report, Sarif, Show, Summary, Table, print_error,
};
use interlink_audit::request::{Impersonation, Mode};
use interlink_audit::versions::Versions;
use interlink_audit::{MODULE, policy_settings, registry};
use interlink_generate::reference;

use cli::{Audit, Check, Cli, ClusterOptions, Command, FailOn, Folders};
use progress::Progress;

/// The exit code if something is refused.
const REFUSED: u8 = 1;

/// The exit code for wrong usage and unreadable input.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Check(arguments) => check(arguments),
        Command::Audit(arguments) => audit(arguments),
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

/// Evaluates manifests.
///
/// # Errors
/// If the module or the settings cannot be used.
fn check(arguments: Check) -> Result<ExitCode, Problem> {
    let Check { files, folders, policy, output, username, groups, namespace, old } = arguments;
    let old = old.as_deref().map(Versions::read).transpose()?.unwrap_or_default();
    let mode = Mode::Manifests { impersonation: Impersonation { username, groups, namespace }, old };
    let (evaluator, summary) = run(|| read_files(&files, &folders), &policy, &output, mode)?;
    if let Mode::Manifests { old, .. } = &evaluator.mode
        && old.without_later_version() > 0
        && !output.quiet
    {
        let unmatched = old.without_later_version();
        eprintln!("note: {unmatched} of {} objects in --old have no later version in the given files", old.total());
    }
    if summary.trusted > 0 {
        let (count, is) = if summary.trusted == 1 { ("1 object", "was") } else { ("some objects", "were") };
        eprintln!("warning: {count} {is} accepted unchecked, because the settings trust the requester");
    }
    Ok(exit_code(&summary, output.fail_on))
}

/// Evaluates objects that are stored in a cluster.
///
/// # Errors
/// If the module or the settings cannot be used.
fn audit(arguments: Audit) -> Result<ExitCode, Problem> {
    let Audit { files, folders, cluster, policy, output, require_managed_fields } = arguments;
    let is_live = cluster.cluster;
    let documents = || if is_live { read_cluster(cluster) } else { read_files(&files, &folders) };
    let (_, summary) = run(documents, &policy, &output, Mode::Stored)?;
    if summary.writers_unknown > 0 {
        let (kind, verdict) = if require_managed_fields { ("error", "") } else { ("note", "; they are accepted") };
        let fix = if is_live { "" } else { "; run kubectl get with --show-managed-fields" };
        eprintln!(
            "{kind}: objects with annotations that interLink writes, but without managedFields to show whether it did: \
             {}{verdict}{fix}",
            summary.writers_unknown
        );
        if require_managed_fields {
            return Ok(ExitCode::from(REFUSED));
        }
    }
    Ok(exit_code(&summary, output.fail_on))
}

fn read_files(files: &[String], folders: &Folders) -> Result<Documents, Problem> {
    Ok(input::read(Files::find(files, &folders.exclude, folders.strict)?))
}

fn read_cluster(options: ClusterOptions) -> Result<Documents, Problem> {
    let ClusterOptions { context, kubeconfig, namespace, all_namespaces, selector, resources, .. } = options;
    let cluster = Cluster::new(&ConnectionOptions { kubeconfig, context })?;
    let namespace = namespace.filter(|_| !all_namespaces);
    Ok(Box::new(cluster.read(Selection { resources, namespace, selector })))
}

/// Evaluates every object. A problem with one of them does not stop the others.
fn run(
    documents: impl FnOnce() -> Result<Documents, Problem>,
    policy: &cli::PolicyOptions,
    output: &cli::Output,
    mode: Mode,
) -> Result<(Evaluator, Summary), Problem> {
    let module = load_module(policy)?;
    let settings = load_settings(policy, &module, output.quiet)?;
    let evaluator = Evaluator { module, settings, mode, is_built_in: policy.module.is_none() };
    let progress = Progress::start(!output.quiet);
    let documents = documents()?.inspect(|document| progress.read(document));
    let mut format = format(output);
    let show = match (output.only_refused, output.quiet) {
        (true, _) => Show::Refused,
        (false, true) => Show::Findings,
        (false, false) => Show::All,
    };
    let mut report = Report::new(&mut *format, show);
    let written = evaluator.run(documents, |evaluation| progress.evaluated(&evaluation, || report.add(&evaluation)));
    progress.finish();
    let written = written.and_then(|()| report.finish());
    let summary = written.or_else(|error| match error.kind() {
        // Whoever closes the pipe has read enough.
        io::ErrorKind::BrokenPipe => Ok(Summary::default()),
        _ => Err(Origin::file("standard output").problem(error)),
    })?;
    if summary.objects() + summary.problems == 0 && !output.quiet {
        eprintln!("note: nothing was checked");
    }
    Ok((evaluator, summary))
}

fn format(output: &cli::Output) -> Box<dyn Format> {
    let stdout = io::stdout();
    let width =
        if stdout.is_terminal() { terminal_size::terminal_size().map(|(width, _)| width.0.into()) } else { None };
    let writer = Box::new(io::BufWriter::new(anstream::AutoStream::auto(stdout)));
    match output.format {
        cli::Format::Table => Box::new(Table::new(writer, width, output.statistics)),
        cli::Format::Json => Box::new(Json::new(writer)),
        cli::Format::Sarif => Box::new(Sarif::new(writer)),
        cli::Format::Junit => Box::new(JUnit::new(writer)),
        cli::Format::Github => Box::new(GitHub::new(writer)),
        cli::Format::Gitlab => Box::new(GitLab::new(writer)),
        cli::Format::Policyreport => Box::new(PolicyReport::new(writer)),
    }
}

/// Returns the exit code. A refusal shows even if something could not be read.
fn exit_code(summary: &Summary, fail_on: FailOn) -> ExitCode {
    if summary.refused > 0 || fail_on == FailOn::Warn && summary.with_warnings > 0 {
        ExitCode::from(REFUSED)
    } else if summary.problems > 0 {
        ExitCode::from(USAGE_ERROR)
    } else {
        ExitCode::SUCCESS
    }
}

fn load_module(policy: &cli::PolicyOptions) -> Result<Module, Problem> {
    let Some(name) = &policy.module else {
        return Module::compile(MODULE).map_err(|error| Origin::file("the module in interlink-audit").problem(error));
    };
    let origin = || Origin::file(name);
    let module: Result<Cow<'_, [u8]>, Box<dyn Error + Send + Sync>> = if name.starts_with(registry::SCHEME) {
        registry::pull(name, policy.plain_http).map(Cow::from).map_err(Into::into)
    } else {
        fs::read(name).map(Cow::from).map_err(Into::into)
    };
    let module = module.map_err(|error| origin().problem(error))?;
    Module::compile_untrusted(&module).map_err(|error| origin().problem(error))
}

/// Returns the settings, as JSON.
fn load_settings(policy: &cli::PolicyOptions, module: &Module, quiet: bool) -> Result<Vec<u8>, Problem> {
    let (Some(file), from_manifest) = (policy.settings.as_ref().or(policy.policy.as_ref()), policy.settings.is_none())
    else {
        return Ok(b"{}".to_vec());
    };
    let instance = module.start().map_err(|error| Origin::file("the module").problem(error))?;
    let settings = if from_manifest {
        policy_settings::from_manifest(file, &instance)?
    } else {
        policy_settings::from_file(file, &instance)?
    };
    if let Some(manifest) = settings.missing_in.filter(|_| !quiet) {
        eprintln!("note: {manifest}: has no spec.settings; the policy's defaults apply");
    }
    Ok(settings.text)
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
