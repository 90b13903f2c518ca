//! `longshore doctor`: each finding with what to do.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::Home;

fn findings(home: &Home) -> Vec<Value> {
    let findings = home.json(&["doctor"]);
    findings.as_array().expect("an array").clone()
}

/// The finding about this subject.
fn about(findings: &[Value], subject: &str) -> Value {
    let found = findings
        .iter()
        .find(|finding| finding["subject"] == subject);
    found
        .unwrap_or_else(|| panic!("nothing about {subject}: {findings:?}"))
        .clone()
}

#[test]
fn doctor_is_content_with_a_fresh_home() {
    let home = Home::new();
    let findings = findings(&home);
    assert!(
        findings
            .iter()
            .all(|finding| finding["severity"] != "problem"),
        "{findings:?}"
    );
    assert!(
        findings.iter().any(|finding| finding["subject"] == "audit"),
        "{findings:?}"
    );
}

#[test]
fn doctor_names_versions_workers_and_queues_that_nobody_serves() {
    let home = Home::new();
    home.submit(&["--", "true"]);
    home.ok(&["queue", "create", "night"]);
    home.submit(&["--queue", "night", "--", "true"]);
    home.ok(&["queue", "pause", "night"]);
    let found = findings(&home);
    assert_eq!(
        about(&found, "longshore")["seen"],
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(about(&found, "workers")["seen"], "none is alive");
    let local = about(&found, "queue local");
    assert_eq!(local["severity"], "warning");
    assert_eq!(
        local["seen"],
        "no live worker serves it, and 1 jobs wait in it"
    );
    assert_eq!(
        local["advice"],
        "`longshore worker --queue local` serves it"
    );
    let night = about(&found, "queue night");
    assert_eq!(night["seen"], "is paused, and 1 jobs wait in it");
    let subjects = found.iter().map(|finding| &finding["subject"]);
    assert_eq!(
        subjects
            .filter(|s| s.as_str().is_some_and(|s| s.starts_with("queue")))
            .count(),
        2,
        "the queue default is empty"
    );
}

#[test]
fn passwords_that_others_may_read_are_a_warning() {
    let home = Home::new();
    let config = "[docker.registries.\"registry.local\"]\nusername = \"u\"\npassword = \"p\"\n";
    let path = home.file(".config/longshore/config.toml", config);
    let mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, mode).expect("the home is ours");
    };
    mode(0o644);
    let found = about(&findings(&home), "configuration");
    assert_eq!(found["severity"], "warning", "{found}");
    assert_eq!(found["advice"], format!("`chmod 600 {path}`"));
    mode(0o600);
    let found = about(&findings(&home), "configuration");
    assert_eq!(found["severity"], "ok", "{found}");
}

#[test]
fn a_clock_that_was_set_back_is_a_warning() {
    let home = Home::new();
    home.submit(&["--", "true"]);
    assert_eq!(about(&findings(&home), "clock")["severity"], "ok");
    let file = rusqlite::Connection::open(home.database()).expect("the file is there");
    let ahead = "UPDATE job SET created_at = created_at + 3600000000";
    file.execute(ahead, []).expect("it can be written");
    let clock = about(&findings(&home), "clock");
    assert_eq!(clock["severity"], "warning", "{clock}");
    assert!(!clock["advice"].as_str().unwrap_or_default().is_empty());
    let back = "UPDATE job SET created_at = created_at - 3600000000";
    file.execute(back, []).expect("it can be written");
    assert_eq!(about(&findings(&home), "clock")["severity"], "ok");
    let beat = "INSERT INTO worker (started_at, heartbeat_at, stopped_at, lease_ttl_micros, pid, capacity, \
                name, hostname, boot_id, version, queue_ids) VALUES (1, (unixepoch() + 3600) * 1000000, 1, \
                1, 1, 1, 'w', 'h', 'b', 'v', '[]')";
    file.execute(beat, []).expect("it can be written");
    let clock = about(&findings(&home), "clock");
    assert_eq!(clock["severity"], "warning", "{clock}");
    let seen = clock["seen"].as_str().unwrap_or_default();
    assert!(
        seen.contains("a worker gave its last sign of life"),
        "{seen}"
    );
}

