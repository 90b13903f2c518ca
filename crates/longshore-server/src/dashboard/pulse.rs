//! How many jobs ended in each minute of the last hour, and the chart of that.
//!
//! Minutes that are over are asked for once, and kept: a page that is looked at by many, and fetched again with
//! every change, asks for what is new alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use longshore_core::State;
use longshore_core::store::{EndedInMinute, Store, StoreResult};

/// Minutes in the chart.
const HOUR: u32 = 60;
/// What was asked so lately is not asked again.
const FRESH: Duration = Duration::from_secs(1);
/// After this long it is tried again when it could not be found out.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Minutes that are asked for again though they are over: a commit may come a little late.
const LATE: u64 = 2;

/// What is known of the last hour.
#[derive(Default)]
pub(crate) struct Pulse {
    kept: Mutex<Kept>,
    /// Held by the one who asks; the others take what there is.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Kept {
    asked: Option<Instant>,
    minutes: Vec<EndedInMinute>,
    failed: Option<Instant>,
}

impl Pulse {
    /// The last hour, oldest minute first, or as much of it as is known; nothing where that can't be found
    /// out now. A page is made without its chart rather than not at all.
    pub async fn last_hour(&self, store: &dyn Store) -> Vec<EndedInMinute> {
        let kept = self.kept();
        let is_within =
            |moment: Option<Instant>, time| moment.is_some_and(|moment| moment.elapsed() < time);
        if is_within(kept.asked, FRESH) || is_within(kept.failed, AFTER_FAILURE) {
            return kept.minutes;
        }
        let Ok(_asking) = self.asking.try_lock() else {
            return kept.minutes;
        };
        let asked = Instant::now();
        let newest = ask(store, &kept).await;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match newest {
            Ok(minutes) => {
                *kept = Kept {
                    asked: Some(asked),
                    minutes,
                    failed: None,
                };
            }
            Err(error) => {
                tracing::warn!(%error, "what ended in the last hour could not be counted");
                kept.failed = Some(Instant::now());
            }
        }
        kept.minutes.clone()
    }

    fn kept(&self) -> Kept {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }
}

/// Asks for what is not known yet, and joins it to what is.
async fn ask(store: &dyn Store, kept: &Kept) -> StoreResult<Vec<EndedInMinute>> {
    if let Some(asked) = kept.asked {
        let since = asked.elapsed().as_secs() / 60 + 1 + LATE;
        let wanted = u32::try_from(since).unwrap_or(HOUR).min(HOUR);
        let newest = store.ended_by_minute(wanted).await?;
        if let Some(hour) = joined(&kept.minutes, newest) {
            return Ok(hour);
        }
    }
    store.ended_by_minute(HOUR).await
}

/// What was known, with what is new in its place, and no more than an hour of it; none if a minute is missing
/// between, because a machine slept or a clock was set.
fn joined(known: &[EndedInMinute], newest: Vec<EndedInMinute>) -> Option<Vec<EndedInMinute>> {
    let first = newest.first()?.minute;
    let earlier = known.iter().filter(|minute| minute.minute < first);
    let mut hour: Vec<EndedInMinute> = earlier.cloned().collect();
    let last = hour.last()?.minute;
    if first.duration_since(last) != SignedDuration::from_mins(1) {
        return None;
    }
    hour.extend(newest);
    let excess = hour.len().saturating_sub(HOUR as usize);
    hour.drain(..excess);
    Some(hour)
}

/// The last hour as it is drawn, and as it is said.
pub(super) struct Chart {
    /// The bars, as the inside of an SVG of 600 by 80.
    pub bars: String,
    /// Such as `12 completed, 1 failed`.
    pub said: String,
    /// The most that ended in one minute.
    pub most: u64,
}

/// How they ended, in the order in which they are piled up: what is good lies at the bottom.
const PILE: [(&[State], &str); 3] = [
    (&[State::Completed], "completed"),
    (&[State::Cancelled], "cancelled"),
    (&[State::Failed, State::TimedOut], "failed"),
];
const HEIGHT: u64 = 80;
/// From one bar to the next, and the gap within that.
const STEP: usize = 10;
const GAP: usize = 2;

