//! Flags win over variables, variables over the file, the file over the defaults.

use crate::support::{Home, Running};

const FILE: &str = ".config/longshore/config.toml";

fn address(home: &Home, variable: Option<&str>, args: &[&str]) -> String {
    let mut command = home.command(&[args, &["doctor", "--json"]].concat());
    if let Some(variable) = variable {
        command.env("LONGSHORE_DATABASE_URL", variable);
    }
    finding(
        &command.output().expect("the binary can be run").stdout,
        "address",
    )
}

/// What `doctor --json` saw of a subject.
fn finding(stdout: &[u8], subject: &str) -> String {
    let findings: serde_json::Value =
        serde_json::from_slice(stdout).expect("--json writes one JSON document");
    let mut found = findings.as_array().expect("doctor writes an array").iter();
    let found = found.find(|finding| finding["subject"] == subject);
    let seen = &found.expect("doctor looked at it")["seen"];
    seen.as_str().expect("a text").to_owned()
}

#[test]
fn the_database_is_the_flags_then_the_variables_then_the_files() {
    let home = Home::new();
    assert_eq!(
        address(&home, None, &[]),
        format!("sqlite:{}", home.database().display())
    );
    home.file(FILE, "database = \"sqlite:file.db\"\n");
    assert_eq!(address(&home, None, &[]), "sqlite:file.db");
    assert_eq!(
        address(&home, Some("sqlite:variable.db"), &[]),
        "sqlite:variable.db"
    );
    let flag = ["--database", "sqlite:flag.db"];
    assert_eq!(
        address(&home, Some("sqlite:variable.db"), &flag),
        "sqlite:flag.db"
    );
}

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() {
    let home = Home::new();
    home.file(FILE, "[worker]\nmax_concurent = 3\n");
    let ran = home.run(&["list"]);
    assert_eq!(ran.code, 2, "{}", ran.report());
    assert!(
        ran.stderr.contains("\"worker.max_concurent\" is not a key"),
        "{}",
        ran.report()
    );
    assert!(
        ran.stderr.contains("did you mean \"max_concurrent\"?"),
        "{}",
        ran.report()
    );
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let ran = Home::new().run(&["list", "--config", "missing.toml"]);
    assert_eq!(ran.code, 2, "{}", ran.report());
    assert!(
        ran.stderr.contains("missing.toml can't be read"),
        "{}",
        ran.report()
    );
}

#[test]
fn jobs_that_name_no_queue_go_to_the_configured_one() {
    let home = Home::new();
    home.ok(&["queue", "create", "night"]);
    home.file(FILE, "[submit]\nqueue = \"night\"\n");
    let job = home.submit(&["--", "true"]);
    assert_eq!(home.json(&["show", &job])["queue"], "night");
    let job = home.submit(&["--queue", "local", "--", "true"]);
    assert_eq!(home.json(&["show", &job])["queue"], "local");
}

#[test]
fn jobs_of_a_file_that_name_no_queue_go_to_the_configured_one() {
    let home = Home::new();
    for queue in ["night", "day"] {
        home.ok(&["queue", "create", queue]);
    }
    let lines = "{\"command\": [\"true\"]}\n{\"command\": [\"true\"], \"queue\": \"local\"}\n\
                 {\"command\": [\"true\"], \"hold\": true}\n";
    let jobs = home.file("jobs.jsonl", lines);
    let queues = |variable: Option<&str>| {
        let mut command = home.command(&["submit", "-f", &jobs]);
        if let Some(queue) = variable {
            command.env("LONGSHORE_SUBMIT_QUEUE", queue);
        }
        let output = command.output().expect("the binary can be run");
        assert!(output.status.success(), "{output:?}");
        let ids = String::from_utf8(output.stdout).expect("ids are text");
        let queue = |id| {
            let job = home.json(&["show", id]);
            [&job["queue"], &job["state"]].map(|text| text.as_str().expect("a text").to_owned())
        };
        ids.lines().map(queue).collect::<Vec<_>>()
    };
    let expected = |default: &str| {
        [
            (default, "queued"),
            ("local", "queued"),
            (default, "pending"),
        ]
        .map(|(queue, state)| [queue, state].map(str::to_owned))
    };
    assert_eq!(queues(None), expected("local"));
    home.file(FILE, "[submit]\nqueue = \"night\"\n");
    assert_eq!(queues(None), expected("night"));
    assert_eq!(queues(Some("day")), expected("day"));
    assert_eq!(queues(Some("")), expected("night"));
}

