//! Saying why what is waited for does not come: after a second, and again when the reason changes.
//!
//! On a terminal it is the status line, which always shows the present reason; elsewhere lines, of
//! which no reason makes more than one in half a minute.

use std::mem::Discriminant;
use std::time::Duration;

use longshore_core::store::Store;
use longshore_core::waiting::WhyWaiting;
use longshore_core::{JobId, State};
use tokio::time::Instant;

use crate::outage::sit_out;
use crate::{output, status};

/// How long a job may wait before somebody says why.
const PATIENCE: Duration = Duration::from_secs(1);
/// How soon the same reason is said again after another came between: among many jobs reasons
/// take turns.
const REPEAT: Duration = Duration::from_secs(30);

/// Watches jobs that have not ended.
#[derive(Default)]
pub struct Waits {
    /// Whether a running job is worth a word too, for those who don't see what it writes.
    names_running: bool,
    /// Whether this process works on the job: no worker has to serve its queue.
    works_here: bool,
    since: Option<Instant>,
    last: Option<Reason>,
    said: Vec<(Reason, Instant)>,
    /// Whatever ends the watching leaves no line behind.
    _line: status::TakenAway,
}

/// What makes a reason another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    Runs,
    Waits(Discriminant<WhyWaiting>),
    /// Each retry is news.
    Retry(u32),
}

impl From<&WhyWaiting> for Reason {
    fn from(why: &WhyWaiting) -> Self {
        if let WhyWaiting::RetryAt { retry, .. } = why {
            return Self::Retry(*retry);
        }
        Self::Waits(std::mem::discriminant(why))
    }
}

impl Waits {
    /// For those who don't see what a job writes: says also that it runs.
    pub fn naming_running() -> Self {
        Self {
            names_running: true,
            ..Self::default()
        }
    }

    /// From here on this process itself works on what is watched.
    pub fn work_here(&mut self) {
        self.works_here = true;
    }

    /// Looks at these jobs, none of which has ended; `all` is how many are waited for.
    pub async fn look(
        &mut self,
        store: &dyn Store,
        open: &[(JobId, State)],
        all: usize,
    ) -> anyhow::Result<()> {
        let waiting = open.iter().find(|(_, state)| !state.is_live());
        let running = open.first().filter(|_| self.names_running);
        let Some((job, state)) = waiting.or(running) else {
            self.since = None;
            status::hide();
            return Ok(());
        };
        if self.since.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
            return Ok(());
        }
        let many = match (all, open.len()) {
            (1, _) => String::new(),
            (_, open) => format!(" ({open} of {all} jobs have not ended)"),
        };
        if state.is_live() {
            self.say(Reason::Runs, &format!("job {job} is {state}{many}"));
            return Ok(());
        }
        let detail = sit_out(async || store.show_job(*job).await).await?;
        let is_served =
            |why: &WhyWaiting| !(self.works_here && matches!(why, WhyWaiting::NoWorker { .. }));
        if let Some(why) = detail.why_waiting.filter(is_served) {
            self.say(Reason::from(&why), &format!("job {job} waits: {why}{many}"));
        }
        Ok(())
    }

    fn say(&mut self, reason: Reason, line: &str) {
        if status::is_possible() {
            status::show(line);
        } else if self.is_news(reason, Instant::now()) {
            output::talk(line);
        }
    }

    fn is_news(&mut self, reason: Reason, now: Instant) -> bool {
        if self.last.replace(reason) == Some(reason) {
            return false;
        }
        let said = self.said.iter_mut().find(|(other, _)| *other == reason);
        match said {
            Some((_, at)) if now.duration_since(*at) < REPEAT => false,
            Some((_, at)) => {
                *at = now;
                true
            }
            None => {
                self.said.push((reason, now));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_said_once_and_after_a_while_again_if_another_came_between() {
        let mut waits = Waits::default();
        let begun = Instant::now();
        let late = begun + 2 * REPEAT;
        let (first, second) = (Reason::Retry(1), Reason::Retry(2));
        let news = [
            (first, begun, true),
            (first, begun, false),
            (first, late, false),
            (second, late, true),
            (first, late, true),
            (second, late, false),
            (second, late + REPEAT, false),
        ];
        for (at, (reason, now, expected)) in news.into_iter().enumerate() {
            assert_eq!(waits.is_news(reason, now), expected, "look {at}");
        }
    }
}
