//! Bad input and faults: one clear error each, the right exit code, nothing lost.

use std::os::unix::ffi::OsStrExt as _;

use super::support::{Home, Ran};

/// The report, without what differs from run to run.
pub(super) fn snapshot(name: &str, home: &Home, ran: &Ran) {
    let folder = regex_escaped(home.path().to_str().expect("temporary paths are UTF-8"));
    insta::with_settings!({
        filters => vec![
            (folder.as_str(), "[HOME]"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
            (r"knows up to \d+", "knows up to [VERSION]"),
        ],
        omit_expression => true,
        prepend_module_to_snapshot => false,
    }, {
        insta::assert_snapshot!(format!("cli__errors__{name}"), ran.report());
    });
}

fn regex_escaped(text: &str) -> String {
    text.replace('.', r"\.")
}

#[test]
fn an_unknown_command_or_flag_is_answered_with_the_nearest() {
    let home = Home::new();
    snapshot("unknown_command", &home, &home.run(&["sumbit"]));
    snapshot(
        "unknown_flag",
        &home,
        &home.run(&["list", "--quue", "local"]),
    );
}

#[test]
fn dockers_words_that_can_not_be_meant_are_answered_with_what_to_write() {
    let home = Home::new();
    let run = |args: &[&str]| home.run(&[&["run"], args].concat());
    snapshot("nothing_to_run_now", &home, &run(&[]));
    let twice = run(&["--image", "alpine", "echo", "hello"]);
    snapshot("image_named_twice", &home, &twice);
    snapshot("docker_rm", &home, &run(&["--rm", "alpine"]));
    for flag in ["-d", "--detach", "-i", "-t", "--restart"] {
        let ran = run(&[flag, "alpine"]);
        assert_eq!(ran.code, 2, "{}", ran.report());
        assert!(ran.stderr.contains("hint: "), "{}", ran.report());
    }
    snapshot("volume_alone", &home, &run(&["-v", "/data", "alpine"]));
    snapshot("volume_option", &home, &run(&["-v", "/a:/b:z", "alpine"]));
    let nfs = run(&["--mount", "type=nfs,target=/a", "alpine"]);
    snapshot("mount_type", &home, &nfs);
    snapshot(
        "tmpfs_option",
        &home,
        &run(&["--tmpfs", "/a:size=1g", "alpine"]),
    );
    let alias = run(&["--network-alias", "db", "alpine"]);
    snapshot("alias_without_network", &home, &alias);
    snapshot(
        "network_of_a_container",
        &home,
        &run(&["--network", "container:db", "alpine"]),
    );
    let file = home.file("bad.env", "A=1\nB C=hunter2\n");
    let ran = run(&["--env-file", &file, "alpine"]);
    assert!(!ran.report().contains("hunter2"));
    snapshot("env_file_line", &home, &ran);
    snapshot(
        "env_file_missing",
        &home,
        &run(&["--env-file", "no.env", "alpine"]),
    );
    assert!(home.is_untouched(), "nothing was asked of the database");
}

#[test]
fn words_that_are_not_text_are_refused() {
    let home = Home::new();
    for command in [
        &["list"][..],
        &["run"],
        &["run", "--"],
        &["list", "--queue"],
    ] {
        let mut refused = home.command(command);
        refused.arg(std::ffi::OsStr::from_bytes(b"\xff"));
        let ran = super::support::Running::start(&mut refused).finish();
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.report());
        assert!(ran.stderr.starts_with("error: "), "{}", ran.report());
    }
}

#[test]
fn bad_values_of_flags_name_the_field_and_what_is_allowed() {
    let home = Home::new();
    let submit = |args: &[&str]| home.run(&[&["submit"], args, &["--", "true"]].concat());
    snapshot("priority_101", &home, &submit(&["--priority", "101"]));
    snapshot("priority_urgent", &home, &submit(&["--priority", "urgent"]));
    snapshot("memory_lots", &home, &submit(&["--memory", "lots"]));
    snapshot(
        "run_timeout_soon",
        &home,
        &submit(&["--run-timeout", "soon"]),
    );
    snapshot("at_tomorrow", &home, &submit(&["--at", "tomorrow"]));
    snapshot(
        "env_without_value",
        &home,
        &submit(&["--env", "NOT_SET_HERE"]),
    );
    snapshot(
        "retry_exit_codes_some",
        &home,
        &submit(&["--retry-exit-codes", "some"]),
    );
    snapshot(
        "strategy_agressive",
        &home,
        &submit(&["--retry-strategy", "agressive"]),
    );
    snapshot("nothing_to_run", &home, &home.run(&["submit"]));
    snapshot("cpus_nan", &home, &submit(&["--cpus", "nan"]));
    for not_finite in ["inf", "-inf", "infinity", "1e999", "+NaN"] {
        let ran = submit(&[&format!("--cpus={not_finite}")]);
        assert_eq!(ran.code, 2, "{not_finite}: {}", ran.report());
    }
    assert!(home.is_untouched(), "nothing was asked of the database");
}

