//! The list of all cases, as a macro: what [`crate::store_conformance!`] turns into tests.

/// One test per case of the store conformance suite. `$harness` is an async function of the
/// calling module that makes a [`crate::store::StoreHarness`] over a fresh database.
///
/// The caller needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_conformance {
    ($harness:ident) => {
        $crate::store_cases! { $harness;
            submissions {
                a_waiting_job_is_cancelled_at_once,
                cancelling_a_live_job_asks_its_worker,
                a_worker_learns_of_a_cancellation_wherever_it_asks,
                cancelling_an_ended_job_says_how_it_ended,
                a_lost_reply_to_a_cancellation_can_be_asked_again,
                cancelling_an_unknown_job_is_an_error,
                a_promised_cancellation_outlives_the_attempt_it_was_asked_of,
                a_cancellation_meets_an_acquisition_before_or_after_it_never_between,
                a_cancellation_meets_a_finish_before_or_after_it_never_between,
                a_lost_reply_is_answered_with_the_first_job,
                a_key_used_twice_in_one_call_makes_one_job,
                a_key_used_for_another_spec_is_refused_and_nothing_submitted,
                a_key_used_for_two_specs_in_one_call_is_refused_whole,
                a_key_belongs_to_its_job_for_as_long_as_its_row_exists,
                one_key_from_eight_tasks_at_once_makes_exactly_one_job,
                keys_in_opposite_orders_from_two_handles_do_not_block_each_other,
                a_pending_job_joins_the_end_of_its_line_when_queued,
                a_pending_job_with_a_time_waits_for_it_when_queued,
                only_a_pending_job_can_be_queued,
                a_queued_job_is_pending_once_taken_out_until_queued_again,
                a_scheduled_job_that_is_taken_out_keeps_its_time,
                a_job_that_runs_has_ended_or_is_pending_cannot_be_taken_out,
                what_a_job_has_used_up_survives_being_taken_out,
                a_retrying_job_can_be_taken_out_and_is_queued_as_any_other,
                a_reprioritised_job_joins_the_end_of_its_new_line,
                the_same_reprioritisation_again_changes_nothing_more,
                every_waiting_job_can_be_reprioritised_where_it_stands,
                a_job_that_runs_or_has_ended_cannot_be_reprioritised,
                twin_moves_of_one_job_succeed_exactly_once,
                a_retried_job_is_queued_with_its_budgets_whole,
                failed_timed_out_and_retrying_jobs_can_be_retried,
                no_other_job_can_be_retried,
                twin_retries_queue_a_job_once,
                a_submitted_job_is_queued,
                jobs_of_one_call_get_growing_ids_in_their_order,
                submitting_nothing_does_nothing,
                a_call_with_too_many_jobs_is_refused_whole,
                one_unknown_queue_refuses_the_whole_call_and_suggests,
                a_migrated_database_has_a_queue_for_images_and_one_for_commands,
                a_spec_reads_back_as_it_was_submitted,
                a_job_on_hold_is_pending_and_not_acquired,
                a_scheduled_job_is_queued_with_its_time_and_not_acquired_before,
                a_time_that_has_passed_is_due_at_once,
                twin_calls_from_two_handles_get_ids_of_their_own_in_order,
            }
            leases {
                an_acquired_job_is_launching_under_a_lease,
                an_empty_queue_gives_nothing,
                higher_priority_first_and_first_queued_first_within_one,
                no_more_is_given_than_was_asked_for,
                one_call_takes_a_thousand_jobs_at_most,
                a_queue_gives_only_its_own_jobs,
                a_paused_queue_gives_nothing_until_it_goes_on,
                attempts_count_on_and_tokens_grow_with_every_acquisition,
                a_job_handed_back_goes_ahead_of_its_priority_and_no_further,
                jobs_handed_back_by_one_call_go_ahead_in_the_order_of_their_jobs,
                an_acquisition_that_finds_no_room_stages_what_is_due_all_the_same,
                scheduled_jobs_that_are_due_take_part_by_their_priority,
                a_worker_that_drains_stopped_or_is_unknown_acquires_nothing,
                a_worker_lists_its_leases_with_the_numbers_of_their_calls,
                a_job_ends_in_the_state_that_its_finish_names,
                a_job_that_never_started_can_fail_time_out_or_be_cancelled,
                a_job_may_complete_before_the_store_was_told_that_it_ran,
                a_retry_waits_for_its_delay_by_the_databases_clock,
                handing_back_uses_nothing_and_a_loss_uses_the_crash_budget,
                retries_are_counted_one_by_one,
                a_lost_reply_to_a_finish_is_answered_as_finished_already,
                many_finishes_are_judged_one_by_one_and_answered_in_order,
                an_end_that_the_state_has_no_arrow_for_is_refused_alone,
                a_hundred_finishes_in_one_call_all_happen,
                twin_finishes_of_one_attempt_happen_once,
                a_launched_job_keeps_its_handle_and_host_and_is_still_launching,
                a_lost_reply_to_a_launch_can_be_asked_again,
                a_job_whose_container_was_seen_running_is_running,
                saying_again_that_it_runs_says_nothing_new,
                leases_are_checked_in_the_order_of_the_question,
                output_reads_back_in_order_byte_for_byte,
                repeating_output_whose_reply_was_lost_stores_it_once,
                one_lost_lease_does_not_hold_back_the_output_of_others,
                pages_end_with_the_chunk_that_reaches_their_size,
                the_end_is_said_with_the_last_chunk_of_an_ended_attempt,
                what_the_cap_left_out_shows_as_a_jump_of_position,
                each_attempt_has_output_of_its_own_and_the_newest_is_the_default,
                a_job_that_never_ran_has_no_output_and_an_unknown_one_is_an_error,
                output_of_an_attempt_that_never_was_is_an_error_that_names_the_newest,
                a_large_chunk_is_stored_whole,
                output_of_many_jobs_at_once_stays_apart,
                everything_that_was_recorded_reads_back,
                every_outcome_and_class_reads_back,
                an_exit_that_says_nothing_reads_back_as_none,
                an_attempt_that_never_started_says_so,
                an_error_text_that_is_too_long_is_cut_between_characters,
                an_error_text_with_a_nul_character_does_not_lose_the_finish,
                attempts_are_listed_first_to_last_with_the_live_one,
                stale_token_cannot_finish_attempt,
                stale_token_cannot_mark_a_job_launched_or_running,
                stale_token_cannot_append_output,
                stale_token_is_told_that_its_lease_is_lost,
                an_ended_attempt_takes_no_more_writes,
                a_stale_finish_meets_an_acquisition_and_changes_nothing,
            }
            limits {
                a_queue_gives_no_more_than_its_limit_over_all_workers,
                every_way_to_end_an_attempt_frees_its_slot,
                a_launching_job_holds_its_slot_like_a_running_one,
                a_limit_of_zero_holds_everything_back,
                a_limit_lowered_below_what_runs_ends_nothing_and_starts_nothing,
                a_raised_limit_gives_its_new_slots_at_once,
                a_limit_set_on_a_queue_counts_what_was_acquired_without_one,
                a_call_can_bring_a_limit_of_its_own,
                the_lesser_of_both_limits_counts,
                the_largest_limit_and_cap_hold_nothing_back,
                the_limit_of_one_queue_is_no_other_queues,
                what_is_not_acquired_for_a_limit_keeps_its_place,
            }
            registry {
                the_same_machine_is_the_same_host_after_a_boot,
                hosts_are_listed_by_name,
                twins_that_meet_a_new_machine_make_one_host,
                a_database_has_one_name_and_one_clock,
                a_queue_reads_back_as_it_was_made,
                queues_are_listed_by_name,
                a_queue_of_the_same_name_is_refused,
                twins_that_make_a_queue_make_it_once,
                a_name_that_is_none_makes_no_queue,
                a_queue_that_not_every_store_could_keep_is_refused_by_field,
                the_largest_limit_is_kept_and_a_larger_one_refused,
                an_unknown_queue_is_an_error_that_suggests,
                every_change_of_limit_or_pause_raises_the_epoch,
                labels_that_a_queue_asks_of_its_hosts_are_set_and_taken_away,
                a_template_saved_again_with_another_body_is_a_new_version,
                templates_are_read_by_name_in_their_newest_version,
                an_unknown_template_is_an_error_that_suggests,
                an_unknown_template_among_none_is_an_error_that_says_so,
                a_template_that_cannot_be_read_or_kept_is_refused_and_shows_no_value,
                twins_that_save_templates_make_a_version_each,
                a_worker_that_reports_for_work_is_listed_as_alive,
                a_worker_counts_its_leases,
                a_heartbeat_is_a_sign_of_life,
                a_worker_unheard_of_for_its_time_is_not_alive,
                a_worker_told_to_drain_learns_it_with_its_heartbeat,
                an_unknown_worker_can_neither_drain_nor_stop,
                a_worker_that_said_goodbye_is_of_the_past,
            }
            reading {
                metrics_equal_what_was_done,
                the_counts_of_each_queue_are_its_own,
                a_queue_counts_the_workers_that_may_take_its_jobs,
                launch_failed_counts_failed_jobs_whose_last_attempt_never_started,
                ended_jobs_are_counted_by_how_they_ended,
                jobs_are_listed_newest_first_whatever_their_states,
                paging_meets_every_job_exactly_once_at_any_page_size,
                a_list_is_filtered_by_each_state_and_by_several,
                a_list_is_filtered_by_queue,
                a_list_is_filtered_by_what_jobs_look_like,
                a_list_is_filtered_by_all_of_the_labels_given,
                pages_have_a_largest_size,
                a_page_of_none_has_one,
                a_list_is_filtered_by_labels_and_states_page_by_page,
                jobs_that_move_between_two_pages_are_not_met_twice,
                a_summary_says_the_same_in_a_list_as_alone,
                a_job_is_shown_in_each_state_with_what_belongs_to_it,
                states_are_answered_in_the_order_of_the_question,
                an_unknown_job_is_an_error_by_its_id,
                the_newest_job_is_the_last_one_submitted,
                a_pending_job_says_that_it_is_held,
                a_scheduled_job_says_when_it_is_due,
                a_retrying_job_says_which_retry_comes_when,
                a_job_in_a_paused_queue_says_so,
                a_job_behind_a_limit_says_which_and_whose_jobs_hold_it,
                a_job_behind_a_large_limit_names_ten_of_the_jobs_that_hold_it,
                a_job_that_nobody_serves_says_so,
                a_job_whose_workers_all_drain_says_so,
                a_job_whose_workers_are_full_says_so,
                a_job_that_may_go_says_that_it_is_in_line,
                a_job_that_does_not_wait_gives_no_reason,
            }
            upkeep {
                a_job_moves_up_one_priority_after_the_time_and_again_after_each_further_one,
                a_low_job_under_a_steady_stream_of_high_ones_starts_within_bounded_passes,
                in_a_queue_that_does_not_age_nothing_ever_moves,
                a_paused_queue_ages_nothing_and_the_wait_counts_anew_when_it_goes_on,
                moved_jobs_join_behind_those_that_wait_there_and_keep_their_order,
                a_moved_job_keeps_its_attempts_budgets_and_state,
                a_job_that_is_held_scheduled_or_live_does_not_age,
                a_job_at_the_top_stays_there,
                those_that_waited_longest_move_first_in_bounded_batches,
                a_priority_that_a_person_gives_is_the_jobs_own_from_then_on,
                twin_passes_move_each_job_once,
                ageing_meets_acquisitions_and_cancellations_and_no_job_is_lost_or_doubled,
                the_time_after_which_jobs_age_is_kept_and_what_is_none_is_refused,
                a_job_that_waited_too_long_times_out,
                the_wait_counts_from_when_a_job_is_queued_and_due,
                waiting_jobs_are_ended_in_bounded_passes_each_by_one_of_two_twins,
                deadlines_of_jobs_that_ended_otherwise_hide_no_job_that_waited_too_long,
                pruning_takes_what_ended_long_ago_and_keeps_the_rest,
                what_is_prunable_is_counted_and_left,
                pruning_goes_by_bounded_batches_until_nothing_is_left,
                pruning_until_no_more_is_said_to_be_left_leaves_nothing_however_much_was_written,
                pruning_leaves_everything_that_has_not_ended,
                a_job_that_was_retried_in_time_is_not_pruned,
                twin_prunings_take_each_job_once,
                due_jobs_of_every_queue_are_staged_in_bounded_passes,
                staged_jobs_stand_in_line_by_when_they_were_due,
                twin_passes_stage_each_job_once,
                leases_whose_worker_is_stopped_or_silent_are_found_with_jobs_queues_and_slots,
                leases_of_live_workers_are_as_they_should_be,
                storage_can_be_tended_at_any_time,
                a_fresh_database_has_no_problem,
                a_listener_hears_that_another_handle_submitted,
                a_listener_never_waits_longer_than_it_was_told,
            }
            hosts {
                a_new_host_is_enabled_well_and_without_bounds,
                each_field_of_a_host_changes_alone_and_stays,
                a_change_of_one_host_changes_no_other,
                a_change_that_not_every_store_could_keep_is_refused_by_field,
                twins_that_set_labels_of_a_host_set_them_all,
                meeting_a_host_again_keeps_what_people_said_of_it,
                a_problem_is_kept_until_the_host_is_met_again,
                an_unknown_host_can_neither_change_nor_have_a_problem,
                a_worker_says_which_hosts_it_launches_on_and_says_it_anew,
                a_launch_takes_its_demand_of_its_host_and_of_no_other,
                a_launch_that_fits_to_the_last_bit_is_stored,
                a_full_host_says_what_it_lacks_and_stores_nothing,
                a_host_without_bounds_is_never_full,
                a_host_of_no_slots_takes_nothing,
                every_way_to_end_an_attempt_frees_its_room,
                a_disabled_host_gets_no_launch_until_it_is_enabled_again,
                a_launch_that_was_stored_is_stored_again_whatever_became_of_its_host,
                a_job_whose_end_was_asked_for_is_fenced_even_without_room,
                a_stale_token_takes_nothing_of_a_host_and_moves_nothing,
                a_launch_that_is_made_anew_elsewhere_leaves_its_first_host,
                nothing_is_launched_on_a_host_that_is_unknown,
                lowering_a_capacity_below_what_runs_ends_nothing_and_starts_nothing,
                of_eight_that_race_for_the_last_slot_one_gets_it,
                of_eight_that_race_for_the_last_memory_those_get_it_that_fit,
                of_eight_that_race_for_the_last_cpus_those_get_them_that_fit,
                once_a_host_is_disabled_no_launch_gets_through_any_more,
                once_a_capacity_is_lowered_no_launch_goes_by_the_old_one,
                a_launch_that_met_no_bounds_heeds_those_that_were_set_while_it_waited,
                a_hosts_slots_are_reached_and_never_passed_while_jobs_end,
                what_a_launch_says_is_why_its_job_waits_until_it_runs,
                what_a_launch_said_goes_with_its_attempt,
                a_stale_token_says_nothing_of_a_launch,
                a_launch_that_says_something_learns_that_its_end_was_asked_for,
                of_a_long_note_whole_characters_are_kept,
                a_job_whose_hosts_are_all_disabled_says_so,
                a_job_whose_hosts_cannot_be_reached_says_so_and_why,
                a_job_that_no_host_has_room_for_says_what_each_lacks,
                a_job_says_what_of_its_cpus_a_host_lacks,
                only_hosts_of_workers_that_would_take_the_job_hold_it_up,
                only_hosts_of_the_queues_executor_and_labels_hold_its_jobs_up,
                labels_that_no_host_of_the_workers_carries_hold_a_job_up,
            }
            recovery {
                leases_of_a_worker_whose_time_is_over_move_under_fresh_tokens,
                nobody_takes_over_from_a_worker_within_its_time,
                a_worker_whose_time_is_over_and_who_has_nothing_is_fenced_all_the_same,
                a_worker_never_fences_itself,
                leases_of_a_worker_that_said_goodbye_move_at_once_and_are_no_orphans,
                a_worker_that_drains_stopped_was_fenced_or_is_unknown_takes_nothing_over,
                a_worker_that_may_take_nothing_over_fences_nobody,
                no_more_is_taken_over_than_was_asked_for,
                a_take_over_frees_no_slot_and_asks_for_none,
                the_new_holder_brings_the_attempt_to_its_end,
                what_a_queue_does_with_lost_hosts_is_kept_until_it_is_changed,
                a_worker_that_was_fenced_is_told_so_and_changes_nothing_any_more,
                every_holder_but_the_last_is_refused,
                a_promised_cancellation_outlives_a_take_over,
                leases_on_a_host_that_is_not_reached_stay,
                what_can_be_continued_is_taken_past_what_can_not,
                leases_on_no_host_move_only_to_a_worker_that_serves_their_queue,
                a_take_over_leaves_the_room_of_hosts_as_it_is,
                a_take_over_whose_reply_was_lost_is_told_again_under_another_token,
                how_much_output_is_stored_goes_with_a_take_over,
                output_of_an_earlier_attempt_is_none_of_this_one,
                what_the_last_holder_said_of_its_launch_is_no_longer_said,
                attempts_are_live_while_anybody_has_their_lease,
                a_host_that_a_live_worker_reaches_cannot_be_forgotten,
                a_host_that_its_workers_cannot_reach_can_be_forgotten,
                an_unknown_host_cannot_be_forgotten,
                leases_on_a_host_that_is_gone_move_to_whoever_serves_their_queue,
                whose_queue_a_worker_does_not_serve_it_leaves_on_a_host_that_is_gone,
                a_worker_is_told_of_its_own_leases_on_a_host_that_is_gone,
                a_host_that_is_seen_again_is_gone_no_longer,
                a_host_that_the_caller_itself_reaches_is_not_gone,
                jobs_on_a_host_unseen_for_a_minute_move_where_their_queue_says_so,
                leases_that_four_take_over_at_once_go_to_one_each,
                a_heartbeat_meets_a_take_over_and_exactly_one_of_them_wins,
                a_finish_meets_a_take_over_and_exactly_one_of_them_wins,
                a_cancellation_meets_a_take_over_and_is_heard_by_the_new_holder,
                output_of_the_old_worker_is_stored_before_a_take_over_or_not_at_all,
                a_handle_of_the_old_worker_is_known_to_a_take_over_or_not_stored,
                a_limit_is_never_passed_while_leases_change_hands,
            }
            contention {
                eight_tasks_drain_a_thousand_jobs_each_exactly_once,
                a_limit_is_reached_and_never_passed_while_jobs_end,
                the_limit_of_calls_is_reached_and_never_passed_while_jobs_end,
                a_limit_that_changes_all_the_time_is_never_passed,
                jobs_of_one_submitter_are_acquired_in_its_order,
                every_verb_at_once_leaves_every_job_in_one_place,
            }
            walk {
                known_walks_agree_with_the_model,
                a_walk_nobody_took_before_agrees_with_the_model,
            }
        }
    };
}

