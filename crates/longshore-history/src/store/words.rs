//! The words of a store's answers, as lines write them.

use super::fields::words;

words! {
    /// How a lease stands, by the store's answer to a write under it.
    LeaseWord {
        /// The write was accepted.
        Held = "held",
        /// The write was accepted; a person asked for the job's end.
        CancelRequested = "cancel_requested",
        /// The write was refused: the lease is another's.
        Lost = "lost",
    }
    /// What became of the fence before a start.
    FenceWord {
        /// The handle is stored.
        Stored = "stored",
        /// The handle is stored; a person asked for the job's end.
        CancelRequested = "cancel_requested",
        /// Refused: the lease is another's.
        Lost = "lost",
        /// Refused: the host gets no new jobs.
        HostDisabled = "host_disabled",
        /// Refused: the host has no room.
        HostFull = "host_full",
    }
    /// What became of a finish.
    FinishWord {
        /// Done now.
        Finished = "finished",
        /// Done now, and settled as cancelled whatever was to follow.
        Cancelled = "cancelled",
        /// An earlier try had succeeded.
        AlreadyFinished = "already_finished",
        /// Refused: the lease is another's.
        LeaseLost = "lease_lost",
        /// Refused: the job's state has no arrow for it.
        Illegal = "illegal",
    }
    /// What is to follow a finished attempt.
    Then {
        /// The job ends well.
        Completed = "completed",
        /// The job ends without success.
        Failed = "failed",
        /// The job ends by a timeout.
        TimedOut = "timed_out",
        /// The job ends because a person asked.
        Cancelled = "cancelled",
        /// Another attempt, after the delay; uses up a retry.
        Retry = "retry",
        /// Back to the line; uses up nothing.
        HandBack = "hand_back",
        /// Back to the line; uses up the crash budget.
        Lost = "lost",
    }
    /// Whether trying again can help.
    ErrorClass {
        /// It passes with time.
        Transient = "transient",
        /// It will fail in the same way again.
        Permanent = "permanent",
        /// Nobody knows.
        Unknown = "unknown",
    }
    /// What became of a cancellation.
    CancelWord {
        /// It was waiting, and is cancelled.
        Cancelled = "cancelled",
        /// It runs; its worker has been asked.
        Requested = "requested",
        /// It had ended already.
        AlreadyEnded = "already_ended",
    }
    /// What a worker learns from its heartbeat.
    HeartbeatWord {
        /// It goes on.
        Alive = "alive",
        /// It goes on, and acquires nothing more.
        Draining = "draining",
        /// Another took over.
        Fenced = "fenced",
    }
    /// Why a verb failed, as far as it tells what happened.
    Failure {
        /// It collided and was rolled back whole: nothing happened.
        Contended = "contended",
        /// The database was out of reach: it may have happened, or may still happen.
        Unavailable = "unavailable",
        /// What was asked was refused: nothing happened.
        Refused = "refused",
        /// Anything else: nobody knows what happened.
        Other = "other",
    }
}

impl LeaseWord {
    /// Whether the write was accepted.
    pub fn is_accepted(self) -> bool {
        match self {
            Self::Held | Self::CancelRequested => true,
            Self::Lost => false,
        }
    }
}

impl FenceWord {
    /// Whether the handle was stored.
    pub fn is_accepted(self) -> bool {
        match self {
            Self::Stored | Self::CancelRequested => true,
            Self::Lost | Self::HostDisabled | Self::HostFull => false,
        }
    }
}

impl Failure {
    /// Whether the verb may have happened nevertheless.
    pub fn may_have_happened(self) -> bool {
        match self {
            Self::Unavailable | Self::Other => true,
            Self::Contended | Self::Refused => false,
        }
    }
}
