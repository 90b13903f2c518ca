//! [`longshore_core::store::Upkeep`], as the model does it.

use longshore_core::queue::Count;
use longshore_core::state::TerminalState;
use longshore_core::store::{Aged, Pruned};
use longshore_core::{JobId, QueueId};

use super::Model;
use super::job::{Due, Job, Place, Waiting};

impl Model {
    /// Moves due jobs of every queue to their lines, at most `limit`; queue by queue.
    pub fn stage_due(&mut self, limit: u32) -> u64 {
        let queues: Vec<QueueId> = self.queues().iter().map(|queue| queue.id).collect();
        let mut staged = 0;
        for queue in queues {
            staged += self.stage(queue, limit as usize - staged);
        }
        staged as u64
    }

    /// Moves due jobs of a queue to its line, in the order in which they came due.
    pub(super) fn stage(&mut self, queue: QueueId, limit: usize) -> usize {
        let mut due: Vec<(Due, JobId, Waiting)> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.queue == queue)
            .filter_map(|(id, job)| Some((*id, *job.waiting()?)))
            .filter(|(_, waiting)| matches!(waiting.due, Due::Passed(..)))
            .map(|(id, waiting)| (waiting.due, id, waiting))
            .collect();
        due.sort_by_key(|(due, id, _)| (*due, *id));
        due.truncate(limit);
        let staged = due.len();
        for (_, id, waiting) in due {
            let due = Due::InLine(self.end_of_line());
            self.put(id, Waiting { due, ..waiting });
        }
        staged
    }

    /// Ends jobs that have waited too long; which, by id.
    pub fn expire_waiting(&mut self) -> Vec<JobId> {
        let late = |(_, job): &(&JobId, &mut Job)| job.is_overdue();
        let expired = self.jobs.iter_mut().filter(late).map(|(id, job)| {
            job.place = Place::Settled {
                state: TerminalState::TimedOut,
                attempt: job.attempts_made(),
                exit_code: None,
            };
            *id
        });
        expired.collect()
    }

    /// In every queue that ages its jobs, moves up at most `limit` of those that stood in line at its
    /// last pass; in a moment their time is over, in an hour it never is.
    pub fn age_waiting(&mut self, limit: u32) -> Vec<Aged> {
        let queues = self.queues().into_iter();
        let ageing = queues.filter_map(|queue| Some((queue.id, queue.ageing?, queue.paused)));
        let mut aged = Vec::new();
        for (queue, ageing, is_paused) in ageing.collect::<Vec<_>>() {
            if is_paused {
                self.marks.remove(&queue);
                continue;
            }
            let is_soon = ageing <= Self::SOON;
            let old = self.marks.get(&queue).copied().filter(|_| is_soon);
            for (job, waiting) in self.aged_in(queue, old).into_iter().take(limit as usize) {
                let Some(lane) = waiting.lane.aged() else {
                    continue;
                };
                let due = Due::InLine(self.end_of_line());
                self.put(
                    job,
                    Waiting {
                        due,
                        lane,
                        ..waiting
                    },
                );
                if let Some(moved) = self.jobs.get_mut(&job) {
                    moved.own.get_or_insert(waiting.lane.priority());
                }
                aged.push(Aged { job, queue, lane });
            }
            self.marks.insert(queue, self.last_place);
            self.comes_due |= is_soon;
        }
        aged
    }

    /// The jobs of a queue's line whose places were drawn by then and that can move up, in the order
    /// of their places.
    fn aged_in(&self, queue: QueueId, old: Option<u64>) -> Vec<(JobId, Waiting)> {
        let line = self.line(queue).into_iter();
        let by_then = |due| matches!((due, old), (Due::InLine(place), Some(old)) if place <= old);
        let mut aged: Vec<_> = line
            .filter(|(_, waiting)| by_then(waiting.due) && waiting.lane.aged().is_some())
            .collect();
        aged.sort_by_key(|(_, waiting)| waiting.due);
        aged
    }

    /// Takes away everything that has ended.
    pub fn prune(&mut self) -> Pruned {
        let mut pruned = Pruned::default();
        self.jobs.retain(|_, job| {
            let has_ended = job.state().is_terminal();
            if has_ended {
                pruned.jobs += 1;
                pruned.attempts += job.attempts.len() as u64;
            }
            !has_ended
        });
        pruned
    }

    /// How many jobs pruning would take away.
    pub fn prunable(&self) -> Count {
        let ended = self.jobs.values().filter(|job| job.state().is_terminal());
        Count(ended.count() as u64)
    }
}
