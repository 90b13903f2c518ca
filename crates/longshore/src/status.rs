//! The status line at the foot of a terminal: why a job waits, how far something is.
//!
//! There is one for the process, on stderr, and only where that is a terminal: scripts and logs
//! get whole lines instead. What is written elsewhere goes above it ([`above`]).

use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner turns, and a line that shows time is redrawn.
const TICK: Duration = Duration::from_millis(120);

static LINE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Whether there is a terminal to show it on.
pub fn is_possible() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    !dumb && std::io::stderr().is_terminal()
}

/// Shows this line in the place of what it showed before.
pub fn show(text: &str) {
    if !is_possible() {
        return;
    }
    let mut line = line();
    let bar = line.get_or_insert_with(|| begin(ProgressBar::new_spinner(), "{spinner} {wide_msg}"));
    bar.set_message(text.to_owned());
}

/// Shows how much of a whole is done: `what`, a bar, and both numbers.
pub fn progress(what: &str, done: usize, total: usize) {
    if !is_possible() {
        return;
    }
    let mut line = line();
    let bar = line.get_or_insert_with(|| {
        let bar = ProgressBar::new(0);
        begin(bar, "{spinner} {msg} {bar:30} {human_pos}/{human_len}")
    });
    bar.set_message(what.to_owned());
    bar.set_length(total as u64);
    bar.set_position(done as u64);
}

/// Takes the line away.
pub fn hide() {
    if let Some(bar) = line().take() {
        bar.finish_and_clear();
    }
}

/// Takes the line away when it is dropped.
#[derive(Default)]
pub struct TakenAway;

impl Drop for TakenAway {
    fn drop(&mut self) {
        hide();
    }
}

/// Writes above the line, which is not there meanwhile.
pub fn above<T>(write: impl FnOnce() -> T) -> T {
    match &*line() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// A panic elsewhere leaves nothing here that a status line could get wrong.
fn line() -> MutexGuard<'static, Option<ProgressBar>> {
    LINE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn begin(bar: ProgressBar, template: &str) -> ProgressBar {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}
