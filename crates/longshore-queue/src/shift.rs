//! One shift of a worker: from its registration under a fresh id to its goodbye.
//!
//! Owns what the tasks of a shift share. The tasks themselves are owned by [`crate::crew`].

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use longshore_core::attempt::{AttemptRecord, Outcome};
use longshore_core::disposition::Disposition;
use longshore_core::executor::Executor;
use longshore_core::limit::Limit;
use longshore_core::store::Leases as _;
use longshore_core::store::{
    AcquireRequest, Acquired, Finish, Lease, NewWorker, Registry as _, Store as _, StoreResult,
};
use longshore_core::{HostId, InstanceId, QueueId, WorkerId};
use longshore_fault::point;
use tokio::sync::{Mutex, mpsc, watch};

use crate::bell::Bell;
use crate::config::WorkerConfig;
use crate::error::QueueError;
use crate::fault::unanswered;
use crate::finisher::{self, Finisher};
use crate::liveness::{BootClock, Liveness};
use crate::machines::{Machines, Placed};
use crate::metrics;
use crate::orders::{Order, Orders};
use crate::removals::Removals;
use crate::report::{Tally, WorkerReport};
use crate::retrying::Retrying;
use crate::roll::Roll;
use crate::sampling::Samplings;
use crate::served::Served;
use crate::slots::Slots;

/// Whether a shift goes on. Only ever moves forward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Going {
    /// It acquires and launches.
    On,
    /// A person asked it, through the store, to drain.
    AskedToDrain,
    /// It acquires nothing more, and what has not started goes back.
    Draining,
    /// Others took over: it writes nothing more.
    Fenced,
    /// One of its own tasks panicked: a defect. It drains.
    Faulted(String),
}

impl Going {
    fn weight(&self) -> u8 {
        match self {
            Self::On => 0,
            Self::AskedToDrain => 1,
            Self::Draining => 2,
            Self::Faulted(_) => 3,
            Self::Fenced => 4,
        }
    }
}

/// What an acquisition brought.
#[derive(Default)]
pub(crate) struct Haul {
    pub jobs: Vec<(Lease, Orders)>,
    /// How long until the queue's next job comes due, where it brought fewer than were wanted.
    pub due_in: Option<Duration>,
}

/// What the tasks of a shift share.
pub(crate) struct Shift {
    pub worker: WorkerId,
    pub instance: InstanceId,
    pub store: Retrying,
    pub config: Arc<WorkerConfig>,
    pub machines: Machines,
    served: RwLock<Vec<Arc<Served>>>,
    /// The hosts that the store knows this worker to reach, and the queues that it serves. Held while
    /// somebody learns of them.
    told: Mutex<(Vec<HostId>, Vec<QueueId>)>,
    pub roll: Arc<Roll>,
    pub tally: Tally,
    pub liveness: Liveness,
    pub finisher: Finisher,
    pub removals: Arc<Removals>,
    /// What its containers use.
    pub samplings: Arc<Samplings>,
    /// Rung when there may be something to acquire: a hint of the store, or a slot of our own.
    pub look: Bell,
    /// Whether the store's hints are known to arrive.
    pub hears: AtomicBool,
    /// Rung by hints of the store alone: a cancel request may have come.
    pub hints: Bell,
    /// Rung when leases of ours may be unknown to us: after a heartbeat, or a lost reply.
    pub reconcile: Bell,
    /// A permit for each job that this worker has in its hands.
    pub slots: Slots,
    going: watch::Sender<Going>,
}

impl Shift {
    /// Registers a worker under a fresh id. Also returns what the tasks of its finisher and of its
    /// removals take from.
    pub async fn begin(
        store: &Retrying,
        executors: &[Arc<dyn Executor>],
        config: &Arc<WorkerConfig>,
        clock: &BootClock,
    ) -> Result<(Arc<Self>, finisher::Inbox, mpsc::Receiver<Placed>), QueueError> {
        let instance = store.instance().await?;
        let machines = Machines::enter(store, executors, config.max_concurrent).await?;
        let served = machines.serve_all(store, &config.queues).await?;
        let advertised = advertised(config, &served);
        let hosts = machines.hosts();
        let sent = clock.now();
        let worker = store
            .register_worker(&NewWorker {
                name: config.name.clone(),
                hostname: config.hostname.clone(),
                pid: config.pid,
                boot_id: config.boot_id.clone(),
                version: config.version.clone(),
                queues: advertised.clone(),
                hosts: hosts.clone(),
                capacity: config.max_concurrent,
                lease_ttl: config.lease_ttl,
            })
            .await?;
        metrics::slots().set(config.max_concurrent);
        let (finisher, inbox) = Finisher::new();
        let (removals, leftovers) = Removals::new();
        let shift = Arc::new(Self {
            worker,
            instance,
            store: store.clone(),
            config: Arc::clone(config),
            machines,
            served: RwLock::new(served),
            told: Mutex::new((hosts, advertised)),
            roll: Arc::default(),
            tally: Tally::default(),
            liveness: Liveness::new(
                clock.clone(),
                config.lease_ttl,
                config.heartbeat_interval,
                sent,
            ),
            finisher,
            removals,
            samplings: Arc::default(),
            look: Bell::new(),
            hears: AtomicBool::new(false),
            hints: Bell::new(),
            reconcile: Bell::new(),
            slots: Slots::new(config.max_concurrent),
            going: watch::Sender::new(Going::On),
        });
        Ok((shift, inbox, leftovers))
    }

