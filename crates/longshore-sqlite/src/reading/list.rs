//! Pages of jobs: ids first, by the index that has them in order, then bodies.

use longshore_core::JobId;
use longshore_core::state::State;
use longshore_core::store::{JobFilter, JobPage};
use rusqlite::named_params;

use super::summary;
use crate::error::Outcome;
use crate::rows::json;
use crate::tx::Tx;
use crate::{places, registry, sql};

pub(super) fn page(tx: &Tx<'_>, filter: &JobFilter) -> Outcome<JobPage> {
    let size = filter.limit.clamp(1, JobFilter::MAX_PAGE) as usize;
    let queue = match &filter.queue {
        Some(name) => Some(registry::find_queue(tx, name)?.id.0),
        None => None,
    };
    let search = Search {
        queue,
        before: filter.before.map_or(i64::MAX, |job| job.0),
        // One more than the page, to know whether another follows.
        count: size + 1,
    };
    let mut ids = if filter.labels.is_empty() {
        search.by_state(tx, &filter.states)?
    } else {
        search.by_label(tx, filter)?
    };
    let has_more = ids.len() > size;
    ids.truncate(size);
    let jobs = ids
        .iter()
        .map(|id| summary::of(tx, *id).map(|(summary, _)| summary))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(JobPage {
        next: ids.last().copied().filter(|_| has_more),
        jobs,
    })
}

struct Search {
    queue: Option<i32>,
    before: i64,
    count: usize,
}

impl Search {
    /// Ids of jobs in any of the states, newest first: some from each place, merged.
    fn by_state(&self, tx: &Tx<'_>, states: &[State]) -> Outcome<Vec<JobId>> {
        let mut ids = Vec::new();
        if states.is_empty() {
            ids = self.ids(tx, sql!("list_jobs"))?;
        }
        for (index, state) in states.iter().enumerate() {
            if !states[..index].contains(state) {
                ids.extend(self.in_state(tx, *state)?);
            }
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(self.count);
        Ok(ids)
    }

    fn in_state(&self, tx: &Tx<'_>, state: State) -> Outcome<Vec<JobId>> {
        match state {
            State::Pending => self.ids(tx, sql!("list_pending")),
            State::Queued => self.ids(tx, sql!("list_queued")),
            State::Retrying => self.ids(tx, sql!("list_retrying")),
            State::Launching => self.ids(tx, sql!("list_launching")),
            State::Running => self.ids(tx, sql!("list_running")),
            State::Completed | State::Failed | State::TimedOut | State::Cancelled => {
                let params = named_params! {
                    ":state": state.as_str(),
                    ":before": self.before,
                    ":queue": self.queue,
                    ":count": self.count(),
                };
                tx.all(sql!("list_settled"), params, |row| row.get(0).map(JobId))
            }
        }
    }

    fn ids(&self, tx: &Tx<'_>, statement: &str) -> Outcome<Vec<JobId>> {
        let params = named_params! {
            ":before": self.before,
            ":queue": self.queue,
            ":count": self.count(),
        };
        tx.all(statement, params, |row| row.get(0).map(JobId))
    }

    /// Ids of jobs with all of the filter's labels, in any of its states.
    fn by_label(&self, tx: &Tx<'_>, filter: &JobFilter) -> Outcome<Vec<JobId>> {
        let Some((key, value)) = filter.labels.first_key_value() else {
            return Ok(Vec::new());
        };
        let mut statement = tx.prepare(sql!("list_labelled"))?;
        let mut rows = statement.query(named_params! {
            ":key": key,
            ":value": value,
            ":labels": json(&filter.labels)?,
            ":before": self.before,
            ":queue": self.queue,
        })?;
        let mut ids = Vec::new();
        while ids.len() < self.count {
            let Some(row) = rows.next()? else { break };
            let job = JobId(row.get(0)?);
            if filter.states.is_empty() || filter.states.contains(&places::find(tx, job)?.state()) {
                ids.push(job);
            }
        }
        Ok(ids)
    }

    fn count(&self) -> i64 {
        i64::try_from(self.count).expect("a page fits")
    }
}
