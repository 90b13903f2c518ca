//! Random histories: right ones pass, and one change makes them wrong at a
//! place that is known beforehand.

use longshore_history::{
    Breach, BreachKind, Counts, Expectation, ExpectedEnd, ExpectedRuns, JobId, JobState, Limit,
    Mark, Place, Promise, Summary, Verdict, check,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::schedule::{Schedule, Step};
use crate::support::{at, jobs, limit, run, stored, violation};

fn passed(schedule: &Schedule, expectation: &Expectation) -> Summary {
    match check(&schedule.witness(), expectation) {
        Verdict::Passed { summary } => summary,
        other @ (Verdict::Violated { .. } | Verdict::Unknown { .. }) => panic!("{other}"),
    }
}

fn slow_most_live(schedule: &Schedule) -> usize {
    let starts = schedule.places(Mark::Start).into_iter();
    starts
        .map(|start| schedule.live_at(start).len())
        .max()
        .unwrap_or(0)
}

/// The index, as the place of its line.
fn line(index: usize) -> Place {
    Place::Line(at(index + 1))
}

/// The earliest violation of a schedule in which every job should run once.
fn found(schedule: &Schedule) -> (BreachKind, Promise, Place) {
    let (found, _) = violation(&schedule.witness(), &schedule.expectation());
    (found.breach.kind(), found.promise, found.at)
}

/// A START, its END, and an index after the first and not after the second.
fn inside_a_run(schedule: &Schedule, pick: Index, inside: Index) -> (usize, usize) {
    let start = *pick.get(&schedule.places(Mark::Start));
    let end = schedule.end_of(start).expect("no attempt was killed");
    (start, start + 1 + inside.index(end - start))
}

proptest! {
    #[test]
    fn a_right_history_passes_with_the_right_maximum(schedule in Schedule::without_kills()) {
        let summary = passed(&schedule, &schedule.expectation());
        prop_assert!(summary.each_once);
        prop_assert_eq!(summary.runs, summary.jobs);
        prop_assert_eq!(summary.limits[0].most_live, slow_most_live(&schedule));
        prop_assert!(summary.limits[0].most_live <= schedule.max as usize);
    }

    #[test]
    fn killed_attempts_raise_no_false_alarm(schedule in Schedule::with_kills()) {
        let summary = passed(&schedule, &schedule.expectation_with_kills());
        prop_assert_eq!(summary.runs, schedule.places(Mark::Start).len());
        prop_assert_eq!(summary.limits[0].most_live, slow_most_live(&schedule));
        prop_assert!(summary.limits[0].most_live <= schedule.max as usize);
    }

    #[test]
    fn a_right_history_passes_only_if_it_reached_what_it_had_to(
        schedule in Schedule::without_kills(), beyond in 0..3_u32,
    ) {
        let max = schedule.max + beyond;
        let mut expectation = schedule.expectation();
        expectation.limits = vec![Limit { must_reach: true, ..limit(max, 1..=schedule.jobs) }];
        let verdict = check(&schedule.witness(), &expectation);
        prop_assert_eq!(verdict.is_passed(), slow_most_live(&schedule) >= max as usize);
        let is_violated = matches!(verdict, Verdict::Violated { .. });
        prop_assert!(!is_violated);
    }

    #[test]
    fn a_doubled_start_is_found(
        mut schedule in Schedule::without_kills(), pick: Index, inside: Index,
    ) {
        let (start, place) = inside_a_run(&schedule, pick, inside);
        schedule.steps.insert(place, schedule.steps[start]);
        prop_assert_eq!(found(&schedule), (BreachKind::StartedTwice, Promise::S2, line(place)));
    }

    #[test]
    fn a_second_attempt_beside_the_first_is_found(
        mut schedule in Schedule::without_kills(), pick: Index, inside: Index,
    ) {
        let (start, place) = inside_a_run(&schedule, pick, inside);
        let second = run(schedule.steps[start].1.job.0, 2);
        schedule.steps.insert(place, (Mark::Start, second));
        schedule.steps.push((Mark::End, second));
        prop_assert_eq!(found(&schedule), (BreachKind::AttemptsOverlap, Promise::S2, line(place)));
    }

    #[test]
    fn a_second_run_is_found(mut schedule in Schedule::without_kills(), pick: Index) {
        let again = run(1 + i64::try_from(pick.index(5)).expect("small") % schedule.jobs, 2);
        let place = schedule.steps.len();
        schedule.steps.extend([(Mark::Start, again), (Mark::End, again)]);
        prop_assert_eq!(found(&schedule), (BreachKind::RanTooOften, Promise::S4, line(place)));
    }

    #[test]
    fn a_deleted_end_is_found(mut schedule in Schedule::without_kills(), pick: Index) {
        schedule.steps.remove(*pick.get(&schedule.places(Mark::End)));
        prop_assert_eq!(found(&schedule), (BreachKind::EndLost, Promise::S4, Place::End));
    }

    #[test]
    fn a_deleted_start_is_found(mut schedule in Schedule::without_kills(), pick: Index) {
        let start = *pick.get(&schedule.places(Mark::Start));
        let end = schedule.end_of(start).expect("no attempt was killed");
        schedule.steps.remove(start);
        prop_assert_eq!(
            found(&schedule),
            (BreachKind::EndWithoutStart, Promise::S4, line(end - 1))
        );
    }

    #[test]
    fn a_deleted_run_is_found(mut schedule in Schedule::without_kills(), pick: Index) {
        let gone = schedule.steps[pick.index(schedule.steps.len())].1;
        schedule.steps.retain(|(_, id)| *id != gone);
        prop_assert_eq!(found(&schedule), (BreachKind::CompletedUnseen, Promise::S4, Place::End));
    }

    #[test]
    fn a_job_that_did_not_complete_is_found(
        schedule in Schedule::without_kills(), pick: Index,
        state in prop::sample::select(&[JobState::Failed, JobState::TimedOut, JobState::Cancelled][..]),
    ) {
        let job = 1 + i64::try_from(pick.index(5)).expect("small") % schedule.jobs;
        let expectation = schedule.expectation().with_stored(stored(job, state, None));
        let (found, _) = violation(&schedule.witness(), &expectation);
        let wanted = Breach::NotCompleted { job: JobId(job), state, exit_code: None };
        prop_assert_eq!((found.promise, found.at, found.breach), (Promise::S4, Place::End, wanted));
    }

    #[test]
    fn a_doubled_end_is_found(
        mut schedule in Schedule::without_kills(), pick: Index, after: Index,
    ) {
        let end = *pick.get(&schedule.places(Mark::End));
        let place = end + 1 + after.index(schedule.steps.len() - end);
        schedule.steps.insert(place, schedule.steps[end]);
        prop_assert_eq!(found(&schedule), (BreachKind::EndedTwice, Promise::S4, line(place)));
    }

    #[test]
    fn a_stranger_is_found(mut schedule in Schedule::without_kills(), pick: Index, ends: bool) {
        let place = pick.index(schedule.steps.len() + 1);
        let mark = if ends { Mark::End } else { Mark::Start };
        schedule.steps.insert(place, (mark, run(1_000, 1)));
        prop_assert_eq!(found(&schedule), (BreachKind::UnknownJob, Promise::S4, line(place)));
    }

    #[test]
    fn an_end_moved_beyond_a_full_limit_is_found(
        mut schedule in Schedule::without_kills(), pick: Index, to: Index,
    ) {
        // STARTs that fill the limit; an END from before one of them, moved
        // behind it, makes one run too many there.
        let full: Vec<usize> = schedule
            .places(Mark::Start)
            .into_iter()
            .filter(|&start| schedule.live_at(start).len() == schedule.max as usize)
            .collect();
        let ends: Vec<usize> = schedule
            .places(Mark::End)
            .into_iter()
            .filter(|end| full.iter().any(|start| end < start))
            .collect();
        prop_assume!(!ends.is_empty());
        let end = *pick.get(&ends);
        let broken: Vec<usize> = full.into_iter().filter(|&start| end < start).collect();
        let moved = schedule.steps.remove(end);
        // Its removal moved all behind it one place ahead.
        schedule.steps.insert(*to.get(&broken), moved);
        prop_assert_eq!(
            found(&schedule),
            (BreachKind::LimitExceeded, Promise::S3, line(broken[0] - 1))
        );
    }

    #[test]
    fn any_history_is_judged_as_the_slow_way_does(
        marks in prop::collection::vec((any::<bool>(), 1..4_i64, 1..4_u32), 1..60), max in 0..4_u32,
    ) {
        let steps: Vec<Step> = marks
            .into_iter()
            .map(|(starts, job, attempt)| {
                (if starts { Mark::Start } else { Mark::End }, run(job, attempt))
            })
            .collect();
        let schedule = Schedule { jobs: 3, max, steps };
        let any_number = ExpectedRuns { at_least: 0, at_most: u32::MAX };
        let expectation = jobs(1..=3)
            .into_iter()
            .fold(Expectation::default(), |expectation, job: JobId| {
                expectation.with_job(job, any_number, ExpectedEnd::Any)
            })
            .with_limit(limit(max, 1..=3));

        let slow = SlowFindings::of(&schedule);
        let (first, counts) = match check(&schedule.witness(), &expectation) {
            Verdict::Violated { violation, all_counts, .. } => (Some(violation.at), all_counts),
            Verdict::Passed { .. } | Verdict::Unknown { .. } => (None, Counts::default()),
        };
        for (kind, places) in slow.by_kind() {
            prop_assert_eq!(counts.of(kind), places.len() as u64, "{:?} at {:?}", kind, places);
        }
        prop_assert_eq!(first, slow.first().map(line));
    }
}

/// Where each kind of breach is, straight from the definitions.
#[derive(Default)]
struct SlowFindings {
    started_twice: Vec<usize>,
    overlaps: Vec<usize>,
    over_limit: Vec<usize>,
    restarted: Vec<usize>,
    stray: Vec<usize>,
    ended_twice: Vec<usize>,
}

impl SlowFindings {
    fn of(schedule: &Schedule) -> Self {
        let mut findings = Self::default();
        for (index, &(mark, id)) in schedule.steps.iter().enumerate() {
            let mut earlier = schedule.steps[..index].iter().rev();
            let before = earlier.find(|(_, other)| *other == id);
            match (mark, before.map(|(mark, _)| *mark)) {
                (Mark::Start, Some(Mark::Start)) => findings.started_twice.push(index),
                (Mark::Start, Some(Mark::End)) => findings.restarted.push(index),
                (Mark::End, Some(Mark::End)) => findings.ended_twice.push(index),
                (Mark::End, None) => findings.stray.push(index),
                (Mark::Start, None) | (Mark::End, Some(Mark::Start)) => {}
            }
            if mark == Mark::Start {
                let live = schedule.live_at(index);
                if live.len() > schedule.max as usize {
                    findings.over_limit.push(index);
                }
                let mut others = live.iter().filter(|other| other.job == id.job);
                if others.any(|other| other.attempt != id.attempt) {
                    findings.overlaps.push(index);
                }
            }
        }
        findings
    }

    fn by_kind(&self) -> [(BreachKind, &[usize]); 6] {
        [
            (BreachKind::StartedTwice, &self.started_twice),
            (BreachKind::AttemptsOverlap, &self.overlaps),
            (BreachKind::LimitExceeded, &self.over_limit),
            (BreachKind::RestartedAfterEnd, &self.restarted),
            (BreachKind::EndWithoutStart, &self.stray),
            (BreachKind::EndedTwice, &self.ended_twice),
        ]
    }

    fn first(&self) -> Option<usize> {
        let all = self.by_kind().into_iter();
        all.flat_map(|(_, places)| places.iter().copied()).min()
    }
}