#[test]
fn an_engines_version_is_named() {
    let Some(engine) = crate::support::engine::or_skip() else {
        return;
    };
    let home = Home::new();
    let mut command = home.command(&["doctor", "--json"]);
    let doctor = command
        .env("LONGSHORE_DOCKER_HOSTS", &engine.address)
        .output();
    let stdout = doctor.expect("the binary can be run").stdout;
    let found: Vec<Value> = serde_json::from_slice(&stdout).expect("one document");
    let seen = about(&found, "container engine")["seen"].clone();
    let seen = seen.as_str().unwrap_or_default().to_owned();
    assert!(seen.contains("API 1."), "{seen}");
    assert!(seen.ends_with(&engine.address), "{seen}");
}

/// What is found at this address, whatever it is.
fn found_at(home: &Home, address: &str) -> Vec<Value> {
    let ran = home.run(&["doctor", "--json", "--database", address]);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("no document: {}", ran.report()))
}

#[test]
fn a_copied_file_is_told_from_the_one_that_has_its_name_and_gets_another() {
    let home = Home::new();
    home.submit(&["--", "true"]);
    let name = about(&findings(&home), "instance");
    assert_eq!(name["severity"], "ok", "{name}");
    let copy = home.path().join("copy.db");
    std::fs::copy(home.database(), &copy).expect("the home is ours");
    let at_copy = format!("sqlite:{}", copy.display());
    let told = about(&found_at(&home, &at_copy), "instance");
    assert_eq!(told["severity"], "problem", "{told}");
    let seen = told["seen"].as_str().expect("words").to_owned();
    let original = home.database().canonicalize().expect("it is there");
    assert!(seen.contains(original.to_str().expect("UTF-8")), "{seen}");
    assert_eq!(home.run(&["doctor", "--database", &at_copy]).code, 1);

    serves_no_worker(&home, &at_copy);
    let renew = ["migrate", "--new-instance", "--database", &at_copy];
    let renewed = home.ok(&renew);
    assert!(renewed.contains(": instance "), "{renewed}");
    home.ok(&["worker", "--once", "--database", &at_copy]);
    assert_eq!(
        home.ok(&["wait", "1", "--database", &at_copy]),
        "1 completed 0\n"
    );
    assert_eq!(
        home.state("1"),
        "queued",
        "nothing was done to the original"
    );
    let told = about(&found_at(&home, &at_copy), "instance");
    assert_eq!(told["severity"], "ok", "{told}");
    assert_ne!(told["seen"], name["seen"], "it has a name of its own");
    assert_eq!(
        about(&findings(&home), "instance"),
        name,
        "the original keeps its"
    );
}

