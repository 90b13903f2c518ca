//! The list of all cases: what an executor's tests expand to.

/// Makes one test of every case of the executor suite.
///
/// The argument is an expression that makes an [`ExecutorHarness`], evaluated for each case in a
/// module of its own: so it names things from `crate::` on. After the word `perhaps` the expression
/// makes an `Option`: where there is nothing to test, the harness itself says so.
///
/// [`ExecutorHarness`]: crate::executor::ExecutorHarness
#[macro_export]
macro_rules! executor_conformance {
    (perhaps $harness:expr) => {
        $crate::executor_case_modules! {
            ($harness)
            adopting by run {
                a_container_that_has_ended_is_harvested
                a_container_that_was_never_started_is_made_anew
                a_higher_token_supersedes
                a_running_container_is_adopted
                attempts_of_one_job_are_apart
                two_that_ensure_at_once_run_the_job_once
            }
            crowding by run_alone {
                fifty_jobs_launched_at_once_all_run
            }
            ending by run {
                an_end_by_a_signal_is_reported
                exit_codes_are_the_jobs_own
                the_end_is_told_though_nobody_pulls_the_output
                the_end_of_the_main_process_ends_daemons_that_left_its_session
                the_end_of_the_main_process_ends_its_children
            }
            fate by run {
                a_start_that_comes_after_another_workers_stop_finds_nothing
                another_worker_is_told_the_fate_of_a_container_in_each_phase
                nothing_is_concluded_about_a_container_of_another_host
                the_fate_of_a_container_of_ones_own_is_told_in_each_phase
                what_another_worker_has_stopped_is_proved_dead
                what_can_not_be_adopted_is_not_watched_and_that_is_said
            }
            limits by run {
                a_job_can_have_no_more_processes_than_its_limit
                a_job_gets_no_more_of_the_cpus_than_its_limit
                a_job_that_wants_more_memory_than_its_limit_is_killed
                memory_is_mounted_where_the_spec_says
                what_was_killed_for_memory_is_flagged
            }
            listing by run {
                a_container_is_listed_in_each_phase_until_it_is_forgotten
                a_container_that_was_never_started_can_be_forgotten
                a_running_container_is_not_forgotten
                another_instance_sees_nothing_of_this_one
                the_host_is_the_same_whenever_it_is_asked
                what_was_forgotten_can_be_forgotten_again
            }
            measuring by run_alone {
                cpu_time_is_that_of_the_job
                cpu_time_of_children_counts
                peak_memory_is_that_of_the_job
                usage_is_measured_while_the_job_runs
            }
            outliving by run {
                a_container_outlives_its_executor_and_loses_no_byte
                a_full_listing_names_the_containers_of_other_workers
                another_worker_stops_and_forgets_a_container
                what_ended_unwatched_is_harvested_whole
            }
            taking_over by run {
                a_line_that_was_begun_is_ended_for_another_worker
                a_start_and_another_workers_ensure_leave_one_that_runs
                a_worker_that_was_superseded_touches_nothing
                from_every_resume_point_another_worker_reads_the_rest_once
            }
            output by run {
                a_job_that_closes_its_output_ends_with_its_own_code
                a_silent_job_has_empty_output
                every_byte_value_is_delivered
                output_is_delivered_while_the_job_runs
                output_written_before_the_end_is_delivered_after_it
                stdout_and_stderr_come_apart_and_in_order
                the_last_line_is_delivered_without_its_end
            }
            starting by run {
                a_program_that_is_not_executable_is_a_permanent_error
                a_program_that_is_not_there_is_a_permanent_error
                a_second_start_is_refused_and_runs_nothing
                nothing_runs_before_the_start
            }
            stopping by run {
                a_child_that_cleans_up_has_its_grace_though_the_main_process_is_gone
                a_container_stopped_before_its_start_never_runs
                a_job_that_handles_term_ends_as_it_likes
                a_job_that_has_ended_is_stopped_at_once
                a_job_that_ignores_term_is_killed_after_its_grace
                a_job_that_waits_for_its_reader_can_be_stopped
                a_later_stop_shortens_the_grace
                a_stop_ends_grandchildren_and_daemons
                a_stopped_job_can_be_stopped_again
            }
            surroundings by run {
                a_job_knows_which_job_and_attempt_it_is
                a_job_runs_as_its_user_or_its_user_is_refused
                a_job_runs_in_its_working_directory
                a_path_of_its_own_is_where_programs_are_looked_for
                arguments_arrive_unchanged
                environment_values_arrive_unchanged
                standard_input_is_empty
                the_entrypoint_goes_before_the_command
                what_is_not_declared_is_refused_by_name
            }
            volume by run_alone {
                a_slow_consumer_gets_everything_without_growing_memory
                fifty_megabytes_arrive_whole_without_growing_memory
            }
        }
    };
    ($harness:expr) => {
        $crate::executor_conformance!(perhaps Some($harness));
    };
}

/// One test module per module of cases, one test per case.
#[doc(hidden)]
#[macro_export]
macro_rules! executor_case_modules {
    ($harness:tt $($module:ident by $run:ident { $($case:ident)+ })+) => {
        $(
            mod $module {
                $(
                    #[test]
                    fn $case() {
                        let case = async |scene: &$crate::executor::scene::Scene| {
                            $crate::executor::$module::$case(scene).await;
                        };
                        let name = concat!(stringify!($module), "::", stringify!($case));
                        $crate::executor::unless_known_to_differ(name, $harness, |harness| {
                            $crate::executor::$run(harness, case);
                        });
                    }
                )+
            }
        )+
    };
}
