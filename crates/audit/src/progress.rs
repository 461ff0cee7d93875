//! The line on a terminal that shows the progress of a long run.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use interlink_audit::document::{Document, Problem};
use interlink_audit::evaluate::Evaluation;

/// The time before the line is shown: a short run has none.
const DELAY: Duration = Duration::from_secs(1);

/// The time between two steps of the spinner.
const TICK: Duration = Duration::from_millis(100);

/// The line, which goes to standard error, and only if that is a terminal.
pub(crate) struct Progress {
    line: ProgressBar,
    /// The file, or the kind of a cluster's objects, that is being read.
    source: Mutex<Arc<str>>,
    /// Dropped when the run ends.
    _run: Sender<()>,
}

impl Progress {
    /// Starts the delay after which the line is shown.
    pub(crate) fn start(is_wanted: bool) -> Self {
        let line = ProgressBar::hidden();
        let style = ProgressStyle::with_template("{spinner} {human_pos} objects evaluated, reading {msg}");
        line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let (run, end) = channel();
        if is_wanted {
            let line = line.clone();
            thread::spawn(move || {
                if end.recv_timeout(DELAY) == Err(RecvTimeoutError::Timeout) && !line.is_finished() {
                    line.set_draw_target(ProgressDrawTarget::stderr());
                    line.enable_steady_tick(TICK);
                }
            });
        }
        Self { line, source: Mutex::new("".into()), _run: run }
    }

    /// Records the source of a document.
    pub(crate) fn read(&self, document: &Result<Document, Problem>) {
        let Ok(document) = document else { return };
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let current = document.origin.source();
        if !Arc::ptr_eq(&source, current) {
            *source = Arc::clone(current);
            self.line.set_message(current.escape_debug().to_string());
        }
    }

    /// Counts an object, and writes its outcome without disturbing the line.
    pub(crate) fn evaluated<R>(&self, evaluation: Evaluation, write: impl FnOnce(Evaluation) -> R) -> R {
        self.line.inc(u64::from(!matches!(evaluation, Evaluation::AcrossObjects(_))));
        match evaluation {
            Evaluation::Irrelevant | Evaluation::Skipped => write(evaluation),
            Evaluation::Outcome(_) | Evaluation::AcrossObjects(_) | Evaluation::Problem(_) => {
                self.line.suspend(|| write(evaluation))
            }
        }
    }

    /// Removes the line.
    pub(crate) fn finish(&self) {
        self.line.finish_and_clear();
    }
}