/// A worker would take the containers of the one that has the name for its own.
fn serves_no_worker(home: &Home, address: &str) {
    let ran = home.run(&["worker", "--once", "--database", address]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(
        ran.stderr.contains("a copy that bears another's name"),
        "{}",
        ran.report()
    );
}

#[test]
fn a_copy_of_a_busy_file_gets_a_name_once_no_worker_is_alive_in_it() {
    let home = Home::new();
    let job = home.submit(&["--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done"]);
    let beat = ["--heartbeat", "500ms", "--lease-ttl", "1s"];
    let worker = home.spawn(&[&["worker", "--until-empty"][..], &beat].concat());
    home.wait_for_state(&job, "running");
    let copy = home.path().join("copy.db");
    let connection = rusqlite::Connection::open(home.database()).expect("the home is ours");
    let to = copy.to_str().expect("temporary paths are UTF-8");
    connection.execute("VACUUM INTO ?1", [to]).expect("a copy");
    let at_copy = format!("sqlite:{to}");
    let renew = ["migrate", "--new-instance", "--database", &at_copy];
    // The copied row of the worker looks alive for a lease's time.
    crate::support::wait_until("it gets a name", || home.run(&renew).code == 0);
    // There its lease stands until what it started is gone; the original goes on as if nothing were.
    home.file("go", "");
    let ended = worker.finish();
    assert_eq!(ended.code, 0, "{}", ended.report());
    assert_eq!(home.state(&job), "completed");
    let on_copy = ["worker", "--until-empty", "--database", &at_copy];
    home.ok(&[&on_copy[..], &beat].concat());
    let again = home.ok(&["show", &job, "--database", &at_copy]);
    assert!(again.contains("completed"), "{again}");
}

#[test]
fn an_engine_that_is_not_there_is_told_on_one_line() {
    let home = Home::new();
    let mut command = home.command(&["doctor"]);
    command.env("DOCKER_HOST", "unix:///nowhere.sock");
    let ran = crate::support::Running::start(&mut command).finish();
    let line = ran
        .stdout
        .lines()
        .find(|line| line.contains("could be reached"));
    let line = line.unwrap_or_else(|| panic!("{}", ran.report()));
    assert!(line.contains("reached: unix:///nowhere.sock"), "{line}");
}

#[test]
fn a_file_that_was_restored_is_a_warning_until_it_is_said_to_be_the_one_and_a_moved_one_is_none() {
    let home = Home::new();
    home.submit(&["--", "true"]);
    let moved = home.path().join("moved.db");
    std::fs::rename(home.database(), &moved).expect("the home is ours");
    let at_moved = format!("sqlite:{}", moved.display());
    let told = about(&found_at(&home, &at_moved), "instance");
    assert_eq!(told["severity"], "ok", "a move is no copy: {told}");
    let name = told["seen"].clone();

    let restored = home.path().join("restored.db");
    std::fs::copy(&moved, &restored).expect("the home is ours");
    std::fs::remove_file(&moved).expect("the home is ours");
    let at_restored = format!("sqlite:{}", restored.display());
    let told = about(&found_at(&home, &at_restored), "instance");
    assert_eq!(told["severity"], "warning", "{told}");
    serves_no_worker(&home, &at_restored);
    let webhooks = |args: &[&str]| {
        let args = [&["webhook"], args, &["--database", &at_restored]].concat();
        home.ok(&args)
    };
    home.ok(&["migrate", "--keep-instance", "--database", &at_restored]);
    let hook = "https://ci.example/hook";
    webhooks(&["create", "ci", hook]);
    let made: Value = serde_json::from_str(&webhooks(&["list", "--json"])).expect("a document");
    assert!(made[0]["id"].as_i64() > Some(100_000_000), "{made}");
    // The numbers that the other may have given out since are not given again.
    let next = home.ok(&["submit", "--database", &at_restored, "--", "true"]);
    assert_eq!(next.trim(), "100000002");
    home.ok(&["worker", "--once", "--database", &at_restored]);
    let shown = home.ok(&["show", "1", "--json", "--database", &at_restored]);
    let shown: Value = serde_json::from_str(&shown).expect("a document");
    let token = shown["attempts_made"][0]["token"].as_i64();
    assert!(token > Some(100_000_000), "{shown}");
    let told = about(&found_at(&home, &at_restored), "instance");
    assert_eq!(
        (&told["severity"], &told["seen"]),
        (&Value::from("ok"), &name)
    );
}

#[test]
fn what_a_killed_worker_leaves_is_named_with_its_machine_and_the_database_keeps_its_name() {
    let home = Home::new();
    let beat = [
        "--heartbeat",
        "500ms",
        "--lease-ttl",
        "1s",
        "--poll-interval",
        "50ms",
    ];
    let worker = home.spawn(
        &[
            &["worker", "--queue", "local", "--name", "crane-7"][..],
            &beat,
        ]
        .concat(),
    );
    let job = home.submit(&["--", "sleep", "600"]);
    home.wait_for_state(&job, "running");
    let well = findings(&home);
    assert_eq!(about(&well, "leases")["severity"], "ok");
    let of_hosts = |found: &[Value]| -> Vec<Value> {
        let of_host = |f: &&Value| {
            f["subject"]
                .as_str()
                .is_some_and(|s| s.starts_with("host "))
        };
        found.iter().filter(of_host).cloned().collect()
    };
    assert_eq!(
        of_hosts(&well),
        Vec::<Value>::new(),
        "a live worker reaches it"
    );
    let in_use = home.run(&["migrate", "--new-instance"]);
    assert_eq!(in_use.code, 1, "{}", in_use.report());
    assert!(
        in_use.stderr.contains("1 leases and 1 live workers"),
        "{}",
        in_use.report()
    );

    worker.signal("KILL");
    crate::support::wait_until("its lease is nobody's", || {
        about(&findings(&home), "leases")["severity"] == "warning"
    });
    let found = findings(&home);
    let seen = about(&found, "leases")["seen"]
        .as_str()
        .expect("words")
        .to_owned();
    assert!(seen.contains(&format!("jobs {job} in local")), "{seen}");
    assert!(
        seen.contains("workers: crane-7 on ") && seen.contains("last heard of "),
        "{seen}"
    );
    let hosts = of_hosts(&found);
    assert_eq!(hosts.len(), 1, "{found:?}");
    assert_eq!(hosts[0]["severity"], "warning");
    let seen = hosts[0]["seen"].as_str().expect("words");
    assert!(
        seen.starts_with("no live worker reaches it, and 1 jobs are on it"),
        "{seen}"
    );
    assert!(
        hosts[0]["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains("start a worker"))
    );
    drop(worker);
}
