//! Backoff and dispositions over all inputs (promise S9).

use std::time::Duration;

use longshore_core::attempt::{AttemptRecord, Exit, Outcome};
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::{CRASH_BUDGET, Disposition, Spent, after_attempt};
use longshore_core::retry::{Backoff, RetriedExitCodes, Strategy as Spacing};
use longshore_core::state::TerminalState;
use longshore_core::{JobSpec, Priority};
use proptest::prelude::*;

const ALL: [Spacing; 4] = [
    Spacing::Default,
    Spacing::Aggressive,
    Spacing::Conservative,
    Spacing::HighPriority,
];

/// Every number of seconds is in units of the table of the issue: attempts, base, max.
#[test]
fn each_strategy_has_its_figures() {
    let figures = ALL.map(|strategy| {
        let Backoff {
            attempts,
            base,
            max,
        } = strategy.backoff();
        (attempts, base.as_millis(), max.as_secs())
    });
    assert_eq!(
        figures,
        [(3, 2000, 60), (5, 1000, 30), (2, 5000, 300), (5, 500, 15)]
    );
}

#[test]
fn without_an_explicit_strategy_the_priority_chooses() {
    for value in 0..=100 {
        let priority = Priority::new(value).expect("in range");
        let expected = match value {
            80.. => Spacing::HighPriority,
            ..=20 => Spacing::Conservative,
            _ => Spacing::Default,
        };
        let spec = JobSpec {
            priority,
            ..JobSpec::process(["true"])
        };
        assert_eq!(spec.strategy(), expected, "priority {value}");
        assert_eq!(spec.retries_allowed(), expected.backoff().attempts);
        for explicit in ALL {
            let spec = JobSpec {
                retry_strategy: Some(explicit),
                ..spec.clone()
            };
            assert_eq!(spec.strategy(), explicit);
        }
    }
}

/// The range of [0, 1), as callers draw it.
fn jitter() -> impl Strategy<Value = f64> {
    (0u32..1_000_000).prop_map(|n| f64::from(n) / 1e6)
}

proptest! {
    #[test]
    fn every_delay_is_bounded(
        strategy in proptest::sample::select(&ALL[..]),
        retry in any::<u32>(),
        jitter in prop_oneof![
            jitter(),
            any::<f64>(),
            proptest::sample::select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY][..]),
        ],
    ) {
        let backoff = strategy.backoff();
        let delay = backoff.delay(retry, jitter);
        prop_assert!(delay <= backoff.max, "{delay:?}");
        prop_assert!(delay >= backoff.base / 2, "{delay:?}");
    }

    #[test]
    fn delays_grow_from_retry_to_retry_until_the_longest(
        strategy in proptest::sample::select(&ALL[..]),
        retry in 1u32..40,
        (early, late) in (jitter(), jitter()),
    ) {
        let backoff = strategy.backoff();
        let same = backoff.delay(retry + 1, early);
        prop_assert!(backoff.delay(retry, early) <= same, "with the same jitter");
        // Whatever the jitter: a step's lower half begins where the step before it ended. Not so for
        // the longest, which is no doubling but what is left up to the bound.
        let next_is_longest = backoff.delay(retry + 1, 1.0) >= backoff.max;
        prop_assert!(
            next_is_longest || backoff.delay(retry, early) <= backoff.delay(retry + 1, late)
        );
    }

    #[test]
    fn jitter_spreads_a_crowd_over_half_of_the_step(
        strategy in proptest::sample::select(&ALL[..]),
        retry in 1u32..10,
        (a, b) in (jitter(), jitter()),
    ) {
        let backoff = strategy.backoff();
        let (first, last) = (backoff.delay(retry, 0.0), backoff.delay(retry, 1.0));
        let spread = last.saturating_sub(first);
        prop_assert!(spread.abs_diff(first) < Duration::from_millis(1), "half of the step");
        if (a - b).abs() > 1e-3 {
            prop_assert_ne!(backoff.delay(retry, a), backoff.delay(retry, b));
        }
        prop_assert_eq!(a < b, backoff.delay(retry, a) < backoff.delay(retry, b));
    }

    #[test]
    fn a_job_whose_launches_fail_for_ever_ends_after_its_retries(
        strategy in proptest::sample::select(&ALL[..]),
        max_retries in proptest::option::of(0u32..=100),
        class in proptest::sample::select(&[ErrorClass::Transient, ErrorClass::Unknown][..]),
    ) {
        let spec = JobSpec {
            retry_strategy: Some(strategy),
            max_retries,
            ..JobSpec::process(["true"])
        };
        let record = AttemptRecord::launch_failed(class, "engine away");
        let mut spent = Spent::default();
        while let Disposition::RetryAfter(delay) = after_attempt(&spec, &record, spent, 0.5) {
            prop_assert!(delay <= strategy.backoff().max);
            spent.tries += 1;
            prop_assert!(u32::from(spent.tries) <= spec.retries_allowed(), "bounded");
        }
        prop_assert_eq!(u32::from(spent.tries), spec.retries_allowed());
        let last = after_attempt(&spec, &record, spent, 0.5);
        prop_assert_eq!(last, Disposition::Settle(TerminalState::Failed));
    }

    #[test]
    fn a_job_whose_hosts_are_lost_for_ever_ends_after_the_crash_budget(
        outcome in proptest::sample::select(&[Outcome::HostLost, Outcome::Vanished][..]),
        tries in 0u16..10,
    ) {
        let spec = JobSpec::process(["true"]);
        let mut spent = Spent { tries, losses: 0 };
        while after_attempt(&spec, &AttemptRecord::of(outcome), spent, 0.5) == Disposition::Lost {
            spent.losses += 1;
            prop_assert!(spent.losses <= CRASH_BUDGET, "bounded");
        }
        prop_assert_eq!(spent, Spent { tries, losses: CRASH_BUDGET });
    }

    #[test]
    fn an_exit_code_of_zero_completes_and_any_other_is_final_unless_it_is_named(
        code in 0i32..=255,
        named in proptest::collection::vec(1i32..=255, 0..5),
        any in any::<bool>(),
    ) {
        let codes =
            if any { RetriedExitCodes::Any } else { RetriedExitCodes::These(named.clone()) };
        let spec = JobSpec { retry_exit_codes: Some(codes), ..JobSpec::process(["x"]) };
        let record = AttemptRecord::exited(Exit::with_code(code));
        let then = after_attempt(&spec, &record, Spent::default(), 0.5);
        if code == 0 {
            prop_assert_eq!(then, Disposition::Settle(TerminalState::Completed));
        } else if any || named.contains(&code) {
            prop_assert!(matches!(then, Disposition::RetryAfter(_)));
        } else {
            prop_assert_eq!(then, Disposition::Settle(TerminalState::Failed));
        }
    }
}
