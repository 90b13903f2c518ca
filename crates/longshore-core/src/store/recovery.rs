//! What the living do for the dead: leases whose worker is gone move to another (PROTOCOL section 5).
//!
//! A take-over moves *supervision*. The attempt stays the same, and so do its slot and its container;
//! only its token is new, so that whatever the old worker still writes is refused (promise S5).

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Lease, LeaseKey, StoreResult};
use crate::executor::Handle;
use crate::host::Host;
use crate::ids::{AttemptNumber, HostId, JobId, Token, WorkerId};
use crate::output::StoredUpTo;

/// What a worker asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakeOverRequest {
    /// For whom. Its hosts and queues, as the store knows them, say which leases it can continue.
    pub worker: WorkerId,
    /// At most this many; stores take at most [`TakeOverRequest::MAX_WANT`] at once.
    pub want: u32,
    /// The worker's own number for this call, as with an acquisition.
    pub acquire_number: i64,
    /// When the worker was last heard of, as its newest answered heartbeat told it before it asked
    /// ([`super::Heartbeat::Alive`]). A call may be on its way for long, and be overtaken by heartbeats that were
    /// on their way as well: these say nothing of what kept others away meanwhile, so what counts is what was
    /// known when it was sent. A store takes nothing over if that is longer ago than half the worker's lease; a
    /// time to come counts as its newest heartbeat.
    pub heard_at: Timestamp,
    /// Leases of its own that it took over by a call whose reply was lost: they are told again, under
    /// yet another token.
    pub again: Vec<LeaseKey>,
}

impl TakeOverRequest {
    /// The most leases of one call, so that the transaction stays short.
    pub const MAX_WANT: u32 = 100;
}

/// An attempt that another worker had, and what is known of it.
#[derive(Clone, PartialEq, Debug)]
pub struct TakenOver {
    /// Under its new token.
    pub lease: Lease,
    /// Who had it.
    pub from: WorkerId,
    /// The token that it had.
    pub last_token: Token,
    /// Where its container is, if it came so far. None: nothing was started, nor will be.
    pub launched: Option<Launched>,
    /// When it began to run, if that was told.
    pub started_at: Option<Timestamp>,
    /// The database's time of this take-over.
    pub taken_at: Timestamp,
    /// A person asked for its end.
    pub cancel_requested: bool,
    /// How often it was taken from a worker that had died: not from one that handed it over.
    pub orphaned: u16,
    /// Its host is gone for good, by a person's word or by its queue's policy: nobody is to look.
    pub is_host_gone: bool,
    /// How much of its output is stored.
    pub output: StoredUpTo,
}

/// Where a container is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launched {
    /// On which host.
    pub host: HostId,
    /// Its handle there.
    pub handle: Handle,
    /// The host's boot id when the handle was stored; none for leases of before it was kept.
    pub boot_id: Option<String>,
}

/// What the living do for the dead.
#[async_trait]
pub trait Recovery: Send + Sync + 'static {
    /// Fences every worker whose lease is over, having locked its row and looked at its last sign of
    /// life again; then moves leases of workers that are fenced, said goodbye or are unknown to the
    /// caller, each with a fresh token from the sequence that acquiring draws from. By job.
    ///
    /// Which: those on a host that the caller reaches; those that are on no host yet and of a queue
    /// that it serves; those whose host is gone for good, of such a queue, also when they are the
    /// caller's own; and those named in `again`. A host that answers the caller is not gone to it. No
    /// slot becomes free, no limit is asked.
    ///
    /// Nothing when the caller drains, stopped, was fenced or is unknown: its next heartbeat tells
    /// which. Nothing either when the caller itself was not heard of for half its lease's time: what kept
    /// it away may have kept the others away, too.
    async fn take_over(&self, request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>>;

    /// Which of these attempts have a lease, whoever holds it; in their order.
    async fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>>;

    /// Whether the database is a copy that still bears the name of another: containers with that name
    /// may be the other's, and are not to be touched for lack of a lease here.
    async fn bears_anothers_name(&self) -> StoreResult<bool>;

    /// A person's word that a host is gone for good: attempts there are lost, and their jobs run
    /// again. Refused while a live worker reaches it. One that comes back is known again from then on.
    /// An unknown one is an error.
    async fn forget_host(&self, host: HostId) -> StoreResult<Host>;
}
