//! Brings a container's output into the store.
//!
//! Owns the cap, the batches (64 KiB, or 200 ms) and the back-pressure: output is pulled no
//! faster than the store takes it, so memory does not grow and nothing is dropped. Also the watch
//! for silence, because it alone knows whether the container is silent or not listened to.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use longshore_core::executor::ExecutorError;
use longshore_core::output::{Checkpoint, KeptOutput, OutputCap, OutputChunk, StoredUpTo};
use longshore_core::store::{LeaseKey, Leases as _, OutputAppend};
use longshore_fault::point;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::orders::{Order, Orders, StopReason};
use crate::patience::patiently;
use crate::retrying::Retrying;

/// Pending output is stored when it is this much…
const BATCH_BYTES: usize = 64 * 1024;
/// … or this old: people who follow it see it at once, by their measure.
const BATCH_AGE: Duration = Duration::from_millis(200);
/// After the container's end its output ends too, in the executor's own time: one that is silent
/// may be reading its log again, or waiting for an engine that hangs, for about a minute. This is
/// for an executor that never says the end, so it is longer than that.
const SILENCE_AFTER_END: Duration = Duration::from_mins(2);

/// Brings the output of one attempt into the store.
pub(crate) struct Pump {
    store: Retrying,
    lease: LeaseKey,
    orders: Orders,
    cap: OutputCap,
    no_output_timeout: Option<Duration>,
    pending: Vec<KeptOutput>,
    pending_bytes: usize,
    pending_since: Option<Instant>,
    /// Where another would go on. Nothing before it is here alone.
    checkpoint: Option<Checkpoint>,
    next_seq: i32,
    problem: Option<String>,
}

/// What is to be recorded of the output.
#[derive(Debug, Default)]
pub(crate) struct Pumped {
    pub omitted_bytes: [u64; 2],
    /// Why some of it is missing, beside the cap.
    pub problem: Option<String>,
}

impl Pump {
    pub fn new(
        store: Retrying,
        lease: LeaseKey,
        orders: Orders,
        cap_bytes: u64,
        no_output_timeout: Option<Duration>,
    ) -> Self {
        Self {
            store,
            lease,
            orders,
            cap: OutputCap::new(cap_bytes),
            no_output_timeout,
            pending: Vec::new(),
            pending_bytes: 0,
            pending_since: None,
            checkpoint: None,
            next_seq: 0,
            problem: None,
        }
    }

    /// Goes on where another left off.
    pub fn resumed(mut self, checkpoint: Checkpoint, stored: &StoredUpTo) -> Self {
        self.cap = self.cap.resumed(&checkpoint, stored);
        self.checkpoint = Some(checkpoint);
        self
    }

    /// Pumps until the output ends. `ended` turns true when the container has ended.
    ///
    /// Dropping it leaves out what was not stored; nothing that was stored is torn.
    pub async fn run(
        mut self,
        mut output: BoxStream<'static, Result<OutputChunk, ExecutorError>>,
        mut ended: watch::Receiver<bool>,
    ) -> Pumped {
        let mut heard_at = Instant::now();
        let mut has_ended = false;
        loop {
            let silent_at = if has_ended {
                Some(heard_at + SILENCE_AFTER_END)
            } else {
                self.no_output_timeout.map(|timeout| heard_at + timeout)
            };
            tokio::select! {
                // Output first: a container that wrote in the moment in which its silence became
                // too long was not silent.
                biased;
                chunk = output.next() => match chunk {
                    Some(Ok(chunk)) => {
                        self.take(chunk);
                        if self.pending_bytes >= BATCH_BYTES {
                            self.flush().await;
                        }
                        // After the flush: while we don't listen, silence is ours.
                        heard_at = Instant::now();
                    }
                    Some(Err(error)) => {
                        tracing::warn!(job.id = self.lease.job.0, error = %error, "output was cut");
                        self.problem = Some(format!("its output could not be read to its end: {error}"));
                        break;
                    }
                    None => break,
                },
                () = at(self.pending_since.map(|since| since + BATCH_AGE)) => {
                    let deaf_since = Instant::now();
                    self.flush().await;
                    heard_at += deaf_since.elapsed();
                }
                () = at(silent_at) => {
                    if has_ended {
                        tracing::warn!(job.id = self.lease.job.0, "output was not heard to its end");
                        self.problem = Some(format!(
                            "its output may lack its end: nothing of it came for {} s, nor its end",
                            SILENCE_AFTER_END.as_secs()
                        ));
                        break;
                    }
                    self.orders.give(Order::Stop(StopReason::OutputTimeout));
                    self.no_output_timeout = None;
                }
                () = is_true(&mut ended), if !has_ended => {
                    has_ended = true;
                    heard_at = Instant::now();
                }
            }
        }
        for tail in self.cap.finish() {
            self.keep(tail);
        }
        self.flush().await;
        Pumped {
            omitted_bytes: self.cap.omitted_bytes(),
            problem: self.problem,
        }
    }

