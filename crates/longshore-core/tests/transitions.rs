//! The state machine, held against the table of DESIGN section 2 and what ADR 0007 adds to it
//! (promise S6).

use longshore_core::State;
use longshore_core::state::{Event, transition};
use proptest::prelude::*;

/// Every state and every event, written out by hand: `-` where there is no arrow.
const MATRIX: &str = "
    from       Queue   Dequeue  Reprioritise  Acquire    Start    Complete   Fail    Retry     HandBack  TimeOut    Cancel     RetryNow
    pending    queued  -        pending       -          -        -          -       -         -         -          cancelled  -
    queued     -       pending  queued        launching  -        -          -       -         -         timed_out  cancelled  -
    retrying   -       pending  retrying      launching  -        -          -       -         -         timed_out  cancelled  queued
    launching  -       -        -             -          running  -          failed  retrying  queued    timed_out  cancelled  -
    running    -       -        -             -          -        completed  failed  retrying  queued    timed_out  cancelled  -
    completed  -       -        -             -          -        -          -       -         -         -          -          -
    failed     -       -        -             -          -        -          -       -         -         -          -          queued
    timed_out  -       -        -             -          -        -          -       -         -         -          -          queued
    cancelled  -       -        -             -          -        -          -       -         -         -          -          -
";

fn event(name: &str) -> Event {
    let named = |event: &&Event| format!("{event:?}") == name;
    *Event::ALL
        .iter()
        .find(named)
        .unwrap_or_else(|| panic!("{name} is an event"))
}

#[test]
fn every_arrow_of_the_table_is_there_and_no_other() {
    let mut rows = MATRIX
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let head = rows.next().expect("a head");
    let events: Vec<Event> = head.split_whitespace().skip(1).map(event).collect();
    assert_eq!(events.len(), Event::ALL.len(), "every event is a column");
    let mut states = Vec::new();
    for row in rows {
        let mut cells = row.split_whitespace();
        let from: State = cells
            .next()
            .expect("a state")
            .parse()
            .expect("a state's name");
        let cells: Vec<&str> = cells.collect();
        assert_eq!(
            cells.len(),
            events.len(),
            "{from} has a cell for every event"
        );
        for (event, cell) in events.iter().zip(cells) {
            let expected = (cell != "-").then(|| cell.parse().expect("a state's name"));
            assert_eq!(
                transition(from, *event).ok(),
                expected,
                "{from} on {event:?}"
            );
        }
        states.push(from);
    }
    states.sort_unstable();
    assert_eq!(states, State::ALL, "every state is a row");
}

#[test]
fn a_refused_move_names_the_state_and_what_was_asked() {
    for (state, event, text) in [
        (
            State::Completed,
            Event::RetryNow,
            "a job that is completed cannot be retried",
        ),
        (
            State::Running,
            Event::Reprioritise,
            "a job that is running cannot be given another priority",
        ),
    ] {
        let refused = transition(state, event).expect_err("no arrow");
        assert_eq!((refused.state, refused.event), (state, event));
        assert_eq!(refused.to_string(), text);
    }
}

proptest! {
    #[test]
    fn only_a_persons_retry_leads_out_of_an_end_and_only_out_of_failed_and_timed_out(
        events in proptest::collection::vec(proptest::sample::select(&Event::ALL[..]), 0..60),
    ) {
        let mut state = State::Pending;
        for event in events {
            let Ok(next) = transition(state, event) else { continue };
            if state.is_terminal() {
                prop_assert_eq!(event, Event::RetryNow);
                prop_assert!(matches!(state, State::Failed | State::TimedOut));
                prop_assert_eq!(next, State::Queued);
            }
            let stays = event == Event::Reprioritise;
            prop_assert_eq!(state == next, stays, "every other arrow leads somewhere else");
            state = next;
        }
    }

    #[test]
    fn a_job_runs_only_after_it_was_acquired(
        events in proptest::collection::vec(proptest::sample::select(&Event::ALL[..]), 0..60),
    ) {
        let mut state = State::Pending;
        let mut is_leased = false;
        for event in events {
            let Ok(next) = transition(state, event) else { continue };
            is_leased = match event {
                Event::Acquire => true,
                Event::Start => is_leased,
                Event::Queue | Event::Dequeue | Event::Reprioritise | Event::Complete
                | Event::Fail | Event::Retry | Event::HandBack | Event::TimeOut | Event::Cancel | Event::RetryNow => false,
            };
            prop_assert_eq!(next.is_live(), is_leased, "{} by {:?}", next, event);
            state = next;
        }
    }
}
