//! The store's events, as a recorder between the workers and the store writes them into the same
//! file as the jobs write theirs.
//!
//! This module owns the format (see `line.rs`) for both sides, the recorder that writes it and the
//! checker that reads it. A recorder fills in plain values and calls [`StoreEvent::to_record`]; it
//! need not know the format. The module must never decide what events mean together.
//!
//! # What the order says
//!
//! Every line is appended with one `O_APPEND` write, so that the file is one serialisation of all
//! writers. `CALL` is written before the verb is sent and `DONE` after it was answered: its effect
//! lies between the two. After a failure that says nothing (`unavailable`, `other`), and where the
//! history stops before the answer, the effect may lie anywhere after `CALL`, or nowhere.

mod fields;
mod line;
mod records;
mod verbs;
mod words;

pub(crate) use line::is_store_line;
pub use line::{CallNumber, StoreEvent, StoreLineError, Told};
pub use records::{
    Acquire, Aged, Beat, CancelAnswer, Fenced, Finish, Finished, LeaseRef, Leased, Listed, Many,
    NewJob, NewWorker, Nothing, OneJob, OneWorker, QueueFact, QueueWish, Reprioritise, Rest,
    RestCounts, RestQueue, RestWish, Standing, Submitted, TakeOver, TakenOver,
};
pub use verbs::{Answer, Call};
pub use words::{
    CancelWord, ErrorClass, Failure, FenceWord, FinishWord, HeartbeatWord, LeaseWord, Then,
};