impl Chart {
    pub fn of(hour: &[EndedInMinute]) -> Self {
        let most = hour.iter().map(|minute| minute.ended.values().sum()).max();
        let most: u64 = most.unwrap_or(0);
        let mut bars = String::new();
        let mut all = BTreeMap::new();
        for (place, minute) in hour.iter().enumerate() {
            for (state, jobs) in &minute.ended {
                *all.entry(*state).or_default() += jobs;
            }
            if !minute.ended.is_empty() {
                // Writing to a text does not fail.
                let _ = write!(
                    bars,
                    "<g><title>{}: {}</title>",
                    minute.minute.strftime("%H:%M UTC"),
                    said(&minute.ended)
                );
                pile(&mut bars, place * STEP, &minute.ended, most);
                bars.push_str("</g>");
            }
        }
        Self {
            bars,
            said: said(&all),
            most,
        }
    }
}

/// One minute's bar, which begins here.
fn pile(bars: &mut String, x: usize, ended: &BTreeMap<State, u64>, most: u64) {
    let piles = PILE.map(|(states, class)| (of(ended, states), class));
    let piles: Vec<_> = piles.into_iter().filter(|(jobs, _)| *jobs > 0).collect();
    let mut top = HEIGHT;
    for (place, (jobs, class)) in piles.iter().enumerate() {
        // What is there can be seen, and leaves room for what comes above it.
        let above = (piles.len() - place - 1) as u64;
        let height = (jobs * HEIGHT / most.max(1)).clamp(1, top - above);
        top -= height;
        let _ = write!(
            bars,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"{}\" height=\"{height}\"/>",
            STEP - GAP
        );
    }
}

fn of(ended: &BTreeMap<State, u64>, states: &[State]) -> u64 {
    states.iter().filter_map(|state| ended.get(state)).sum()
}

fn said(ended: &BTreeMap<State, u64>) -> String {
    let piles = PILE.iter().map(|(states, word)| (of(ended, states), word));
    let parts: Vec<String> = piles
        .filter(|(jobs, _)| *jobs > 0)
        .map(|(jobs, word)| format!("{jobs} {word}"))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use longshore_core::Timestamp;

    use super::*;

    fn minute(number: i64, ended: &[(State, u64)]) -> EndedInMinute {
        EndedInMinute {
            minute: Timestamp::from_second(number * 60).expect("a time"),
            ended: ended.iter().copied().collect(),
        }
    }

    #[test]
    fn what_is_new_takes_the_place_of_what_was_known_and_an_hour_is_kept() {
        let known: Vec<_> = (0..60).map(|number| minute(number, &[])).collect();
        let newest = vec![
            minute(58, &[(State::Completed, 2)]),
            minute(59, &[(State::Completed, 3)]),
            minute(60, &[(State::Failed, 1)]),
        ];
        let hour = joined(&known, newest.clone()).expect("no minute is missing");
        assert_eq!(hour.len(), 60);
        assert_eq!(hour[0], minute(1, &[]));
        assert_eq!(hour[57..], newest);
        let later = vec![minute(70, &[]), minute(71, &[])];
        assert_eq!(joined(&known, later), None, "a machine slept");
        let earlier = vec![minute(-5, &[])];
        assert_eq!(joined(&known, earlier), None, "a clock was set back");
    }

    #[test]
    fn bars_are_piled_up_to_the_height_of_the_most_that_ended_in_a_minute() {
        let hour = [
            minute(0, &[(State::Completed, 6), (State::TimedOut, 2)]),
            minute(1, &[]),
            minute(2, &[(State::Failed, 1)]),
        ];
        let chart = Chart::of(&hour);
        assert_eq!(chart.most, 8);
        assert_eq!(chart.said, "6 completed, 3 failed");
        assert_eq!(
            chart.bars,
            "<g><title>00:00 UTC: 6 completed, 2 failed</title>\
             <rect class=\"completed\" x=\"0\" y=\"20\" width=\"8\" height=\"60\"/>\
             <rect class=\"failed\" x=\"0\" y=\"0\" width=\"8\" height=\"20\"/></g>\
             <g><title>00:02 UTC: 1 failed</title>\
             <rect class=\"failed\" x=\"20\" y=\"70\" width=\"8\" height=\"10\"/></g>"
        );
        assert_eq!(Chart::of(&[]).bars, "");
        let busy = [minute(
            0,
            &[
                (State::Completed, 100_000),
                (State::Cancelled, 1),
                (State::Failed, 1),
            ],
        )];
        let bars = Chart::of(&busy).bars;
        assert_eq!(bars.matches("height=\"1\"").count(), 2, "{bars}");
        assert!(bars.contains("y=\"0\""), "{bars}");
    }
}
