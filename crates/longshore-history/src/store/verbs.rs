//! The table of verbs: what each is called, what it is called with and what it answers.

use super::fields::{Body, Fields};
use super::line::StoreLineError;
use super::records::{
    Acquire, Aged, Beat, CancelAnswer, Fenced, Finish, Finished, LeaseRef, Leased, Many, NewJob,
    NewWorker, Nothing, OneJob, OneWorker, QueueFact, QueueWish, Reprioritise, Rest, RestWish,
    Standing, Submitted, TakeOver, TakenOver,
};

macro_rules! verbs {
    ($($(#[$doc:meta])* $verb:ident $name:literal: $call:ty => $answer:ty,)*) => {
        /// A verb of the store, with what it was called with.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Call { $($(#[$doc])* $verb($call),)* }

        /// A verb's answer.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Answer { $($(#[$doc])* $verb($answer),)* }

        impl Call {
            /// The verb, as lines name it.
            pub fn verb(&self) -> &'static str {
                match self { $(Self::$verb(_) => $name,)* }
            }

            pub(super) fn write(&self, text: &mut String) {
                match self { $(Self::$verb(body) => body.write(text),)* }
            }

            pub(super) fn read(
                verb: &str,
                fields: &mut Fields<'_>,
            ) -> Result<Self, StoreLineError> {
                match verb {
                    $($name => Body::read(fields).map(Self::$verb),)*
                    _ => Err(StoreLineError::Verb),
                }
            }
        }

        impl Answer {
            /// The verb that answers, as lines name it.
            pub fn verb(&self) -> &'static str {
                match self { $(Self::$verb(_) => $name,)* }
            }

            pub(super) fn write(&self, text: &mut String) {
                match self { $(Self::$verb(body) => body.write(text),)* }
            }

            pub(super) fn read(
                verb: &str,
                fields: &mut Fields<'_>,
            ) -> Result<Self, StoreLineError> {
                match verb {
                    $($name => Body::read(fields).map(Self::$verb),)*
                    _ => Err(StoreLineError::Verb),
                }
            }
        }
    };
}

verbs! {
    /// Jobs are submitted.
    Submit "submit": Vec<NewJob> => Vec<Submitted>,
    /// A worker takes jobs.
    Acquire "acquire": Acquire => Vec<Leased>,
    /// A worker takes over leases of workers that are gone.
    TakeOver "take_over": TakeOver => Vec<TakenOver>,
    /// The fence before a start.
    MarkLaunched "mark_launched": LeaseRef => Fenced,
    /// A note on a long launch.
    NoteLaunch "note_launch": LeaseRef => Standing,
    /// The container runs.
    MarkRunning "mark_running": LeaseRef => Standing,
    /// Output is stored.
    AppendOutput "append_output": Vec<LeaseRef> => Vec<Standing>,
    /// Attempts end.
    Finish "finish": Vec<Finish> => Vec<Finished>,
    /// A person cancels.
    RequestCancel "request_cancel": OneJob => CancelAnswer,
    /// A person queues.
    QueueJob "queue_job": OneJob => Nothing,
    /// A person takes a job out of its queue.
    DequeueJob "dequeue_job": OneJob => Nothing,
    /// A person changes a priority.
    Reprioritise "reprioritise": Reprioritise => Nothing,
    /// A person asks for another attempt.
    RetryJob "retry_job": OneJob => Nothing,
    /// Waiting jobs whose time is over end.
    ExpireWaiting "expire_waiting": Many => Vec<OneJob>,
    /// Due jobs join their lines.
    StageDue "stage_due": Many => Many,
    /// Jobs that waited for long move up a priority.
    AgeWaiting "age_waiting": Many => Vec<Aged>,
    /// Old jobs are taken away.
    Prune "prune": Nothing => Many,
    /// A queue is made.
    CreateQueue "create_queue": QueueWish => QueueFact,
    /// A queue is changed.
    ChangeQueue "change_queue": QueueWish => QueueFact,
    /// What queues there are.
    Queues "queues": Nothing => Vec<QueueFact>,
    /// A worker reports for work.
    RegisterWorker "register_worker": NewWorker => OneWorker,
    /// A sign of life.
    Heartbeat "heartbeat": OneWorker => Beat,
    /// A worker acquires nothing more.
    DrainWorker "drain_worker": OneWorker => Nothing,
    /// A worker says goodbye.
    StopWorker "stop_worker": OneWorker => Nothing,
    /// A look at the store at rest.
    Rest "rest": RestWish => Box<Rest>,
}
