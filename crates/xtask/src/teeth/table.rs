//! Which test catches which planted bug, and as the breach of which promise.

/// A bug and the test that must catch it.
pub struct Row {
    /// Its name, as `longshore-fault` has it.
    pub bug: &'static str,
    /// The test's whole name in the concurrency tests.
    pub test: &'static str,
    /// The promise that the test must name.
    pub promise: &'static str,
}

const fn row(bug: &'static str, test: &'static str, promise: &'static str) -> Row {
    Row { bug, test, promise }
}

/// Every row. One goes in only when it was seen to catch.
pub const TABLE: &[Row] = &[
    // The suite's own tests, where they can't miss it.
    row(
        "no_skip_locked",
        "job_acquisition::test_job_acquisition_with_skip_locked",
        "S7",
    ),
    row(
        "no_skip_locked",
        "job_acquisition::whoever_acquires_goes_past_every_locked_row_in_order",
        "S7",
    ),
    row(
        "count_then_launch",
        "job_acquisition::live_jobs_that_end_reach_the_limit_and_never_pass_it::on_postgres",
        "S3",
    ),
    row(
        "fifo_dropped",
        "job_acquisition::test_multiple_workers_no_duplicate_acquisition::on_postgres",
        "S7",
    ),
    row(
        "fifo_dropped",
        "changing_limits::a_limit_that_is_lowered_and_raised_under_load_is_never_passed::on_postgres",
        "S7",
    ),
    // Those that lead sessions and workers through the one order that shows it.
    row(
        "no_skip_locked",
        "faults::acquiring::the_job_behind_a_locked_one_is_given_at_once",
        "S7",
    ),
    row(
        "released_before_mark",
        "faults::acquiring::a_job_that_one_session_takes_is_not_given_to_another_before_it_commits",
        "S1",
    ),
    row(
        "count_then_launch",
        "faults::limits::nobody_takes_what_another_that_has_counted_is_about_to_take",
        "S3",
    ),
    row(
        "count_in_same_statement",
        "faults::limits::whoever_waited_for_the_lock_counts_what_was_taken_meanwhile",
        "S3",
    ),
    row(
        "limit_from_live_heartbeats",
        "faults::limits::the_leases_of_a_silent_worker_count",
        "S3",
    ),
    row(
        "slots_kept_across_limit_change",
        "faults::limits::what_an_unlimited_queue_taught_is_forgotten_when_it_gets_a_limit",
        "S3",
    ),
    row(
        "limit_changed_without_lock",
        "faults::limits::a_limit_is_set_only_when_nobody_is_in_the_middle_of_acquiring_without_it",
        "S3",
    ),
    row(
        "finish_without_token",
        "faults::tokens::a_stale_token_ends_nothing_on_postgres",
        "S5",
    ),
    row(
        "finish_without_token",
        "faults::tokens::a_stale_token_ends_nothing_on_sqlite",
        "S5",
    ),
    row(
        "finish_by_id_and_state",
        "faults::tokens::another_attempt_of_a_running_job_ends_nothing_on_postgres",
        "S5",
    ),
    row(
        "finish_by_id_and_state",
        "faults::tokens::another_attempt_of_a_running_job_ends_nothing_on_sqlite",
        "S5",
    ),
    row(
        "fence_without_token",
        "faults::tokens::a_stale_token_does_not_get_past_the_fence",
        "S5",
    ),
    row(
        "append_without_token",
        "faults::tokens::a_stale_token_stores_no_output",
        "S5",
    ),
    row(
        "fifo_dropped",
        "faults::order::what_was_queued_first_is_acquired_first",
        "S7",
    ),
    row(
        "staged_unordered",
        "faults::order::jobs_that_came_due_are_acquired_in_the_order_in_which_they_did",
        "S7",
    ),
    row(
        "frontier_without_proof",
        "faults::order::a_job_whose_submission_commits_late_is_not_passed_over",
        "S7",
    ),
    row(
        "due_by_local_clock",
        "faults::order::a_fast_clock_elsewhere_starts_no_job_early",
        "S8",
    ),
    row(
        "retry_without_key",
        "faults::retrying::a_submission_without_a_key_is_not_repeated_when_its_reply_was_lost",
        "S4",
    ),
    row(
        "no_backoff",
        "faults::retrying::a_contended_call_is_repeated_after_pauses_that_grow",
        "S9",
    ),
    row(
        "acknowledge_before_commit",
        "faults::sqlite::a_job_is_acknowledged_only_when_its_commit_has_gone_well",
        "S4",
    ),
    row(
        "deferred_begin",
        "faults::sqlite::a_verb_that_waits_for_another_writer_gets_its_turn",
        "L1",
    ),
    row(
        "unknown_leases_kept",
        "faults::working::leases_whose_reply_was_lost_go_back",
        "L3",
    ),
    row(
        "slot_kept_after_panic",
        "faults::working::a_worker_whose_task_panicked_has_its_slot_back",
        "L3",
    ),
    row(
        "earlier_finish_forgotten",
        "faults::working::an_end_whose_reply_was_lost_counts_as_stored",
        "S12",
    ),
    row(
        "shutdown_requeues_running",
        "faults::draining::what_a_shutdown_leaves_alive_is_not_started_again",
        "S2",
    ),
    row(
        "heartbeat_stops_at_drain",
        "faults::draining::a_worker_that_drains_counts_as_alive_until_its_last_job_has_ended",
        "S10",
    ),
    row(
        "takeover_token_plus_one",
        "faults::taking_over::tokens_rise_over_every_change_of_hands_on_postgres",
        "S1",
    ),
    row(
        "takeover_token_plus_one",
        "faults::taking_over::tokens_rise_over_every_change_of_hands_on_sqlite",
        "S1",
    ),
    row(
        "takeover_keeps_token",
        "faults::taking_over::who_had_a_lease_before_ends_nothing_on_postgres",
        "S5",
    ),
    row(
        "takeover_keeps_token",
        "faults::taking_over::who_had_a_lease_before_ends_nothing_on_sqlite",
        "S5",
    ),
    row(
        "takeover_without_second_look",
        "faults::taking_over::a_worker_that_is_told_that_it_lives_keeps_its_leases",
        "S1",
    ),
    row(
        "takeover_ignores_reach",
        "faults::taking_over::a_lease_goes_to_a_worker_that_reaches_its_host_on_postgres",
        "L2",
    ),
    row(
        "takeover_ignores_reach",
        "faults::taking_over::a_lease_goes_to_a_worker_that_reaches_its_host_on_sqlite",
        "L2",
    ),
    row(
        "takeover_by_newest_heartbeat",
        "faults::taking_over::a_take_over_that_was_held_up_takes_nothing_from_others_on_postgres",
        "S1",
    ),
    row(
        "takeover_by_newest_heartbeat",
        "faults::taking_over::a_take_over_that_was_held_up_takes_nothing_from_others_on_sqlite",
        "S1",
    ),
    row(
        "takeover_while_draining",
        "faults::taking_over::a_worker_that_drains_takes_nothing_over",
        "S10",
    ),
    row(
        "requeue_on_expiry",
        "faults::deaths::a_container_whose_worker_is_killed_is_not_run_beside_itself",
        "S2",
    ),
    row(
        "start_anothers_created",
        "faults::deaths::a_container_that_another_may_still_start_is_replaced",
        "S2",
    ),
    row(
        "adopt_without_token",
        "faults::engines::a_container_of_a_higher_token_is_another_workers",
        "S5",
    ),
    row(
        "start_repeated",
        "faults::engines::a_start_whose_reply_was_lost_is_not_repeated",
        "S4",
    ),
    row(
        "listing_believed",
        "faults::engines::an_empty_listing_proves_nothing",
        "S2",
    ),
    row(
        "removed_by_engine",
        "faults::engines::what_ended_while_nobody_watched_is_harvested",
        "S4",
    ),
    row(
        "tombstone_dropped",
        "faults::engines::what_was_taken_over_stays_as_a_tombstone",
        "S5",
    ),
    row(
        "not_after_dropped",
        "faults::engines::a_worker_whose_last_heartbeat_is_too_old_starts_nothing",
        "S5",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_bug_has_a_row_and_every_row_a_bug() {
        let in_table: BTreeSet<&str> = TABLE.iter().map(|row| row.bug).collect();
        // Points have a dot in their names, bugs have none.
        let names = longshore_fault::NAMES.iter().copied();
        let bugs: BTreeSet<&str> = names.filter(|name| !name.contains('.')).collect();
        assert_eq!(in_table, bugs);
        assert!(bugs.len() >= 21, "{}", bugs.len());
    }
}
