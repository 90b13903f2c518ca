//! Pages of jobs. What an index has in order is read from it; anything else is a walk over jobs that are
//! looked at one by one, which ends when the page is full or after so many of them, so that a page costs the
//! same however many jobs there are.

use std::time::SystemTime;

use longshore_core::store::{JobFilter, JobPage, JobSummary, StoreError, StoreResult};
use longshore_core::{JobId, Timestamp};
use tokio_postgres::Row;

use crate::rows::column;
use crate::timestamps::parameter;
use crate::{PostgresStore, show};

const VERB: &str = "list jobs";

/// Jobs that one walk looks at.
const MOST_LOOKED_AT: i64 = 10_000;

pub(crate) async fn page(store: &PostgresStore, filter: &JobFilter) -> StoreResult<JobPage> {
    let asked = Asked::read(store, filter).await?;
    if holds_nul(filter) {
        // No job's text holds a NUL character, and PostgreSQL can't be asked for one.
        return Ok(JobPage::default());
    }
    if asked.queue.is_none() && asked.labels.is_none() && !filter.looks_inside() {
        return asked.in_order(store).await;
    }
    let over = if asked.states.is_empty() {
        Over::Jobs
    } else {
        Over::States
    };
    let walked = asked.walk(store, filter, over).await?;
    if asked.labels.is_none() || walked.is_whole {
        return Ok(walked.page);
    }
    // Few jobs have these labels, or most of those that have them are older. If few have them, all of these
    // can be looked at instead; if not, whoever goes on comes by others soon.
    let labelled = asked.walk(store, filter, Over::Labels).await?;
    Ok(if labelled.is_whole { labelled } else { walked }.page)
}

/// Over what a walk goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Jobs,
    States,
    Labels,
}

impl Over {
    fn as_str(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::States => "states",
            Self::Labels => "labels",
        }
    }
}

/// What came of a walk.
struct Walked {
    page: JobPage,
    /// Whether the page is full, or everything was looked at.
    is_whole: bool,
}

/// A filter, as the statements take it.
struct Asked {
    size: usize,
    /// One more than the page tells whether another follows.
    wanted: i64,
    before: i64,
    queue: Option<i32>,
    labels: Option<String>,
    states: Vec<&'static str>,
}

impl Asked {
    async fn read(store: &PostgresStore, filter: &JobFilter) -> StoreResult<Self> {
        let size = filter.limit.clamp(1, JobFilter::MAX_PAGE);
        let queue = match &filter.queue {
            Some(name) => Some(store.queues.id_of(VERB, &store.db, name).await?.0),
            None => None,
        };
        let labels = (!filter.labels.is_empty()).then(|| serde_json::to_string(&filter.labels));
        let labels = labels
            .transpose()
            .map_err(|e| StoreError::unexpected(VERB, e))?;
        Ok(Self {
            size: size as usize,
            wanted: i64::from(size) + 1,
            before: filter.before.map_or(i64::MAX, |job| job.0),
            queue,
            labels,
            states: filter.states.iter().map(|state| state.as_str()).collect(),
        })
    }

    /// Of all jobs, or of some states: an index has them in order.
    async fn in_order(&self, store: &PostgresStore) -> StoreResult<JobPage> {
        let rows = if self.states.is_empty() {
            let sql = include_str!("../sql/list_jobs.sql");
            store
                .db
                .rows(VERB, sql, &[&self.wanted, &self.before])
                .await?
        } else {
            let sql = include_str!("../sql/list_jobs_in_states.sql");
            let params = &[&self.wanted as _, &self.before as _, &self.states as _];
            store.db.rows(VERB, sql, params).await?
        };
        let (jobs, next) = self.full_page(&rows)?;
        Ok(JobPage { jobs, next })
    }

    async fn walk(
        &self,
        store: &PostgresStore,
        filter: &JobFilter,
        over: Over,
    ) -> StoreResult<Walked> {
        let (since, until) = (filter.since.map(submitted), filter.until.map(submitted));
        let sql = include_str!("../sql/list_jobs_walking.sql");
        let rows = store
            .db
            .rows(
                VERB,
                sql,
                &[
                    &self.wanted,
                    &self.before,
                    &self.queue,
                    &self.labels,
                    &since,
                    &until,
                    &filter.name,
                    &filter.image,
                    &filter.search,
                    &filter.exit_code,
                    &self.states,
                    &over.as_str(),
                    &MOST_LOOKED_AT,
                ],
            )
            .await?;
        let first = rows
            .first()
            .ok_or_else(|| StoreError::unexpected(VERB, "the walk told nothing"))?;
        let looked_at: i64 = column(VERB, first, "looked_at")?;
        let oldest: Option<i64> = column(VERB, first, "oldest")?;
        let has_jobs = column::<Option<i64>>(VERB, first, "id")?.is_some();
        let (jobs, next) = self.full_page(if has_jobs { &rows } else { &[] })?;
        let is_whole = next.is_some() || looked_at < MOST_LOOKED_AT;
        let further = oldest.map(JobId).filter(|_| !is_whole);
        Ok(Walked {
            page: JobPage {
                jobs,
                next: next.or(further),
            },
            is_whole,
        })
    }

    /// The page's jobs, and where the next begins if there is one job too many.
    fn full_page(&self, rows: &[Row]) -> StoreResult<(Vec<JobSummary>, Option<JobId>)> {
        let page = rows
            .iter()
            .take(self.size)
            .map(|row| show::summary(VERB, row));
        let jobs = page.collect::<StoreResult<Vec<_>>>()?;
        let last = jobs.last().map(|job| job.id);
        Ok((jobs, last.filter(|_| rows.len() > self.size)))
    }
}

/// Whether a text of the filter holds the character that PostgreSQL's texts can't.
fn holds_nul(filter: &JobFilter) -> bool {
    let labels = filter.labels.iter().flat_map(|(key, value)| [key, value]);
    let texts = [&filter.name, &filter.image, &filter.search];
    labels
        .chain(texts.into_iter().flatten())
        .any(|text| text.contains('\0'))
}

/// A time that jobs are submitted at: years before there was any are not all known to PostgreSQL.
fn submitted(at: Timestamp) -> SystemTime {
    parameter(at.max(Timestamp::UNIX_EPOCH))
}
