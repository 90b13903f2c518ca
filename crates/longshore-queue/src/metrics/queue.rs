//! What is counted of one queue's attempts.

use std::time::Duration;

use longshore_core::attempt::Outcome;
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::Disposition;
use longshore_core::output::Stream;
use longshore_core::store::{Finish, FinishOutcome};
use metrics::{Counter, Histogram, counter, histogram};

use super::{Family, names, output_omitted};
use crate::launch::{Container, Stopped};

/// What is counted of one queue's attempts in this process. As many as it serves queues.
pub(crate) struct QueueMeters {
    acquired: Counter,
    launches: Family,
    launch_duration: Histogram,
    ended: Family,
    duration: Histogram,
    retries: Family,
}

/// Why an attempt is followed by another: the class of its error, or its own exit code.
const EXIT_CODE: &str = "exit_code";

impl QueueMeters {
    pub fn of(queue: &str, executor: &'static str) -> Self {
        let name = || queue.to_owned();
        let launch = |end| counter!(names::LAUNCHES.name, "queue" => name(), "executor" => executor, "outcome" => end);
        let ended =
            |outcome| counter!(names::ATTEMPTS_ENDED.name, "queue" => name(), "outcome" => outcome);
        let retry = |class| counter!(names::RETRIES.name, "queue" => name(), "class" => class);
        Self {
            acquired: counter!(names::ACQUISITIONS.name, "queue" => name()),
            launches: Family::of(LaunchEnd::OF_LAUNCHES.map(LaunchEnd::of_launch), launch),
            launch_duration: histogram!(
                names::LAUNCH_DURATION.name, "queue" => name(), "executor" => executor
            ),
            ended: Family::of(Outcome::ALL.map(Outcome::as_str), ended),
            duration: histogram!(names::ATTEMPT_DURATION.name, "queue" => name()),
            retries: Family::of(["transient", "permanent", "unknown", EXIT_CODE], retry),
        }
    }

    /// So many attempts were acquired.
    pub fn acquired(&self, count: usize) {
        self.acquired.increment(count as u64);
    }

    /// A launch came to its end.
    pub fn launched(&self, end: LaunchEnd, took: Duration) {
        self.launches.add_one(end.of_launch());
        if end == LaunchEnd::Started {
            self.launch_duration.record(took);
        }
    }

    /// A container has ended that ran for so long.
    pub fn ran(&self, time: Duration) {
        self.duration.record(time);
    }

    /// The end of an attempt was stored, and answered like this.
    pub fn finished(&self, finish: &Finish, told: FinishOutcome) {
        let record = &finish.record;
        self.ended.add_one(record.outcome.as_str());
        // A job whose end was asked for in the meantime did not go where we said.
        let is_retried = matches!(finish.then, Disposition::RetryAfter(_));
        if is_retried && told != FinishOutcome::Cancelled {
            self.retries.add_one(match record.outcome {
                Outcome::Exited => EXIT_CODE,
                _ => record
                    .error
                    .as_ref()
                    .map_or(ErrorClass::Unknown, |error| error.class)
                    .as_str(),
            });
        }
        for (stream, bytes) in Stream::ALL.into_iter().zip(record.omitted_bytes) {
            if bytes > 0 {
                output_omitted(stream).increment(bytes);
            }
        }
    }
}

/// How a launch, or the continuation of what another worker had, came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LaunchEnd {
    /// The container runs, started by this worker.
    Started,
    /// It is watched on, wherever it had come to under another worker.
    Continued,
    /// It never ran, and never will.
    Failed,
    /// Its host or its container is gone.
    Gone,
    /// A person asked for the job's end.
    Cancelled,
    /// It goes back to its line.
    HandedBack,
    /// The lease is another's, or left for others.
    LetGo,
    /// Something of it may run that nobody here watches.
    Unsure,
}

impl LaunchEnd {
    /// Every end there is: what may come of a take-over.
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::Continued,
        Self::Failed,
        Self::Gone,
        Self::Cancelled,
        Self::HandedBack,
        Self::LetGo,
        Self::Unsure,
    ];

    /// Those that a launch may come to.
    const OF_LAUNCHES: [Self; 6] = [
        Self::Started,
        Self::Failed,
        Self::Cancelled,
        Self::HandedBack,
        Self::LetGo,
        Self::Unsure,
    ];

    /// As the label of a launch.
    fn of_launch(self) -> &'static str {
        match self {
            Self::Started | Self::Continued => "started",
            Self::Failed | Self::Gone => "failed",
            Self::Cancelled => "cancelled",
            Self::HandedBack => "handed_back",
            Self::LetGo => "let_go",
            Self::Unsure => "unsure",
        }
    }

    /// As the label of a take-over.
    pub fn of_take_over(self) -> &'static str {
        match self {
            Self::Started => "begun_anew",
            Self::Continued => "continued",
            Self::Failed => "launch_failed",
            Self::Gone => "lost",
            Self::Cancelled => "cancelled",
            Self::HandedBack => "handed_back",
            Self::LetGo => "let_go",
            Self::Unsure => "unsure",
        }
    }
}

/// How a launch came to its end.
pub(crate) fn launch_end(launched: &Result<Container, Stopped>) -> LaunchEnd {
    match launched {
        Ok(container) if container.so_far.is_some() => LaunchEnd::Continued,
        Ok(_) => LaunchEnd::Started,
        Err(Stopped::Over(record, _)) => match record.outcome {
            Outcome::Cancelled => LaunchEnd::Cancelled,
            Outcome::HandedBack => LaunchEnd::HandedBack,
            Outcome::HostLost | Outcome::Vanished => LaunchEnd::Gone,
            Outcome::LaunchFailed
            | Outcome::Exited
            | Outcome::RunTimeout
            | Outcome::OutputTimeout => LaunchEnd::Failed,
        },
        Err(Stopped::LetGo(_)) => LaunchEnd::LetGo,
        Err(Stopped::Unsure(_)) => LaunchEnd::Unsure,
    }
}
