//! The model and some stores, taken through one list of operations.

use std::fmt::Write as _;
use std::sync::Arc;

use futures_util::future::join_all;
use longshore_core::WorkerId;
use longshore_core::queue::QueueChange;
use longshore_core::store::{AcquireRequest, Store, StoreResult};

use super::call::Call;
use super::model_side;
use super::op::Op;
use super::side::{HOSTS, QUEUES, Side, host_facts_of, worker_of};
use super::store_side;
use crate::model::Model;
use crate::store::scene::new_queue;

/// The model and some stores.
pub struct Lockstep {
    model: Model,
    sides: Vec<Side>,
    /// What was asked so far, for a report.
    asked: Vec<String>,
    calls: i64,
}

impl Lockstep {
    /// Beside each other, with nothing in them. An error says that a store is not as a fresh one, or
    /// as [`Lockstep::sweep`] leaves it.
    pub async fn begin(stores: &[Arc<dyn Store>]) -> Result<Self, String> {
        let sides = join_all(stores.iter().cloned().map(Side::begin)).await;
        let sides = sides.into_iter().collect::<StoreResult<Vec<_>>>();
        let mut model = Model::default();
        for name in QUEUES {
            model
                .create_queue(&new_queue(name))
                .map_err(|refusal| format!("{refusal:?}"))?;
        }
        for host in 0..HOSTS {
            model.register_host(&host_facts_of(host));
        }
        let mut lockstep = Self {
            model,
            sides: sides.map_err(|error| format!("before the first call: {error:?}"))?,
            asked: Vec::new(),
            calls: 0,
        };
        // One worker for everything, and one for the first queue alone.
        lockstep
            .ask(&Call::RegisterWorker(worker_of(&[1, 2, 3], &[2, 1])))
            .await?;
        lockstep
            .ask(&Call::RegisterWorker(worker_of(&[1], &[])))
            .await?;
        Ok(lockstep)
    }

    /// Takes all of them through these operations; the first answer that differs is the error.
    pub async fn run(&mut self, ops: &[Op]) -> Result<(), String> {
        for op in ops {
            self.calls += 1;
            if let Some(call) = op.resolve(&self.model, self.calls) {
                self.ask(&call).await?;
                self.ask(&self.states()).await?;
            }
        }
        self.look_at_everything().await?;
        self.empty_the_lines().await
    }

    /// Acquires all that is left, so that every list of operations shows in which order it put
    /// things.
    async fn empty_the_lines(&mut self) -> Result<(), String> {
        self.ask(&Call::RegisterWorker(worker_of(&[1, 2, 3], &[])))
            .await?;
        let worker = self.model.workers(false).first().map(|worker| worker.id);
        for queue in self.model.queues() {
            let open = QueueChange {
                max_concurrent: Some(None),
                paused: Some(false),
                ..QueueChange::default()
            };
            self.ask(&Call::ChangeQueue(queue.name, open)).await?;
            let everything = AcquireRequest {
                queue: queue.id,
                want: AcquireRequest::MAX_WANT,
                worker: worker.unwrap_or(WorkerId(0)),
                acquire_number: self.calls,
                max_concurrent: None,
            };
            self.ask(&Call::Acquire(everything)).await?;
        }
        self.ask(&self.states()).await
    }

    /// Where every job stands.
    fn states(&self) -> Call {
        Call::States(self.model.jobs().map(|(job, _)| job).collect())
    }

    async fn look_at_everything(&mut self) -> Result<(), String> {
        for call in [
            Call::WorkerMetrics,
            Call::QueueStats,
            Call::SettledCounts,
            Call::Workers(true),
            Call::Hosts,
            Call::Queues,
            Call::Audit,
        ] {
            self.ask(&call).await?;
        }
        let jobs: Vec<_> = self.model.jobs().map(|(job, _)| job).collect();
        for job in jobs {
            self.ask(&Call::ShowJob(job)).await?;
        }
        Ok(())
    }

    /// One call, of the model and of every store.
    async fn ask(&mut self, call: &Call) -> Result<(), String> {
        let expected = model_side::ask(&mut self.model, call);
        let replies = self.sides.iter_mut().map(|side| async {
            let reply = store_side::ask(&*side.store, &mut side.names, call).await;
            (side.store.kind(), reply)
        });
        let replies = join_all(replies).await;
        if replies.iter().any(|(_, reply)| !expected.contains(reply)) {
            return Err(self.report(call, &expected, &replies));
        }
        // Asked after every other, and of no consequence.
        if !matches!(call, Call::States(_)) {
            self.asked.push(call.words());
        }
        if self.model.comes_due() {
            let passing = self.sides.iter().map(|side| side.pass(Model::SOON));
            let passed = join_all(passing)
                .await
                .into_iter()
                .collect::<StoreResult<()>>();
            passed.map_err(|error| format!("waiting for a moment: {error:?}"))?;
        }
        Ok(())
    }

    fn report(&self, call: &Call, expected: &[String], replies: &[(&str, String)]) -> String {
        let mut report = String::from("the answers differ.\n");
        for (number, asked) in self.asked.iter().enumerate() {
            _ = writeln!(report, "  {number:>3}. {asked}");
        }
        _ = writeln!(report, "  then {}", call.words());
        for (index, expected) in expected.iter().enumerate() {
            let or = if index == 0 { "expected" } else { "or" };
            _ = writeln!(report, "    {or:>8}: {expected}");
        }
        for (kind, reply) in replies {
            let is_right = expected.contains(reply);
            let reply = if is_right { "as expected" } else { reply };
            _ = writeln!(report, "    {kind:>8}: {reply}");
        }
        report
    }

    /// Ends and takes away everything, so that the stores can be used again; false if something
    /// would not go.
    pub async fn sweep(&self) -> bool {
        let swept = join_all(self.sides.iter().map(Side::sweep)).await;
        swept
            .into_iter()
            .all(|is_empty| is_empty.is_ok_and(|is_empty| is_empty))
    }
}
