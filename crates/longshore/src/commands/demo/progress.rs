//! Progress of the demo: a bar on a terminal, plain lines elsewhere; both on stderr.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use longshore_core::store::Store;
use longshore_core::{JobId, State};

use super::workers::Workers;
use crate::output;

/// How often to look.
const LOOK: Duration = Duration::from_millis(100);

/// How the demo went.
pub enum Outcome {
    /// Every job has ended.
    AllEnded,
    /// A person pressed Ctrl-C.
    Interrupted,
    /// No worker is left, and jobs are.
    WorkersGone(String),
}

/// Follows the jobs until all have ended.
pub async fn follow(
    store: &dyn Store,
    jobs: &[JobId],
    workers: &mut Workers,
    colored: bool,
) -> anyhow::Result<Outcome> {
    let mut view = View::new(jobs.len(), colored);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        // Asked before the states: workers that are gone can't end a job any more.
        let gone = workers.all_gone();
        let states = store.states(jobs).await?;
        let ended = states.iter().filter(|state| state.is_terminal()).count();
        let running = states
            .iter()
            .filter(|state| **state == State::Running)
            .count();
        view.show(ended, running);
        if ended == jobs.len() {
            return Ok(Outcome::AllEnded);
        }
        if let Some(how) = gone {
            return Ok(Outcome::WorkersGone(how));
        }
        tokio::select! {
            _ = &mut interrupted => return Ok(Outcome::Interrupted),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

enum View {
    Bar(ProgressBar),
    Lines { total: usize, said: Option<usize> },
}

impl View {
    fn new(total: usize, colored: bool) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { total, said: None };
        }
        let bar = if colored { "{bar:30.cyan}" } else { "{bar:30}" };
        let template = format!("{bar} {{pos}}/{{len}} ended, {{msg}} running");
        let style = ProgressStyle::with_template(&template).expect("the template is well-formed");
        let bar = ProgressBar::new(total as u64).with_style(style);
        Self::Bar(bar)
    }

    fn show(&mut self, ended: usize, running: usize) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(ended as u64);
                bar.set_message(running.to_string());
            }
            // About ten lines in all.
            Self::Lines { total, said } => {
                let tenth = ended * 10 / *total;
                if *said != Some(tenth) {
                    *said = Some(tenth);
                    output::talk(&format!("{ended} of {total} ended, {running} running"));
                }
            }
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
