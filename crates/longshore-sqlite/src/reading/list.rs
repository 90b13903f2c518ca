//! Pages of jobs: ids first, by the index that has them in order, then bodies.

use std::collections::BTreeMap;

use longshore_core::JobId;
use longshore_core::state::State;
use longshore_core::store::{JobFilter, JobPage, JobSummary};
use rusqlite::named_params;

use super::summary;
use crate::error::Outcome;
use crate::rows::{Micros, json};
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
    let found = match (filter.labels.is_empty(), filter.states.is_empty()) {
        // A queue may be rare among those that an index has in order.
        _ if filter.looks_inside() || queue.is_some() => by_walking(tx, &search, filter)?,
        (true, _) => Found::page_of(search.in_states(tx, &filter.states)?, size),
        (false, true) => Found::page_of(search.labelled(tx, &filter.labels)?, size),
        (false, false) => by_walking(tx, &search, filter)?,
    };
    let jobs = found
        .ids
        .iter()
        .map(|id| summary::of(tx, *id).map(|(summary, _)| summary))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(JobPage {
        jobs,
        next: found.next,
    })
}

/// Jobs that are due later, the next one first: each queue's next ones, and of these the next.
pub(super) fn next_due(tx: &Tx<'_>, limit: u32) -> Outcome<Vec<JobSummary>> {
    let count = limit.clamp(1, JobFilter::MAX_PAGE);
    let mut due = Vec::new();
    for queue in registry::all_queues(tx)? {
        let params = named_params! { ":queue": queue.id.0, ":now": tx.now, ":count": count };
        due.extend(tx.all(sql!("next_due"), params, |row| {
            Ok((
                row.get::<_, Micros>("due_at")?,
                row.get::<_, i64>("job_id")?,
            ))
        })?);
    }
    due.sort_unstable_by_key(|(Micros(at), job)| (*at, *job));
    due.truncate(count as usize);
    let jobs = due.into_iter().map(|(_, job)| JobId(job));
    jobs.map(|job| summary::of(tx, job).map(|(summary, _)| summary))
        .collect()
}

/// The ids of a page.
struct Found {
    ids: Vec<JobId>,
    /// Where the next page begins.
    next: Option<JobId>,
}

impl Found {
    /// Of ids one of which may be too many, which tells that another page follows.
    fn page_of(mut ids: Vec<JobId>, size: usize) -> Self {
        let has_more = ids.len() > size;
        ids.truncate(size);
        let next = ids.last().copied().filter(|_| has_more);
        Self { ids, next }
    }
}

/// Jobs that each walk looks at for one page: a read that goes on for long keeps the write-ahead
/// log from being taken in, and it would grow.
const MAX_LOOKED_AT: usize = 10_000;

/// Ids of jobs that fit a filter which no single index answers.
///
/// Labels may be rare where states are not, and the other way round, and nobody counts them: two
/// walks look for the page by turns, one over the jobs with the labels and one over those in the
/// states. The first at its end has it, so that this costs no more than about twice what the better
/// of them does.
fn by_walking(tx: &Tx<'_>, search: &Search, filter: &JobFilter) -> Outcome<Found> {
    let labels = json(&filter.labels)?;
    let fits = |job: JobId| {
        let params = named_params! {
            ":job": job.0,
            ":queue": search.queue,
            ":labels": labels,
            ":name": filter.name,
            ":image": filter.image,
            ":search": filter.search,
            ":exit_code": filter.exit_code,
            ":since": filter.since.map(Micros::not_before),
            ":until": filter.until.map(Micros::not_before),
        };
        let is_alike: bool = tx.one(sql!("list_jobs_fits"), params, |row| row.get(0))?;
        Ok(is_alike
            && (filter.states.is_empty()
                || filter.states.contains(&places::find(tx, job)?.state())))
    };
    let size = search.count - 1;
    let mut walks = Vec::new();
    if !filter.labels.is_empty() {
        walks.push(Walk::of(search, Over::Labels));
    }
    if filter.labels.is_empty() || !filter.states.is_empty() {
        walks.push(Walk::of(search, Over::States));
    }
    for _ in 0..MAX_LOOKED_AT / STRIDE {
        for walk in &mut walks {
            if walk.is_over_after_a_turn(tx, filter, fits)? {
                return Ok(Found::page_of(std::mem::take(&mut walk.found), size));
            }
        }
    }
    let furthest = walks.into_iter().min_by_key(|walk| walk.next.before);
    Ok(furthest.map_or_else(
        || Found::page_of(Vec::new(), size),
        |walk| Found {
            next: Some(JobId(walk.next.before)),
            ids: walk.found,
        },
    ))
}

/// Jobs that one turn of a walk looks at.
const STRIDE: usize = 500;

/// Which jobs a walk goes over.
#[derive(Clone, Copy)]
enum Over {
    Labels,
    States,
}

/// A walk over jobs, newest first, some of which are kept.
struct Walk {
    over: Over,
    /// What the next turn looks at.
    next: Search,
    found: Vec<JobId>,
    wanted: usize,
}

impl Walk {
    fn of(search: &Search, over: Over) -> Self {
        Self {
            over,
            next: Search {
                count: STRIDE,
                ..*search
            },
            found: Vec::new(),
            wanted: search.count,
        }
    }

    /// Looks at some more jobs; true once all that is wanted was found, or nothing is left.
    fn is_over_after_a_turn(
        &mut self,
        tx: &Tx<'_>,
        filter: &JobFilter,
        fits: impl Fn(JobId) -> Outcome<bool>,
    ) -> Outcome<bool> {
        let ids = match self.over {
            Over::Labels => self.next.labelled(tx, &filter.labels)?,
            Over::States => self.next.in_states(tx, &filter.states)?,
        };
        for id in &ids {
            if self.found.len() == self.wanted {
                return Ok(true);
            }
            if fits(*id)? {
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
