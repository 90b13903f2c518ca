//! Output, as the model keeps it.

use longshore_core::store::{
    LeaseKey, LeaseStatus, OutputAppend, OutputCursor, OutputPage, OutputRequest, StoredOutput,
};

use super::job::{Job, Part};
use super::{Answer, MOMENT, Model, Refusal};

impl Model {
    /// Stores output; a number that was stored before changes nothing.
    pub fn append_output(&mut self, appends: &[OutputAppend]) -> Vec<LeaseStatus> {
        let answers = appends
            .iter()
            .map(|append| self.status(append.lease))
            .collect();
        for append in appends {
            if self.held(append.lease).is_none() {
                continue;
            }
            let job = self
                .jobs
                .get_mut(&append.lease.job)
                .expect("its lease is held");
            let cursor = OutputCursor {
                token: append.lease.token,
                seq: append.seq,
            };
            if job.output.iter().all(|part| part.cursor != cursor) {
                job.output.push(Part {
                    lease: append.lease,
                    cursor,
                    kept: append.output.clone(),
                    resume: append.resume.clone(),
                });
                job.output.sort_by_key(|part| part.cursor);
            }
        }
        answers
    }

    /// A page of an attempt's output.
    pub fn read_output(&self, request: OutputRequest) -> Answer<OutputPage> {
        let job = self.job(request.job)?;
        let state = job.state();
        let made = attempts(job);
        let lease = match request.attempt {
            None => made.last(),
            Some(asked_for) => {
                let found = made.iter().find(|lease| lease.attempt == asked_for);
                Some(found.ok_or_else(|| Refusal::Invalid("attempt".to_owned()))?)
            }
        };
        let Some(lease) = lease else {
            return Ok(OutputPage {
                attempt: None,
                chunks: Vec::new(),
                is_end: state.is_terminal(),
                state,
            });
        };
        let is_of = |part: &&Part| part.lease.attempt == lease.attempt;
        let is_after = |part: &&Part| request.after.is_none_or(|after| part.cursor > after);
        let mut left = job.output.iter().filter(is_of).filter(is_after).peekable();
        let mut chunks = Vec::new();
        let mut bytes = 0;
        while let Some(part) =
            left.next_if(|_| chunks.is_empty() || bytes < request.max_bytes as usize)
        {
            bytes += part.kept.bytes.len();
            chunks.push(StoredOutput {
                cursor: part.cursor,
                stream: part.kept.stream,
                position: part.kept.position,
                bytes: part.kept.bytes.clone(),
                at: MOMENT,
            });
        }
        Ok(OutputPage {
            attempt: Some(lease.attempt),
            is_end: left.peek().is_none() && !self.holds(*lease),
            chunks,
            state,
        })
    }
}

/// The leases of a job's attempts, the live one last.
fn attempts(job: &Job) -> Vec<LeaseKey> {
    let ended = job.attempts.iter().map(|ended| LeaseKey {
        job: crate::model::NOBODY,
        attempt: ended.attempt,
        token: ended.token,
    });
    ended.chain(job.lease()).collect()
}