#[test]
fn bad_files_name_the_place_and_submit_nothing() {
    let home = Home::new();
    let submit = |text: &str| home.run_with(&["submit", "-f", "-"], text);
    snapshot("not_json", &home, &submit("hello\n"));
    snapshot("unknown_field", &home, &submit(r#"{"comand": ["true"]}"#));
    snapshot("not_a_list", &home, &submit(r#"{"command": "true"}"#));
    snapshot(
        "priority_101_in_a_file",
        &home,
        &submit(r#"{"command": ["true"], "priority": 101}"#),
    );
    snapshot(
        "no_file",
        &home,
        &home.run(&["submit", "-f", "missing.json"]),
    );
    let yaml = home.file(
        "jobs.yaml",
        "- command: [\"true\"]\n- command: [\"true\"]\n  memory: lots\n",
    );
    snapshot("yaml_field", &home, &home.run(&["submit", "-f", &yaml]));
    let yaml = home.file("broken.yaml", "command: [x\nenv: {A: hunter2}\n");
    snapshot("yaml_broken", &home, &home.run(&["submit", "-f", &yaml]));
    snapshot(
        "files_by_glob",
        &home,
        &home.run(&["submit", "-f", &yaml, "b.yaml"]),
    );
    snapshot(
        "stdin_twice",
        &home,
        &home.run(&["submit", "-f", "-", "-f", "-"]),
    );
    for empty in ["", "\n", "[]", "[\n]\n", "# nothing\n", "---\n"] {
        let ran = submit(empty);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (1, ""),
            "{empty:?}: {}",
            ran.report()
        );
        assert!(
            ran.stderr.contains("stdin: holds no job"),
            "{empty:?}: {}",
            ran.report()
        );
    }
    assert!(home.is_untouched(), "nothing was asked of the database");
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let home = Home::new();
    snapshot("unknown_job", &home, &home.run(&["show", "999"]));
    snapshot(
        "unknown_queue",
        &home,
        &home.run(&["queue", "show", "locall"]),
    );
    snapshot(
        "submit_to_unknown_queue",
        &home,
        &home.run(&["submit", "--queue", "defalt", "--", "true"]),
    );
    snapshot("no_last_job", &home, &home.run(&["logs", "last"]));
    snapshot("not_a_job", &home, &home.run(&["show", "newest"]));
    snapshot(
        "unknown_state",
        &home,
        &home.run(&["list", "--state", "done"]),
    );
    snapshot(
        "unknown_template",
        &home,
        &home.run(&["template", "show", "aws"]),
    );
}

#[test]
fn bad_addresses_are_refused_without_showing_a_password() {
    let home = Home::new();
    let list = |address: &str| home.run(&["list", "--database", address]);
    snapshot("address_without_scheme", &home, &list("jobs.db"));
    snapshot(
        "address_misspelt",
        &home,
        &list("postgress://me:hunter2@localhost/jobs"),
    );
    snapshot("address_in_memory", &home, &list("sqlite::memory:"));
}

#[test]
fn a_database_that_is_down_is_the_systems_fault() {
    let home = Home::new();
    // A port that was free a moment ago refuses connections.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let address = format!("postgres://me:hunter2@127.0.0.1:{port}/jobs");
    let ran = home.run(&["list", "--database", &address]);
    assert!(!ran.report().contains("hunter2"));
    snapshot("database_down", &home, &ran);
    let ran = home.run(&["run", "--database", &address, "--", "true"]);
    assert_eq!(
        ran.code,
        125,
        "under `run` the failure is Longshore's own: {}",
        ran.report()
    );
    let ran = home.run(&["doctor", "--database", &address]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(ran.stdout.contains("PROBLEM"), "{}", ran.report());
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let home = Home::new();
    let file = home.file(
        "notes.txt",
        &"these are notes, and no database\n".repeat(100),
    );
    snapshot(
        "not_a_database",
        &home,
        &home.run(&["list", "--database", &format!("sqlite:{file}")]),
    );
    let below = format!("sqlite:{file}/jobs.db");
    snapshot(
        "below_a_file",
        &home,
        &home.run(&["list", "--database", &below]),
    );
    let notes = std::fs::read_to_string(file).expect("it is still there");
    assert!(notes.starts_with("these are notes") && notes.ends_with("database\n"));
}
