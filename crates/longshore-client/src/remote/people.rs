//! Jobs: what people ask of them, and what they look at.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longshore_core::queue::{Count, QueueStats, WorkerMetrics};
use longshore_core::store::{
    CancelOutcome, EndedInMinute, JobDetail, JobFilter, JobPage, JobSummary, MAX_SUBMITTED, NewJob,
    OutputPage, OutputRequest, Reading, StoreError, StoreResult, StoredOutput, Submissions,
    Submitted, check_submission,
};
use longshore_core::usage::AttemptUsage;
use longshore_core::{JobId, Priority, State};
use reqwest::Method;

use super::store::RemoteStore;
use crate::api::{
    JobQuery, NewJob as NewJobBody, OutputChunk, OutputPageBody, PriorityBody, StatesAnswer,
    StatesRequest, SubmitMany, SubmittedMany,
};

/// The most bytes of output that a server gives at once.
const MAX_PAGE_BYTES: u32 = 4 * 1024 * 1024;

#[async_trait]
impl Submissions for RemoteStore {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        const VERB: &str = "submit";
        check_submission(jobs)?;
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = jobs.iter().map(|job| NewJobBody {
            spec: job.spec().clone(),
            hold: job.is_held(),
        });
        let body = SubmitMany {
            jobs: jobs.collect(),
        };
        let path = "jobs/batch";
        let answer: SubmittedMany = self.client.send(VERB, Method::POST, path, &body).await?;
        Ok(answer.jobs)
    }

    async fn queue_job(&self, job: JobId) -> StoreResult<()> {
        let path = format!("jobs/{job}/release");
        self.client
            .act_alone("queue the job", Method::POST, &path)
            .await
    }

    async fn dequeue_job(&self, job: JobId) -> StoreResult<()> {
        let path = format!("jobs/{job}/hold");
        self.client
            .act_alone("dequeue the job", Method::POST, &path)
            .await
    }

    async fn reprioritise(&self, job: JobId, priority: Priority) -> StoreResult<()> {
        let path = format!("jobs/{job}/priority");
        let body = PriorityBody {
            priority: i64::from(priority.get()),
        };
        self.client
            .ask("reprioritise the job", Method::PUT, &path, &body)
            .await
    }

    async fn request_cancel(&self, job: JobId) -> StoreResult<CancelOutcome> {
        let path = format!("jobs/{job}/cancel");
        self.client.act("cancel the job", Method::POST, &path).await
    }

    async fn retry_job(&self, job: JobId) -> StoreResult<()> {
        let path = format!("jobs/{job}/retry");
        self.client
            .act_alone("retry the job", Method::POST, &path)
            .await
    }
}

#[async_trait]
impl Reading for RemoteStore {
    async fn list_jobs(&self, filter: &JobFilter) -> StoreResult<JobPage> {
        let pairs = pairs_of(JobQuery::from(filter));
        self.client.get_pairs("list jobs", "jobs", &pairs).await
    }

    async fn show_job(&self, job: JobId) -> StoreResult<JobDetail> {
        // Whoever may not see the values is shown the job without them, and asks for them once.
        if self.sees_env.load(Ordering::Relaxed) {
            match self.client.job(job, true).await {
                Err(StoreError::Denied { .. }) => self.sees_env.store(false, Ordering::Relaxed),
                shown => return Ok(shown?.job),
            }
        }
        Ok(self.client.job(job, false).await?.job)
    }

    async fn states(&self, jobs: &[JobId]) -> StoreResult<Vec<State>> {
        let mut states = Vec::with_capacity(jobs.len());
        for part in jobs.chunks(MAX_SUBMITTED) {
            let body = StatesRequest {
                jobs: part.to_vec(),
            };
            let path = "jobs/states";
            let answer: StatesAnswer = self
                .client
                .send("read states", Method::POST, path, &body)
                .await?;
            states.extend(answer.states);
        }
        Ok(states)
    }

    async fn newest_job(&self) -> StoreResult<Option<JobId>> {
        let filter = JobFilter {
            limit: 1,
            ..JobFilter::default()
        };
        let page = self.list_jobs(&filter).await?;
        Ok(page.jobs.first().map(|job| job.id))
    }

    async fn read_output(&self, request: OutputRequest) -> StoreResult<OutputPage> {
        const VERB: &str = "read output";
        let max_bytes = request.max_bytes.clamp(1, MAX_PAGE_BYTES);
        let mut pairs = vec![("max_bytes", max_bytes.to_string())];
        pairs.extend(
            request
                .attempt
                .map(|attempt| ("attempt", attempt.to_string())),
        );
        if let Some(after) = request.after {
            pairs.push(("after_token", after.token.to_string()));
            pairs.push(("after_seq", after.seq.to_string()));
        }
        let path = format!("jobs/{}/output", request.job);
        let page: OutputPageBody = self.client.get_pairs(VERB, &path, &pairs).await?;
        let chunks = page.chunks.into_iter().map(stored);
        let chunks: Result<Vec<StoredOutput>, _> = chunks.collect();
        Ok(OutputPage {
            attempt: page.attempt,
            chunks: chunks.map_err(|error| StoreError::unexpected(VERB, error))?,
            is_end: page.is_end,
            state: page.state,
        })
    }

    async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>> {
        self.client.get("list queues", "queues", &()).await
    }

    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        Ok(self.client.stats().await?.metrics)
    }

    async fn settled_counts(&self) -> StoreResult<BTreeMap<State, Count>> {
        Ok(self.client.stats().await?.settled)
    }

    async fn ended_by_minute(&self, minutes: u32) -> StoreResult<Vec<EndedInMinute>> {
        let minutes = minutes.clamp(1, EndedInMinute::MOST);
        let asked = [("minutes", minutes.to_string())];
        self.client
            .get_pairs("count ended jobs", "stats/ended", &asked)
            .await
    }

    async fn next_due(&self, limit: u32) -> StoreResult<Vec<JobSummary>> {
        let limit = limit.clamp(1, JobFilter::MAX_PAGE);
        let asked = [("limit", limit.to_string())];
        self.client.get_pairs("list jobs", "jobs/due", &asked).await
    }

    async fn usage_of(&self, job: JobId) -> StoreResult<Vec<AttemptUsage>> {
        let path = format!("jobs/{job}/usage");
        match self.client.get("read usage", &path, &()).await {
            Err(StoreError::UnknownJob(_)) => Ok(Vec::new()),
            answer => answer,
        }
    }
}

fn stored(chunk: OutputChunk) -> Result<StoredOutput, base64::DecodeError> {
    Ok(StoredOutput {
        cursor: chunk.cursor,
        stream: chunk.stream,
        position: chunk.position,
        bytes: STANDARD.decode(chunk.bytes)?,
        at: chunk.at,
    })
}

fn pairs_of(query: JobQuery) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    pairs.extend(query.state.iter().map(|state| ("state", state.to_string())));
    pairs.extend(query.label.into_iter().map(|label| ("label", label)));
    let texts = [
        ("queue", query.queue),
        ("name", query.name),
        ("image", query.image),
        ("search", query.search),
        ("exit_code", query.exit_code.map(|code| code.to_string())),
        ("since", query.since.map(|since| since.to_string())),
        ("until", query.until.map(|until| until.to_string())),
        ("before", query.before.map(|before| before.to_string())),
        ("limit", query.limit.map(|limit| limit.to_string())),
    ];
    pairs.extend(
        texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?))),
    );
    pairs
}
