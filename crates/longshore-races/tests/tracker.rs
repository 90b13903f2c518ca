//! `JobCompletionTracker` under every interleaving.

use longshore_races::explore::explore;
use longshore_races::scenarios::tracker;

#[test]
fn the_last_completion_ends_every_wait() {
    explore(
        &["waited", "came too late to wait"],
        tracker::the_last_completion_ends_every_wait,
    );
}

#[test]
fn no_wait_ends_while_something_runs() {
    explore(&[], tracker::no_wait_ends_while_something_runs);
}

#[test]
fn a_job_added_twice_is_waited_for_until_it_ended_twice() {
    explore(
        &[],
        tracker::a_job_added_twice_is_waited_for_until_it_ended_twice,
    );
}

#[test]
fn attempts_of_one_job_never_take_each_others_end() {
    explore(
        &["attempts overlapped"],
        tracker::attempts_of_one_job_never_take_each_others_end,
    );
}

#[test]
fn a_wait_that_times_out_changes_nothing() {
    explore(
        &["the jobs were first", "the time was up first"],
        tracker::a_wait_that_times_out_changes_nothing,
    );
}
