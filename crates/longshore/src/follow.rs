//! Following a job: its output as it comes, why it waits, until it has ended.
//!
//! Reads only. What a worker stores arrives in the store chunk by chunk; a follower remembers how
//! far it got, and wake-ups are hints beneath a poll. An outage of the database is sat out.

use std::time::Duration;

use longshore_core::output::Stream;
use longshore_core::store::{JobDetail, OutputCursor, OutputPage, OutputRequest, Store};
use longshore_core::{AttemptNumber, JobId, State};

use crate::exit::{self, Exit};
use crate::outage::sit_out;
use crate::output::{self, Out};
use crate::status;
use crate::waits::Waits;

/// Without a hint, how soon news of a job are seen.
pub const POLL: Duration = Duration::from_millis(250);
/// How much output is asked for at once.
pub const PAGE_BYTES: u32 = 1024 * 1024;
const FIRST: AttemptNumber = AttemptNumber(1);

/// Which of a job's outputs are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streams {
    /// Its standard output.
    pub stdout: bool,
    /// Its standard error.
    pub stderr: bool,
}

impl Streams {
    /// Both.
    pub const BOTH: Self = Self {
        stdout: true,
        stderr: true,
    };

    fn has(self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        }
    }
}

/// Writes stored output: stdout to stdout and stderr to stderr, byte for byte, and says on stderr
/// where the cap left something out.
pub struct OutputWriter {
    streams: Streams,
    /// Where the next byte of each stream stands if nothing was left out.
    expected: [u64; 2],
}

impl OutputWriter {
    /// For one attempt.
    pub fn new(streams: Streams) -> Self {
        Self {
            streams,
            expected: [0; 2],
        }
    }

    /// Writes a page.
    pub fn write(&mut self, out: &mut Out, page: &OutputPage) -> anyhow::Result<()> {
        for chunk in &page.chunks {
            if !self.streams.has(chunk.stream) {
                continue;
            }
            let (expected, name) = match chunk.stream {
                Stream::Stdout => (&mut self.expected[0], "stdout"),
                Stream::Stderr => (&mut self.expected[1], "stderr"),
            };
            let left_out = chunk.position.saturating_sub(*expected);
            *expected = chunk.position + chunk.bytes.len() as u64;
            if left_out > 0 {
                out.flush()?;
                output::talk(&format!(
                    "{left_out} bytes of {name} were left out here: the output cap"
                ));
            }
            match chunk.stream {
                Stream::Stdout => out.bytes(&chunk.bytes)?,
                Stream::Stderr => {
                    // In the order in which they were stored, when both go to one terminal.
                    out.flush()?;
                    output::stderr_bytes(&chunk.bytes)?;
                }
            }
        }
        out.flush()
    }
}

/// Follows one job.
pub struct Follower<'a> {
    store: &'a dyn Store,
    job: JobId,
    streams: Streams,
    writer: OutputWriter,
    from: Start,
    /// The attempt being read; none until there is one.
    attempt: Option<AttemptNumber>,
    after: Option<OutputCursor>,
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
    pub fn new(store: &'a dyn Store, job: JobId, from: Start, streams: Streams) -> Self {
        Self {
            store,
            job,
            streams,
            writer: OutputWriter::new(streams),
            from,
            attempt: None,
            after: None,
            waits: Waits::default(),
        }
    }

    /// Writes what comes until the job has ended. Cancellation-safe: called again, it goes on
    /// where it was.
    pub async fn until_end(&mut self, out: &mut Out) -> anyhow::Result<JobDetail> {
        let mut wakeups = self.store.wakeups();
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
            self.writer.write(out, &page)?;
            self.attempt = page.attempt.or(self.attempt);
            self.after = page.chunks.last().map(|chunk| chunk.cursor).or(self.after);
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

    async fn read(&self) -> anyhow::Result<OutputPage> {
        let (job, attempt, after) = (self.job, self.attempt, self.after);
        let request = OutputRequest {
            job,
            attempt,
            after,
            max_bytes: PAGE_BYTES,
        };
        Ok(sit_out(async || self.store.read_output(request).await).await?)
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
        self.writer = OutputWriter::new(self.streams);
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
