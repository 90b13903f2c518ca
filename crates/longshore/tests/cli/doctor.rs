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
