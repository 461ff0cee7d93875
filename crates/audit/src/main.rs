//! The command `interlink-audit`.

mod cli;
mod config;
mod explain;
mod policy;
mod progress;
mod shell;
mod toml_error;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use interlink_audit::cluster::{Cluster, ConnectionOptions, Selection};
use interlink_audit::document::{Origin, Problem, STANDARD_INPUT};
use interlink_audit::evaluate::Evaluator;
use interlink_audit::exceptions::{Baseline, Exception, Exceptions};
use interlink_audit::input::{self, Documents, Files};
use interlink_audit::report::{
    Finished, Format, GitHub, GitLab, JUnit, Json, PolicyReport, Report, Sarif, Show, Summary, Table, print_error,
    print_message,
};
use interlink_audit::request::Mode;
use interlink_audit::streams;
use interlink_audit::versions::Versions;
use interlink_generate::reference;

use cli::{Audit, Check, Cli, ClusterOptions, Command, FailOn, Folders};
use config::Config;
use progress::Progress;

/// The exit code if something is refused.
const REFUSED: u8 = 1;

/// The exit code for wrong usage and unreadable input.
const USAGE_ERROR: u8 = 2;

/// The exit code if the reader of the report closed the pipe: that of a shell for a command that SIGPIPE ended. Not all
/// objects were evaluated.
const CLOSED_PIPE: u8 = 141;

/// Several arguments name standard input.
#[derive(Debug, thiserror::Error)]
#[error("can be read only once, but several arguments are -; give the others as files")]
struct StandardInputTwice;

/// Files were given together with `--cluster`. Not declared to clap, which would no longer require --cluster
/// for the flags that need it.
#[derive(Debug, thiserror::Error)]
#[error("cannot be combined with files; use one or the other")]
struct FilesAndCluster;

/// There is nothing to audit. Not declared to clap, which would not mention --cluster.
#[derive(Debug, thiserror::Error)]
#[error("needs files, or --cluster; for help, run interlink-audit audit --help")]
struct NothingToAudit;

/// The number of messages of one kind that are printed.
const MAX_MESSAGES: usize = 5;

/// The outcome of a run.
struct Run {
    evaluator: Evaluator,
    summary: Summary,
    /// The findings to write into a baseline, if one is requested.
    baseline: Option<Baseline>,
    /// Whether there is a warning that is not about a single object.
    has_warning: bool,
}

/// The reason why a command ends early.
enum Failure {
    Problem(Problem),
    /// The reader of the report closed the pipe.
    ClosedPipe,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Check(arguments) => check(arguments),
        Command::Audit(arguments) => audit(arguments),
        Command::Rules => print(&explain::list()),
        Command::Explain { rule: Some(rule) } => match explain::explain(&rule) {
            Ok(text) => print(&text),
            Err(error) => {
                print_message("error", &error);
                Ok(ExitCode::from(USAGE_ERROR))
            }
        },
        Command::Explain { rule: None } => print(&explain::explain_all()),
        Command::Annotations => print(&reference::annotation_list()),
        Command::Completions { shell } => print(&shell::completions(shell)),
        Command::Man { folder } => shell::write_man_pages(&folder).map_err(Failure::from),
    };
    result.unwrap_or_else(|failure| match failure {
        Failure::Problem(problem) => {
            print_error(&problem);
            ExitCode::from(USAGE_ERROR)
        }
        Failure::ClosedPipe => ExitCode::from(CLOSED_PIPE),
    })
}

/// Evaluates manifests.
///
/// # Errors
/// If the module or the settings cannot be used, or the report cannot be written.
fn check(arguments: Check) -> Result<ExitCode, Failure> {
    let Check { files, mut folders, mut policy, mut output, configuration, username, groups, namespace, old } =
        arguments;
    let mut config = Config::read(&configuration)?;
    config.complete(&mut folders, &mut policy, &mut output)?;
    let impersonation = config.impersonation(username, groups, namespace)?;
    check_standard_input(files.iter().chain(&old), &policy)?;
    old.iter().try_for_each(|path| policy::check_exists(path, "--old"))?;
    let read_old = |path: &str| Versions::read(path, impersonation.namespace.as_deref());
    let old = old.as_deref().map(read_old).transpose()?.unwrap_or_default();
    let mode = Mode::Manifests { impersonation, old };
    let mut run = run(|| read_files(&files, &folders), &policy, &output, config.exceptions, mode)?;
    if let Mode::Manifests { old, .. } = &run.evaluator.mode
        && old.without_later_version() > 0
        && !output.quiet
    {
        let unmatched = old.without_later_version();
        let total = old.total();
        let have = if unmatched == 1 { "has" } else { "have" };
        let text = format!("{unmatched} of {total} objects in --old {have} no later version in the given files");
        print_message("note", &text);
    }
    if run.summary.stored_creations > 0 && !output.quiet {
        let texts = [
            "object has a uid and a resourceVersion, but was checked as a new object",
            "objects have a uid and a resourceVersion, but were checked as new objects",
        ];
        let objects = counted(run.summary.stored_creations, texts);
        print_message("note", &format!("{objects}; to check stored objects, use interlink-audit audit"));
    }
    if run.summary.trusted > 0 {
        let objects = counted(run.summary.trusted, ["object was", "objects were"]);
        let text = format!("{objects} accepted unchecked, because the settings trust the requester");
        print_message("warning", &text);
        run.has_warning = true;
    }
    run.exit_code(&output)
}

