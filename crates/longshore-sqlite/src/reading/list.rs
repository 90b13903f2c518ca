//! Pages of jobs: ids first, by the index that has them in order, then bodies.

use std::collections::BTreeMap;

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
    let mut ids = match (filter.labels.is_empty(), filter.states.is_empty()) {
        (true, _) => search.in_states(tx, &filter.states)?,
        (false, true) => search.labelled(tx, &filter.labels)?,
        (false, false) => labelled_in_states(tx, &search, filter)?,
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

/// Ids of jobs with all of the filter's labels, in any of its states.
///
/// Either may be rare where the other is not, and nobody counts them: two walks look for the page by
/// turns, one over the jobs with the labels and one over those in the states. The first at its end
/// has it, so that this costs no more than about twice what the better of them does.
fn labelled_in_states(tx: &Tx<'_>, search: &Search, filter: &JobFilter) -> Outcome<Vec<JobId>> {
    let labels = json(&filter.labels)?;
    let is_in_states = |job| Ok(filter.states.contains(&places::find(tx, job)?.state()));
    let has_labels = |job: JobId| {
        let params = named_params! { ":job": job.0, ":labels": labels };
        tx.one(sql!("list_jobs_has_labels"), params, |row| row.get(0))
    };
    let mut over_labels = Walk::of(search);
    let mut over_states = Walk::of(search);
    loop {
        let ids = over_labels.next.labelled(tx, &filter.labels)?;
        if over_labels.is_over_after(&ids, is_in_states)? {
            return Ok(over_labels.found);
        }
        let ids = over_states.next.in_states(tx, &filter.states)?;
        if over_states.is_over_after(&ids, has_labels)? {
            return Ok(over_states.found);
        }
    }
}

/// Jobs that one turn of a walk looks at.
const STRIDE: usize = 500;

/// A walk over jobs, newest first, some of which are kept.
struct Walk {
    /// What the next turn looks at.
    next: Search,
    found: Vec<JobId>,
    wanted: usize,
}

impl Walk {
    fn of(search: &Search) -> Self {
        Self {
            next: Search {
                count: STRIDE,
                ..*search
            },
            found: Vec::new(),
            wanted: search.count,
        }
    }

    /// Takes in what a turn looked at; true once all that is wanted was found, or nothing is left.
    fn is_over_after(
        &mut self,
        ids: &[JobId],
        is_kept: impl Fn(JobId) -> Outcome<bool>,
    ) -> Outcome<bool> {
        for id in ids {
            if self.found.len() == self.wanted {
                return Ok(true);
            }
            if is_kept(*id)? {
                self.found.push(*id);
            }
            self.next.before = id.0;
        }
        Ok(ids.len() < STRIDE || self.found.len() == self.wanted)
    }
}

#[derive(Clone, Copy)]
struct Search {
    queue: Option<i32>,
    before: i64,
    count: usize,
}

impl Search {
    /// Ids of jobs in any of the states, newest first: some from each place, merged.
    fn in_states(&self, tx: &Tx<'_>, states: &[State]) -> Outcome<Vec<JobId>> {
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
            State::Pending => self.ids(tx, sql!("list_jobs_pending")),
            State::Queued => self.ids(tx, sql!("list_jobs_queued")),
            State::Retrying => self.ids(tx, sql!("list_jobs_retrying")),
            State::Launching => self.ids(tx, sql!("list_jobs_launching")),
            State::Running => self.ids(tx, sql!("list_jobs_running")),
            State::Completed | State::Failed | State::TimedOut | State::Cancelled => {
                let params = named_params! {
                    ":state": state.as_str(),
                    ":before": self.before,
                    ":queue": self.queue,
                    ":count": self.count(),
                };
                tx.all(sql!("list_jobs_settled"), params, |row| {
                    row.get(0).map(JobId)
                })
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

    /// Ids of jobs with all of the labels, of which there is one at least.
    fn labelled(&self, tx: &Tx<'_>, labels: &BTreeMap<String, String>) -> Outcome<Vec<JobId>> {
        let Some((key, value)) = labels.first_key_value() else {
            return Ok(Vec::new());
        };
        let params = named_params! {
            ":key": key,
            ":value": value,
            ":labels": json(labels)?,
            ":before": self.before,
            ":queue": self.queue,
            ":count": self.count(),
        };
        tx.all(sql!("list_jobs_labelled"), params, |row| {
            row.get(0).map(JobId)
        })
    }

    fn count(&self) -> i64 {
        i64::try_from(self.count).expect("a page fits")
    }
}