    fn take(&mut self, chunk: OutputChunk) {
        if let Some(kept) = self.cap.push(chunk.stream, &chunk.bytes) {
            self.keep(kept);
        }
        // Beyond the head, the ends of the streams are here alone: whoever goes on reads them again.
        if let (Some(at), Some(seen)) = (chunk.resume, self.cap.seen()) {
            let at = Some(at);
            self.checkpoint = Some(Checkpoint { seen, at });
        }
    }

    /// Puts output into the batch. What continues the part before it joins it, so that a program
    /// that writes byte by byte does not make a row of each.
    fn keep(&mut self, kept: KeptOutput) {
        self.pending_bytes += kept.bytes.len();
        self.pending_since.get_or_insert_with(Instant::now);
        match self.pending.last_mut() {
            Some(last)
                if last.stream == kept.stream
                    && last.position + last.bytes.len() as u64 == kept.position
                    && last.bytes.len() + kept.bytes.len() <= BATCH_BYTES =>
            {
                last.bytes.extend_from_slice(&kept.bytes);
            }
            _ => self.pending.push(kept),
        }
    }

    /// Stores what is pending, waiting for a database that is away: until it is back the container
    /// is not listened to. Numbers are fixed before the first try, so that a repeat after a lost
    /// reply stores nothing twice.
    async fn flush(&mut self) {
        self.pending_bytes = 0;
        self.pending_since = None;
        let parts = std::mem::take(&mut self.pending);
        let mut appends: Vec<OutputAppend> = Vec::new();
        for part in parts {
            for output in split(part) {
                appends.push(OutputAppend {
                    lease: self.lease,
                    seq: self.next_seq,
                    output,
                    resume: None,
                });
                self.next_seq += 1;
            }
        }
        // The place to go on from holds behind everything that was pulled so far.
        if let Some(last) = appends.last_mut() {
            last.resume = self.checkpoint.as_ref().map(Checkpoint::to_stored);
        }
        if appends.is_empty() {
            return;
        }
        let _ = point!("output.before_append", self.lease.job.0).await;
        // At most a batch, or both tails: about 2 MiB.
        let stored = patiently("append_output", || self.store.append_output(&appends)).await;
        let _ = point!("output.appended", self.lease.job.0).await;
        match stored {
            Ok(statuses) => statuses
                .into_iter()
                .for_each(|status| self.orders.heed(status)),
            Err(error) => {
                // Asked often enough. A job is not held for ever for its output.
                tracing::error!(job.id = self.lease.job.0, error = %error, "output was lost");
                self.problem = Some(format!("some of its output could not be stored: {error}"));
            }
        }
    }
}

/// Parts of at most a batch's size.
fn split(part: KeptOutput) -> impl Iterator<Item = KeptOutput> {
    let KeptOutput {
        stream,
        position,
        bytes,
    } = part;
    let sizes = (0..bytes.len()).step_by(BATCH_BYTES);
    let parts: Vec<KeptOutput> = sizes
        .map(|start| KeptOutput {
            stream,
            position: position + start as u64,
            bytes: bytes[start..bytes.len().min(start + BATCH_BYTES)].to_vec(),
        })
        .collect();
    parts.into_iter()
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn is_true(flag: &mut watch::Receiver<bool>) {
    // An error means that supervision ended: nobody waits for what this loop does then.
    let _ = flag.wait_for(|flag| *flag).await;
}