/// Evaluates objects that are stored in a cluster.
///
/// # Errors
/// If the module or the settings cannot be used, or the report cannot be written.
fn audit(arguments: Audit) -> Result<ExitCode, Failure> {
    let Audit { files, mut folders, cluster, mut policy, mut output, configuration, require_managed_fields } =
        arguments;
    match (cluster.cluster, files.is_empty()) {
        (true, false) => return Err(Origin::file("--cluster").problem(FilesAndCluster).into()),
        (false, true) => return Err(Origin::file("audit").problem(NothingToAudit).into()),
        _ => {}
    }
    let mut config = Config::read(&configuration)?;
    config.complete(&mut folders, &mut policy, &mut output)?;
    let require_managed_fields = require_managed_fields || config.require_managed_fields;
    check_standard_input(files.iter(), &policy)?;
    let is_live = cluster.cluster;
    if let Some(kubeconfig) = &cluster.kubeconfig {
        policy::check_exists(&kubeconfig.to_string_lossy(), "--kubeconfig")?;
    }
    let documents = || if is_live { read_cluster(cluster) } else { read_files(&files, &folders) };
    let run = run(documents, &policy, &output, config.exceptions, Mode::Stored)?;
    let is_unknown = run.summary.writers_unknown > 0;
    if is_unknown && (require_managed_fields || !output.quiet) {
        let objects = counted(run.summary.writers_unknown, ["object has", "objects have"]);
        let fix = if is_live { "" } else { "; run kubectl get with --show-managed-fields" };
        let text =
            format!("{objects} annotations that interLink writes, but no managedFields that show who wrote them{fix}");
        print_message(if require_managed_fields { "error" } else { "note" }, &text);
    }
    if is_unknown && require_managed_fields { Ok(ExitCode::from(REFUSED)) } else { run.exit_code(&output) }
}

/// Checks that at most one file is standard input, which can be read only once.
///
/// # Errors
/// If several are.
fn check_standard_input<'a>(
    files: impl Iterator<Item = &'a String>,
    policy: &'a cli::PolicyOptions,
) -> Result<(), Problem> {
    let named = files.chain(&policy.policy).chain(&policy.settings).filter(|file| *file == STANDARD_INPUT);
    if named.count() > 1 { Err(Origin::file(STANDARD_INPUT).problem(StandardInputTwice)) } else { Ok(()) }
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
    options: &cli::PolicyOptions,
    output: &cli::Output,
    exceptions: Vec<Exception>,
    mode: Mode,
) -> Result<Run, Failure> {
    let module = policy::load_module(options)?;
    let mut settings = policy::load_settings(options, &module)?;
    let has_warning = policy::print_remarks(&settings, output.quiet);
    if settings.turn_off_cluster_reads() && !output.quiet {
        let text = "addresses are not compared with the cluster, although settings.cluster asks for it; only podIP.cidrs \
                    counts";
        print_message("note", text);
    }
    let evaluator = Evaluator { module, settings: settings.text, mode, is_built_in: options.module.is_none() };
    let progress = Progress::start(!output.quiet);
    let documents = documents()?.inspect(|document| progress.read(document));
    let mut format = format(output)?;
    let show = match (output.only_refused, output.quiet) {
        (true, _) => Show::Refused,
        (false, true) => Show::Findings,
        (false, false) => Show::All,
    };
    let baseline = output.baseline.as_deref().map(Baseline::read).transpose()?.unwrap_or_default();
    let exceptions = Exceptions::new(exceptions, baseline);
    let new_baseline = output.write_baseline.as_ref().map(|_| Baseline::default());
    let mut report = Report::new(&mut *format, show, exceptions, new_baseline);
    let written = evaluator.run(documents, |it| progress.evaluated(it, |evaluation| report.add(evaluation)));
    progress.finish();
    let written = written.and_then(|()| report.finish());
    let finished = written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => output_problem(error).into(),
    })?;
    let Finished { summary, exceptions, baseline } = finished;
    if summary.objects() + summary.problems == 0 && !output.quiet {
        print_message("note", "nothing was checked");
    }
    // Only an audit checks across objects, but `check` may have the same configuration.
    let is_audit = matches!(evaluator.mode, Mode::Stored);
    let unused = exceptions.unused().filter(|it| is_audit || !it.is_across_objects());
    if !output.quiet {
        let notes = unused.map(|exception| format!("an exception matches no finding: {}", exception.describe()));
        print_first("note", notes, ["more exception matches no finding", "more exceptions match no finding"]);
    }
    Ok(Run { evaluator, summary, baseline, has_warning })
}