#[test]
fn a_default_queue_that_is_no_name_is_refused_with_a_file_as_with_flags() {
    let home = Home::new();
    home.file(FILE, "[submit]\nqueue = \"No Name\"\n");
    let by_file = home.run_with(&["submit", "-f", "-"], "{\"command\": [\"true\"]}\n");
    let by_flags = home.run(&["submit", "--", "true"]);
    for ran in [by_file, by_flags] {
        assert_ne!(ran.code, 0, "{}", ran.report());
        assert!(
            ran.stderr.contains("queue: \"No Name\" is not a name"),
            "{}",
            ran.report()
        );
    }
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let home = Home::new();
    let with_empty_variables = |args: &[&str]| {
        let mut command = home.command(args);
        for name in [
            "LONGSHORE_DATABASE_URL",
            "LONGSHORE_CONFIG",
            "LONGSHORE_LOG_FORMAT",
            "LONGSHORE_SUBMIT_QUEUE",
            "LONGSHORE_WORKER_QUEUES",
            "LONGSHORE_WORKER_MAX_CONCURRENT",
            "LONGSHORE_WORKER_POLL_INTERVAL",
            "LONGSHORE_WORKER_TIMEOUT",
            "LONGSHORE_WORKER_SHUTDOWN_TIMEOUT",
            "LONGSHORE_WORKER_LEASE_TTL",
            "LONGSHORE_WORKER_HEARTBEAT",
            "RUST_LOG",
        ] {
            command.env(name, "");
        }
        let output = command.output().expect("the binary can be run");
        let text = |bytes| String::from_utf8(bytes).expect("it writes text");
        let said = text(output.stdout) + &text(output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        said
    };
    let job = with_empty_variables(&["submit", "--", "true"]);
    assert_eq!(home.json(&["show", job.trim()])["queue"], "local");
    let said = with_empty_variables(&["worker", "--until-empty"]);
    let greeting = "serves every queue that this machine can serve, at most 5 jobs at once";
    assert!(said.contains(greeting), "{said}");
    let said = with_empty_variables(&["doctor"]);
    // Whether an engine is there is the machine's business.
    let warned = |line: &&str| line.starts_with("warning") && !line.contains("executor docker");
    assert_eq!(said.lines().find(warned), None, "{said}");
    // An empty text given by hand is no oversight.
    assert_eq!(home.run(&["list", "--database", ""]).code, 2);
}

#[test]
fn doctor_names_the_configuration_that_is_in_force() {
    let home = Home::new();
    let seen = |variable: Option<&str>, args: &[&str]| {
        let mut command = home.command(&[args, &["doctor", "--json"]].concat());
        if let Some(variable) = variable {
            command.env("LONGSHORE_CONFIG", variable);
        }
        finding(
            &command.output().expect("the binary can be run").stdout,
            "configuration",
        )
    };
    let own = home.path().join(FILE).display().to_string();
    assert_eq!(seen(None, &[]), format!("no file at {own}: defaults"));
    home.file(FILE, "");
    assert_eq!(seen(None, &[]), own);
    for name in ["flag.toml", "variable.toml"] {
        home.file(name, "");
    }
    assert_eq!(seen(Some("variable.toml"), &[]), "variable.toml");
    let flag = ["--config", "flag.toml"];
    assert_eq!(seen(Some("variable.toml"), &flag), "flag.toml");
}

#[test]
fn doctor_warns_of_a_misspelt_variable() {
    let home = Home::new();
    let mut command = home.command(&["doctor"]);
    let output = command.env("LONGSHORE_DATABASE", "sqlite:x.db").output();
    let stdout = String::from_utf8(output.expect("the binary can be run").stdout);
    let stdout = stdout.expect("doctor writes text");
    assert!(
        stdout.contains("LONGSHORE_DATABASE means nothing"),
        "{stdout}"
    );
    assert!(
        stdout.contains("did you mean \"LONGSHORE_DATABASE_URL\"?"),
        "{stdout}"
    );
}

#[test]
fn a_workers_settings_are_the_flags_then_the_variables_then_the_files() {
    let home = Home::new();
    let slots = |variable: Option<&str>, args: &[&str]| {
        let mut command = home.command(&[&["worker", "--until-empty"], args].concat());
        if let Some(variable) = variable {
            command.env("LONGSHORE_WORKER_MAX_CONCURRENT", variable);
        }
        let output = command.output().expect("the binary can be run");
        let stderr = String::from_utf8(output.stderr).expect("a worker writes text");
        let (_, rest) = stderr
            .split_once("at most ")
            .expect("a worker says how it works");
        rest.split(' ').next().expect("a number follows").to_owned()
    };
    assert_eq!(slots(None, &[]), "5", "the default");
    home.file(FILE, "[worker]\nmax_concurrent = 6\n");
    assert_eq!(slots(None, &[]), "6");
    assert_eq!(slots(Some("7"), &[]), "7");
    assert_eq!(slots(Some("7"), &["--max-concurrent", "8"]), "8");
}

#[test]
fn how_a_store_is_spoken_to_is_checked_before_it_is() {
    let home = Home::new();
    for (variable, value, problem) in [
        (
            "LONGSHORE_POSTGRES_POOL_SIZE",
            "many",
            "\"many\" is not a number",
        ),
        (
            "LONGSHORE_POSTGRES_POOL_SIZE",
            "0",
            "postgres.pool_size must be from 1 to 1000",
        ),
        (
            "LONGSHORE_POSTGRES_LOCK_TIMEOUT",
            "0s",
            "postgres.lock_timeout must be at least 1ms",
        ),
        (
            "LONGSHORE_SQLITE_BUSY_TIMEOUT",
            "soon",
            "LONGSHORE_SQLITE_BUSY_TIMEOUT: ",
        ),
        (
            "LONGSHORE_SQLITE_READERS",
            "65",
            "sqlite.readers must be from 1 to 64",
        ),
    ] {
        let mut command = home.command(&["list"]);
        let ran = Running::start(command.env(variable, value)).finish();
        assert_eq!(ran.code, 2, "{variable}: {}", ran.report());
        assert!(ran.stderr.contains(problem), "{}", ran.report());
    }
    home.file(FILE, "[sqlite]\nreaders = 0\n");
    let ran = home.run(&["list"]);
    assert_eq!(ran.code, 2, "{}", ran.report());
    let mut command = home.command(&["list"]);
    let ran = Running::start(command.env("LONGSHORE_SQLITE_READERS", "1")).finish();
    assert_eq!(
        ran.code,
        0,
        "a variable goes over the file: {}",
        ran.report()
    );
}