/// How a case becomes a test; only for [`crate::store_conformance!`].
#[doc(hidden)]
#[macro_export]
macro_rules! store_cases {
    ($harness:ident; $($group:ident { $($case:ident,)* })*) => {
        $(
            mod $group {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                    async fn $case() {
                        $crate::store::run(super::$harness().await, |h| {
                            ::std::boxed::Box::pin($crate::store::$group::$case(h))
                        })
                        .await;
                    }
                )*
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    /// The files that hold the cases of each group.
    const SOURCES: &[(&str, &[&str])] = &[
        (
            "submissions",
            &[
                include_str!("submissions/cancelling.rs"),
                include_str!("submissions/keys.rs"),
                include_str!("submissions/moving.rs"),
                include_str!("submissions/retrying.rs"),
                include_str!("submissions/submitting.rs"),
            ],
        ),
        (
            "leases",
            &[
                include_str!("leases/acquiring.rs"),
                include_str!("leases/finishing.rs"),
                include_str!("leases/launching.rs"),
                include_str!("leases/output.rs"),
                include_str!("leases/recording.rs"),
                include_str!("leases/stale_tokens.rs"),
            ],
        ),
        ("limits", &[include_str!("limits.rs")]),
        (
            "registry",
            &[
                include_str!("registry/hosts.rs"),
                include_str!("registry/queues.rs"),
                include_str!("registry/templates.rs"),
                include_str!("registry/workers.rs"),
            ],
        ),
        (
            "reading",
            &[
                include_str!("reading/counting.rs"),
                include_str!("reading/filtering.rs"),
                include_str!("reading/listing.rs"),
                include_str!("reading/showing.rs"),
                include_str!("reading/why_waiting.rs"),
            ],
        ),
        (
            "upkeep",
            &[
                include_str!("upkeep/ageing.rs"),
                include_str!("upkeep/expiring.rs"),
                include_str!("upkeep/pruning.rs"),
                include_str!("upkeep/staging.rs"),
                include_str!("upkeep/stranded.rs"),
                include_str!("upkeep/tending.rs"),
            ],
        ),
        (
            "hosts",
            &[
                include_str!("hosts/changing.rs"),
                include_str!("hosts/fencing.rs"),
                include_str!("hosts/racing.rs"),
                include_str!("hosts/telling.rs"),
                include_str!("hosts/waiting.rs"),
            ],
        ),
        (
            "recovery",
            &[
                include_str!("recovery/gone_hosts.rs"),
                include_str!("recovery/late_writes.rs"),
                include_str!("recovery/racing.rs"),
                include_str!("recovery/reach.rs"),
                include_str!("recovery/taking.rs"),
                include_str!("recovery/telling.rs"),
            ],
        ),
        ("contention", &[include_str!("contention.rs")]),
        (
            "walk",
            &[include_str!("walk/mod.rs"), include_str!("walk/model.rs")],
        ),
    ];

    #[test]
    fn every_case_that_is_written_is_in_the_list_that_is_run() {
        let listed = include_str!("cases.rs");
        for (group, sources) in SOURCES {
            let start = listed
                .find(&format!("            {group} {{"))
                .expect("a group of the list");
            let block = &listed[start..][..listed[start..].find('}').expect("the group ends")];
            let mut listed: Vec<&str> = block
                .lines()
                .skip(1)
                .map(|line| line.trim().trim_end_matches(','))
                .collect();
            let mut written: Vec<&str> = sources
                .iter()
                .flat_map(|source| source.split("\npub async fn ").skip(1))
                .map(|rest| &rest[..rest.find('(').expect("a function has arguments")])
                .collect();
            listed.retain(|name| !name.is_empty());
            listed.sort_unstable();
            written.sort_unstable();
            assert_eq!(listed, written, "cases of {group}");
        }
    }
}
