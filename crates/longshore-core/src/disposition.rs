//! What follows the end of an attempt: the one place where retries are decided.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attempt::{AttemptRecord, Outcome};
use crate::classify::ErrorClass;
use crate::spec::JobSpec;
use crate::state::TerminalState;

/// How often an attempt may be lost to a host or a worker before its job is given up.
pub const CRASH_BUDGET: u16 = 3;

/// Where a job goes when its attempt ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// It has ended.
    Settle(TerminalState),
    /// Another attempt after this delay, by the database's clock; uses up one retry.
    RetryAfter(Duration),
    /// Back to the line, just ahead of its priority; uses up nothing.
    HandBack,
    /// Back to the line likewise; uses up the crash budget.
    Lost,
}

/// What a job has used up so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Retries used.
    pub tries: u16,
    /// Attempts lost to hosts or workers.
    pub losses: u16,
}

/// Decides what follows. `jitter` is uniform in [0, 1), drawn by the caller.
pub fn after_attempt(
    spec: &JobSpec,
    record: &AttemptRecord,
    spent: Spent,
    jitter: f64,
) -> Disposition {
    use Disposition::{HandBack, Lost, Settle};
    let retry = || {
        if u32::from(spent.tries) < spec.retries_allowed() {
            let retry = u32::from(spent.tries) + 1;
            Disposition::RetryAfter(spec.strategy().backoff().delay(retry, jitter))
        } else {
            Settle(TerminalState::Failed)
        }
    };
    match record.outcome {
        Outcome::Exited => {
            let exit = record.exit.unwrap_or_default();
            let retried = |code| {
                spec.retry_exit_codes
                    .as_ref()
                    .is_some_and(|c| c.covers(code))
            };
            match exit.shell_code() {
                Some(0) => Settle(TerminalState::Completed),
                Some(code) if retried(code) => retry(),
                Some(_) | None => Settle(TerminalState::Failed),
            }
        }
        Outcome::LaunchFailed => {
            let class = record
                .error
                .as_ref()
                .map_or(ErrorClass::Unknown, |error| error.class);
            if class.is_retried() {
                retry()
            } else {
                Settle(TerminalState::Failed)
            }
        }
        Outcome::RunTimeout | Outcome::OutputTimeout => Settle(TerminalState::TimedOut),
        Outcome::Cancelled => Settle(TerminalState::Cancelled),
        Outcome::HandedBack => HandBack,
        Outcome::HostLost | Outcome::Vanished => {
            if spent.losses < CRASH_BUDGET {
                Lost
            } else {
                Settle(TerminalState::Failed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Exit;
    use crate::retry::RetriedExitCodes;

    fn decide(spec: &JobSpec, record: &AttemptRecord, tries: u16, losses: u16) -> Disposition {
        after_attempt(spec, record, Spent { tries, losses }, 0.0)
    }

    #[test]
    fn a_jobs_own_failure_is_final_unless_its_spec_names_the_code() {
        let mut spec = JobSpec::process(["false"]);
        let failed = AttemptRecord::exited(Exit::with_code(7));
        assert_eq!(
            decide(&spec, &failed, 0, 0),
            Disposition::Settle(TerminalState::Failed)
        );
        spec.retry_exit_codes = Some(RetriedExitCodes::These(vec![7]));
        assert_eq!(
            decide(&spec, &failed, 0, 0),
            Disposition::RetryAfter(Duration::from_secs(1)),
            "half of the default strategy's 2 s, with jitter 0"
        );
        assert_eq!(
            decide(&spec, &failed, 3, 0),
            Disposition::Settle(TerminalState::Failed)
        );
    }

    #[test]
    fn permanent_launch_errors_are_not_retried() {
        let spec = JobSpec::process(["true"]);
        for (class, retried) in [
            (ErrorClass::Transient, true),
            (ErrorClass::Unknown, true),
            (ErrorClass::Permanent, false),
        ] {
            let record = AttemptRecord::launch_failed(class, "x");
            let disposition = decide(&spec, &record, 0, 0);
            assert_eq!(
                matches!(disposition, Disposition::RetryAfter(_)),
                retried,
                "{class:?}"
            );
        }
    }

    #[test]
    fn losses_use_the_crash_budget_and_not_the_retries() {
        let spec = JobSpec {
            max_retries: Some(0),
            ..JobSpec::process(["true"])
        };
        let lost = AttemptRecord::of(Outcome::HostLost);
        assert_eq!(decide(&spec, &lost, 0, 0), Disposition::Lost);
        assert_eq!(
            decide(&spec, &lost, 0, CRASH_BUDGET),
            Disposition::Settle(TerminalState::Failed)
        );
        assert_eq!(
            decide(
                &spec,
                &AttemptRecord::of(Outcome::HandedBack),
                0,
                CRASH_BUDGET
            ),
            Disposition::HandBack
        );
    }
}