    /// Takes jobs of a queue, and puts them on the roll: no more than its hosts have slots for, as far
    /// as is known; none once the shift takes nothing more.
    ///
    /// A call that is in flight when the shift begins to end is not waited for and not repeated:
    /// what it brings goes back with the drain's last look. Cancellation-safe: what a call acquires
    /// whose caller is gone is handed back after the next heartbeat.
    pub async fn acquire(
        &self,
        served: &Arc<Served>,
        want: u32,
        max_concurrent: Option<Limit>,
        timeout: Duration,
    ) -> StoreResult<Option<Haul>> {
        let machines = &self.machines;
        let at_most_old = self.config.poll_interval / 2;
        let room = machines.room(&self.store, served, at_most_old).await;
        let want = want.min(room);
        let Some(acquiring) = self.roll.acquiring() else {
            return Ok(None);
        };
        if want == 0 {
            return Ok(Some(Haul::default()));
        }
        let request = AcquireRequest {
            queue: served.queue.id,
            want: want.min(AcquireRequest::MAX_WANT),
            worker: self.worker,
            acquire_number: acquiring.number,
            max_concurrent,
        };
        // The call keeps its number in flight for as long as it may still commit.
        let store = self.store.within(timeout).holding(acquiring.clone());
        let by = self.worker.0;
        let call = async {
            unanswered("acquire", point!("acquire.before_send", by).await)?;
            let reply = store.acquire(request).await;
            unanswered("acquire", point!("acquire.answered", by).await)?;
            reply
        };
        let reply = tokio::select! {
            biased;
            reply = call => reply,
            _ = self.ending() => return Ok(None),
        };
        let acquired = match reply {
            Ok(acquired) => acquired,
            Err(error) => {
                // The reply may be lost and the leases ours: look as soon as the store answers.
                drop((store, acquiring));
                self.reconcile.ring();
                return Err(error);
            }
        };
        let Acquired { leases, due_in } = acquired;
        let Some(orders) = acquiring.admit(served, &leases) else {
            return Ok(None);
        };
        // Whoever is dropped here leaves them on the roll, held: the drain hands them back.
        let _ = point!("acquire.admitted", by).await;
        served.meters.acquired(leases.len());
        let live = self.roll.live_count() as u64;
        self.tally.change(|report| {
            report.acquired += leases.len() as u64;
            report.peak = report.peak.max(live);
        });
        Ok(Some(Haul {
            jobs: leases.into_iter().zip(orders).collect(),
            due_in,
        }))
    }

    /// The queues that it serves.
    pub fn served(&self) -> Vec<Arc<Served>> {
        let served = self.served.read();
        served.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Learns what people changed of the queues: what each asks of its hosts now and, unless its
    /// queues were named, which others there are that its hosts can run. Tells the store what it
    /// reaches and serves, if that is something else than it was told last.
    pub async fn learn_queues(&self) -> StoreResult<()> {
        let mut told = self.told.lock().await;
        let queues = self.store.queues().await?;
        let mut served = self.served();
        for queue in queues {
            if let Some(known) = served.iter().find(|known| known.queue.id == queue.id) {
                known.now_known(&queue);
            } else if self.config.queues.is_empty()
                && let Ok(more) = self.machines.serve(queue)
            {
                tracing::info!(queue = more.queue.name, "served from now on");
                served.push(Arc::new(more));
            }
        }
        let reach = (self.machines.hosts(), advertised(&self.config, &served));
        if *told != reach {
            let (hosts, queues) = &reach;
            self.store
                .set_worker_reach(self.worker, hosts, queues)
                .await?;
            *told = reach;
        }
        // After the store: nobody is to find us running what we did not say we serve.
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
        Ok(())
    }

    /// Whether the shift goes on.
    pub fn going(&self) -> Going {
        self.going.borrow().clone()
    }

    /// Moves forward, never back. With the first step nothing more is acquired.
    pub fn now(&self, next: Going) {
        if next != Going::On {
            self.roll.close();
        }
        self.going.send_if_modified(|going| {
            let moves = next.weight() > going.weight();
            if moves {
                *going = next;
            }
            moves
        });
    }

    /// Waits until the shift is to end, for a reason of its own. Cancellation-safe.
    pub async fn ending(&self) -> Going {
        self.when(|going| *going != Going::On).await
    }

    /// Waits until the shift is fenced. Cancellation-safe.
    pub async fn fenced(&self) {
        self.when(|going| *going == Going::Fenced).await;
    }

    async fn when(&self, wanted: impl FnMut(&Going) -> bool) -> Going {
        let mut going = self.going.subscribe();
        match going.wait_for(wanted).await {
            Ok(going) => going.clone(),
            // The sender lives in `self`.
            Err(_) => Going::Draining,
        }
    }

    /// Others took over. Nothing is killed that outlives us, and nothing more is written.
    pub fn fence(&self) {
        self.now(Going::Fenced);
        for (_, entry) in self.roll.live() {
            entry.orders.give(Order::Abandon);
        }
    }

    /// What became of everything so far.
    pub fn report(&self) -> WorkerReport {
        WorkerReport {
            contention: self.store.contention(),
            ..self.tally.read()
        }
    }
}

/// The queues that a worker says it serves.
fn advertised(config: &WorkerConfig, served: &[Arc<Served>]) -> Vec<QueueId> {
    if config.occasional {
        return vec![];
    }
    served.iter().map(|served| served.queue.id).collect()
}

/// The finish that gives a lease back, uncounted.
pub(crate) fn hand_back(lease: longshore_core::store::LeaseKey) -> Finish {
    Finish {
        lease,
        record: AttemptRecord::of(Outcome::HandedBack),
        then: Disposition::HandBack,
    }
}