/// Begins a report in a format.
///
/// # Errors
/// If standard output is closed.
fn format(output: &cli::Output) -> Result<Box<dyn Format>, Problem> {
    let (writer, width) = streams::output().map_err(output_problem)?;
    let writer = Box::new(io::BufWriter::new(writer));
    Ok(match output.format {
        cli::Format::Table => Box::new(Table::new(writer, width, output.statistics)),
        cli::Format::Json => Box::new(Json::new(writer)),
        cli::Format::Sarif => Box::new(Sarif::new(writer)),
        cli::Format::Junit => Box::new(JUnit::new(writer)),
        cli::Format::Github => Box::new(GitHub::new(writer)),
        cli::Format::Gitlab => Box::new(GitLab::new(writer)),
        cli::Format::Policyreport => Box::new(PolicyReport::new(writer)),
    })
}

impl Run {
    /// Returns the exit code. A refusal takes precedence over something that could not be read, unless the findings are
    /// written into a baseline.
    ///
    /// # Errors
    /// If the baseline cannot be written.
    fn exit_code(&self, output: &cli::Output) -> Result<ExitCode, Failure> {
        let has_warnings = self.summary.with_warnings + self.summary.across_objects > 0;
        let fails_on_warning = output.fail_on == Some(FailOn::Warn) && (self.has_warning || has_warnings);
        let is_refused = self.summary.refused > 0 || fails_on_warning;
        if let (Some(baseline), Some(file)) = (&self.baseline, &output.write_baseline) {
            baseline.write(file)?;
            let findings = counted(baseline.len(), ["finding", "findings"]);
            print_message("note", &format!("wrote {findings} to {}", file.display()));
            print_incomplete(baseline, file);
        } else if is_refused {
            if self.summary.refused == 0 && has_warnings && output.only_refused && !output.quiet {
                print_message("note", "the exit code is 1 because of warnings, which --only-refused hides");
            }
            return Ok(ExitCode::from(REFUSED));
        }
        Ok(if self.summary.problems > 0 { ExitCode::from(USAGE_ERROR) } else { ExitCode::SUCCESS })
    }
}

/// Warns about the findings that are not in a new baseline.
fn print_incomplete(baseline: &Baseline, file: &Path) {
    let warnings = baseline.incomplete().iter().map(|(object, count)| {
        let findings = counted(*count, ["finding", "findings"]);
        let are = if *count == 1 { "is" } else { "are" };
        format!(
            "{}: lacks {findings} of {object}, which {are} left out of its result; fix some of the others, and write \
             the baseline again",
            file.display()
        )
    });
    let others =
        ["more object has findings that the baseline lacks", "more objects have findings that the baseline lacks"];
    print_first("warning", warnings, others);
}

/// Prints the first of many messages, and the number of the others: with the first text for one, with the second for
/// several.
fn print_first(kind: &str, mut messages: impl Iterator<Item = String>, others: [&str; 2]) {
    messages.by_ref().take(MAX_MESSAGES).for_each(|message| print_message(kind, &message));
    let count = messages.count();
    if count > 0 {
        print_message(kind, &counted(count, others));
    }
}

/// Returns a number with the singular or the plural after it.
fn counted(count: usize, [one, several]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// Writes to standard output, without colors if it is not a terminal.
///
/// # Errors
/// If that fails, except when the reader has closed the pipe: such a reader has read enough.
fn print(text: &str) -> Result<ExitCode, Failure> {
    let mut out = anstream::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(output_problem(error).into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn output_problem(error: io::Error) -> Problem {
    Origin::file("standard output").problem(error)
}
