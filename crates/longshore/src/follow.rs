//! Following a job: its output as it comes, why it waits, until it has ended.
//!
//! Reads only. What a worker stores arrives in the store chunk by chunk; a follower remembers how
//! far it got, and wake-ups are hints beneath a poll. An outage of the database is sat out.

use std::cell::RefCell;
use std::time::Duration;

use longshore_core::store::{JobDetail, OutputCursor, OutputPage, OutputRequest, Store};
use longshore_core::{AttemptNumber, JobId, State};

use crate::exit::{self, Exit};
use crate::outage::sit_out;
use crate::output::{self, Out};
use crate::status;
use crate::transcript::{OutputWriter, Tail, View};
use crate::waits::Waits;

/// Without a hint, how soon news of a job are seen.
pub const POLL: Duration = Duration::from_millis(250);
/// How much output is asked for at once.
pub const PAGE_BYTES: u32 = 1024 * 1024;
const FIRST: AttemptNumber = AttemptNumber(1);

/// Follows one job.
pub struct Follower<'a> {
    store: &'a dyn Store,
    job: JobId,
    view: View,
    writer: OutputWriter,
    from: Start,
    /// The attempt being read; none until there is one.
    attempt: Option<AttemptNumber>,
    after: Option<OutputCursor>,
    /// Whether it must still be found where what it writes begins.
    seeks: bool,
    waits: Waits,
}

/// Which attempt a follower begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// The first, for those who saw the job begin.
    First,
    /// The newest.
    Newest,
}

impl<'a> Follower<'a> {
    /// A follower that has read nothing.
    pub fn new(store: &'a dyn Store, job: JobId, from: Start, view: View) -> Self {
        Self {
            store,
            job,
            view,
            writer: OutputWriter::new(view),
            from,
            attempt: None,
            after: None,
            seeks: view.tail.is_some(),
            waits: Waits::default(),
        }
    }

    /// Says that this process itself works on the job.
    pub fn work_here(&mut self) {
        self.waits.work_here();
    }

    /// Writes what comes until the job has ended. Cancellation-safe: called again, it goes on
    /// where it was.
    pub async fn until_end(&mut self, out: &mut Out) -> anyhow::Result<JobDetail> {
        self.until_end_beside_others(&RefCell::new(out)).await
    }

    /// The same, where others write too: the output is held only while something is written.
    pub async fn until_end_beside_others(
        &mut self,
        out: &RefCell<&mut Out>,
    ) -> anyhow::Result<JobDetail> {
        let mut wakeups = self.store.wakeups();
        if self.seeks {
            self.seek().await?;
        }
        loop {
            let page = self.read().await?;
            if self.attempt.is_none() && self.from == Start::First && page.attempt > Some(FIRST) {
                self.attempt = Some(FIRST);
                continue;
            }
            if !page.chunks.is_empty() || page.state.is_terminal() {
                // Two streams share the terminal with the status line.
                status::hide();
            }
            self.writer.write(&mut out.borrow_mut(), &page)?;
            self.attempt = page.attempt.or(self.attempt);
            self.after = page.chunks.last().map(|chunk| chunk.cursor).or(self.after);
            if page.is_end {
                self.writer.finish(&mut out.borrow_mut())?;
            }
            if page.is_end && self.turn_to_next_attempt().await? {
                continue;
            }
            if page.state.is_terminal() && (page.is_end || page.attempt.is_none()) {
                let detail = sit_out(async || self.store.show_job(self.job).await);
                return Ok(detail.await?);
            }
            let open = [(self.job, page.state)];
            self.waits.look(self.store, &open, 1).await?;
            if page.chunks.is_empty() || page.is_end {
                wakeups.wait(POLL).await;
            }
        }
    }

    /// Finds where the last lines of what is stored begin.
    async fn seek(&mut self) -> anyhow::Result<()> {
        let mut request = self.request();
        if let Some(mut tail) = Tail::of(self.view) {
            loop {
                let page = sit_out(async || self.store.read_output(request).await).await?;
                tail.see(&page);
                // The newest at first, should another begin meanwhile.
                request.attempt = page.attempt;
                match page.chunks.last() {
                    Some(last) => request.after = Some(last.cursor),
                    None => break,
                }
            }
            self.attempt = request.attempt;
            self.writer.begin_at(tail.begins());
        }
        self.seeks = false;
        Ok(())
    }

    async fn read(&self) -> anyhow::Result<OutputPage> {
        let request = self.request();
        Ok(sit_out(async || self.store.read_output(request).await).await?)
    }

    fn request(&self) -> OutputRequest {
        OutputRequest {
            job: self.job,
            attempt: self.attempt,
            after: self.after,
            max_bytes: PAGE_BYTES,
        }
    }

    /// True if an attempt follows the one that was read to its end. They are taken one by one:
    /// the newest may not be the next.
    async fn turn_to_next_attempt(&mut self) -> anyhow::Result<bool> {
        let Some(current) = self.attempt else {
            return Ok(false);
        };
        let newest = OutputRequest {
            job: self.job,
            attempt: None,
            after: None,
            max_bytes: 1,
        };
        let newest = sit_out(async || self.store.read_output(newest).await);
        let newest = newest.await?.attempt;
        if newest.is_none_or(|newest| newest <= current) {
            return Ok(false);
        }
        let next = AttemptNumber(current.0 + 1);
        output::talk(&format!("job {}: attempt {next}", self.job));
        self.attempt = Some(next);
        self.after = None;
        self.writer = OutputWriter::new(self.view);
        Ok(true)
    }
}

/// Resolves at Ctrl-C.
pub async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler Ctrl-C ends the process by itself.
        std::future::pending::<()>().await;
    }
}

/// The same result; if the database's fault ended the following of these jobs, says how to go on.
pub fn or_say_how_to_go_on<T>(result: anyhow::Result<T>, jobs: &[JobId]) -> anyhow::Result<T> {
    result.inspect_err(|error| {
        if exit::code_of(error) == Exit::UNAVAILABLE {
            say_how_to_go_on(jobs);
        }
    })
}

/// Says what became of a job where its own output can't say it.
pub fn say_what_went_wrong(job: &JobDetail) {
    let id = job.summary.id;
    let last = job
        .attempts_made
        .last()
        .and_then(|attempt| attempt.record.as_ref());
    match (
        job.summary.state,
        last.and_then(|record| record.error.as_ref()),
    ) {
        (State::TimedOut | State::Failed, Some(error)) => {
            output::talk(&output::words::one_line(&format!(
                "job {id} {}: {}",
                job.summary.state, error.text
            )));
        }
        (State::TimedOut | State::Cancelled, _) => {
            output::talk(&format!("job {id} {}", job.summary.state));
        }
        _ => {}
    }
}

/// Says how to go on after Ctrl-C, or an outage, stopped the following of these jobs.
pub fn say_how_to_go_on(jobs: &[JobId]) {
    let ids: Vec<String> = jobs.iter().take(5).map(ToString::to_string).collect();
    let more = if jobs.len() > ids.len() { " …" } else { "" };
    let ids = ids.join(" ");
    if let [job] = jobs {
        output::talk(&format!("stopped following; job {job} goes on"));
        output::hint(&format!(
            "`longshore logs -f {job}` follows it again, `longshore cancel {job}` cancels it"
        ));
    } else {
        output::talk("stopped waiting; the jobs go on");
        output::hint(&format!(
            "`longshore wait {ids}{more}` waits again, `longshore cancel {ids}{more}` cancels them"
        ));
    }
}
