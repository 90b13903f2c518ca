//! A spec that was stored reads back as the same spec: parse → serialize → parse.

use std::time::Duration;

use longshore_core::retry::{RetriedExitCodes, Strategy as Spacing};
use longshore_core::spec::{
    Device, EnvValue, FIELDS, Mount, MountKind, Network, PullPolicy, Timeout, parse_json,
    parse_value,
};
use longshore_core::{JobSpec, Priority, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

/// Any text that a field may hold: everything but NUL.
fn text(max: usize) -> impl Strategy<Value = String> {
    vec(any::<char>().prop_filter("no NUL", |c| *c != '\0'), 0..max)
        .prop_map(|chars| chars.into_iter().collect())
}

/// A text of one line.
fn line() -> impl Strategy<Value = String> {
    vec(
        any::<char>().prop_filter("printable", |c| !c.is_ascii_control()),
        1..20,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

fn timeout() -> impl Strategy<Value = Timeout> {
    prop_oneof![
        Just(Timeout::Never),
        (1u64..300_000_000_000).prop_map(|ms| Timeout::After(Duration::from_millis(ms))),
    ]
}

fn mount() -> impl Strategy<Value = Mount> {
    let path = || text(20).prop_map(|path| format!("/{path}"));
    (0..3u8, path(), path(), line(), any::<bool>()).prop_map(
        |(kind, target, path, volume, read_only)| {
            let (kind, source) = match kind {
                0 => (MountKind::Bind, Some(path)),
                1 => (MountKind::Volume, Some(volume)),
                _ => (MountKind::Tmpfs, None),
            };
            Mount {
                kind,
                source,
                target,
                read_only,
            }
        },
    )
}

fn network() -> impl Strategy<Value = Network> {
    (line(), vec(line(), 0..3)).prop_map(|(name, aliases)| Network { name, aliases })
}

fn device() -> impl Strategy<Value = Device> {
    let path = || text(20).prop_map(|path| format!("/{path}"));
    (path(), of(path()), of("r|w|m|rw|mr|wmr")).prop_map(|(source, target, permissions)| Device {
        source,
        target,
        permissions,
    })
}

prop_compose! {
    fn what_runs()(
        image in of("[a-z]{1,9}(:[a-z0-9.]{1,5})?"),
        command in vec(text(12), 0..4),
        entrypoint in vec(text(12), 0..3),
        env in btree_map("[A-Z_]{1,8}", text(20).prop_map(EnvValue::from), 0..4),
        secret_env in vec("[A-Z_]{1,8}", 0..3),
        env_templates in vec("[a-z][a-z0-9._-]{0,9}", 0..3),
        working_directory in of(text(20).prop_map(|path| format!("/{path}"))),
        user in of("[a-z0-9._-]{1,9}(:[a-z0-9._-]{1,9})?"),
        mounts in vec(mount(), 0..3),
        networks in vec(network(), 0..3),
        devices in vec(device(), 0..3),
        privileged in any::<bool>(),
    ) -> JobSpec {
        let mut command = command;
        if image.is_none() {
            // Without an image the first word is the program, which needs a name.
            command.insert(0, "true".to_owned());
        }
        let entrypoint = if image.is_none() { vec![] } else { entrypoint };
        JobSpec {
            image, command, entrypoint, env, secret_env, env_templates, working_directory, user, mounts,
            networks, devices, privileged, ..JobSpec::default()
        }
    }
}

prop_compose! {
    fn bounds()(
        memory in of(1u64..=i64::MAX.unsigned_abs()),
        cpus in of(0.001f64..4096.0),
        pids_limit in of(1u32..),
        run_timeout in of(timeout()),
        queue_timeout in of(timeout()),
        no_output_timeout in of(timeout()),
        stop_grace in of((0u64..300_000_000_000).prop_map(Duration::from_millis)),
        max_retries in of(0u32..=100),
        retry_strategy in of(proptest::sample::select(vec![
            Spacing::Default, Spacing::Aggressive, Spacing::Conservative, Spacing::HighPriority,
        ])),
        retry_exit_codes in of(prop_oneof![
            Just(RetriedExitCodes::Any),
            vec(1i32..=255, 0..5).prop_map(RetriedExitCodes::These),
        ]),
    ) -> JobSpec {
        JobSpec {
            memory, cpus, pids_limit, run_timeout, queue_timeout, no_output_timeout, stop_grace,
            max_retries, retry_strategy, retry_exit_codes, ..JobSpec::default()
        }
    }
}

prop_compose! {
    fn spec()(
        what in what_runs(),
        bounds in bounds(),
        name in of(line()),
        description in of(text(30)),
        submitted_by in of(line()),
        labels in btree_map("[A-Za-z0-9][A-Za-z0-9._/-]{0,9}", text(20), 0..4),
        queue in of("[a-z0-9][a-z0-9._-]{0,9}"),
        priority in (0i64..=100).prop_map(|value| Priority::new(value).expect("in range")),
        scheduled_for in of((0i64..4_000_000_000_000).prop_map(|ms| {
            Timestamp::from_millisecond(ms).expect("in range")
        })),
        pull in of(proptest::sample::select(vec![
            PullPolicy::Missing, PullPolicy::Always, PullPolicy::Never,
        ])),
        idempotency_key in of(line()),
    ) -> JobSpec {
        JobSpec {
            name, description, submitted_by, labels, queue, priority, scheduled_for, pull,
            idempotency_key,
            memory: bounds.memory,
            cpus: bounds.cpus,
            pids_limit: bounds.pids_limit,
            run_timeout: bounds.run_timeout,
            queue_timeout: bounds.queue_timeout,
            no_output_timeout: bounds.no_output_timeout,
            stop_grace: bounds.stop_grace,
            max_retries: bounds.max_retries,
            retry_strategy: bounds.retry_strategy,
            retry_exit_codes: bounds.retry_exit_codes,
            ..what
        }
    }
}

/// Any duration, nanoseconds and centuries too.
fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (any::<u64>(), 0u32..1_000_000_000).prop_map(|(s, ns)| Duration::new(s, ns)),
        (0u64..400_000_000, 0u32..1_000_000_000).prop_map(|(s, ns)| Duration::new(s, ns)),
        (0u64..400_000_000_000).prop_map(Duration::from_millis),
        (0u64..2_000_000).prop_map(Duration::from_nanos),
    ]
}

proptest! {
    #[test]
    fn a_spec_of_any_durations_is_refused_or_survives_being_stored(
        times in proptest::array::uniform4(of(any_duration())),
    ) {
        let [run, queue, silence, stop_grace] = times;
        let spec = JobSpec {
            run_timeout: run.map(Timeout::After),
            queue_timeout: queue.map(Timeout::After),
            no_output_timeout: silence.map(Timeout::After),
            stop_grace,
            ..JobSpec::process(["true"])
        };
        if let Ok(valid) = spec.validate() {
            let stored = serde_json::to_string(valid.spec()).expect("a spec is JSON");
            let read = parse_json(&stored);
            let read = read.map_err(|e| TestCaseError::fail(format!("{e}: {stored}")))?;
            prop_assert_eq!(read, valid);
        }
    }

    #[test]
    fn a_spec_of_any_moment_is_refused_or_lies_in_the_years_that_sql_takes(
        seconds in prop_oneof![
            -377_705_023_201i64..=253_402_207_200,
            -62_135_596_805i64..=-62_135_596_795,
            253_402_127_990i64..=253_402_128_010,
        ],
        nanos in 0i32..1_000_000_000,
    ) {
        let moment = Timestamp::new(seconds, nanos);
        prop_assume!(moment.is_ok());
        let moment = moment.expect("as assumed");
        let spec = JobSpec { scheduled_for: Some(moment), ..JobSpec::process(["true"]) };
        let in_range = (-62_135_596_800..=253_402_128_000).contains(&seconds);
        match spec.validate() {
            Ok(_) => prop_assert!(in_range, "{moment}"),
            Err(error) => {
                prop_assert!(!in_range, "{moment}");
                prop_assert_eq!(error.field, "scheduled_for");
            }
        }
    }

    #[test]
    fn a_valid_spec_survives_being_stored(spec in spec()) {
        let stored = serde_json::to_value(&spec).expect("a spec is JSON");
        let read = parse_value(stored.clone());
        let read = read.map_err(|e| TestCaseError::fail(format!("{e}: {stored}")))?;
        prop_assert_eq!(read.spec(), &spec);
        prop_assert!(!read.is_held());
        let again = serde_json::to_value(read.spec()).expect("a spec is JSON");
        prop_assert_eq!(&again, &stored, "the stored form is canonical");
        let from_text = parse_json(&stored.to_string()).expect("the same as text");
        prop_assert_eq!(from_text.into_spec(), spec);
    }

    #[test]
    fn the_stored_form_has_known_fields_only(spec in spec()) {
        let stored = serde_json::to_value(&spec).expect("a spec is JSON");
        for field in stored.as_object().expect("an object").keys() {
            prop_assert!(FIELDS.contains(&field.as_str()), "{field}");
        }
    }

    #[test]
    fn no_json_makes_the_parser_panic(text in ".*", number in any::<f64>()) {
        let _ = parse_json(&text);
        for field in FIELDS {
            for value in [serde_json::json!(text), serde_json::json!(number), serde_json::json!([
                text, number
            ])] {
                let spec = serde_json::json!({ "command": ["true"], field: value });
                if let Err(error) = parse_value(spec) {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}
