//! Hosts: known from the first worker that reached them, and what people say of them.

use super::support::{Home, Running, engine, wait_until};

const WORKER: [&str; 7] = [
    "worker",
    "--poll-interval",
    "50ms",
    "--heartbeat",
    "500ms",
    "--lease-ttl",
    "2s",
];

/// A home whose database knows this machine, and what this machine is called.
fn a_home_with_a_host() -> (Home, String) {
    let home = Home::new();
    home.ok(&[&WORKER[..], &["--until-empty"]].concat());
    let hosts = home.json(&["hosts", "list"]);
    let local = hosts
        .as_array()
        .and_then(|hosts| hosts.iter().find(|host| host["executor"] == "process"))
        .unwrap_or_else(|| panic!("this machine is among {hosts}"));
    let id = local["id"].as_u64().expect("a host has an id").to_string();
    (home, id)
}

/// Why a job waits, once it says something with this in it.
fn wait_for_reason(home: &Home, job: &str, part: &str) {
    wait_until(&format!("job {job} waits because of {part:?}"), || {
        let shown = home.ok(&["show", job]);
        let waits = shown.lines().find(|line| line.starts_with("waits"));
        waits.is_some_and(|waits| waits.contains(part))
    });
}

fn worker(home: &Home) -> Running {
    home.spawn(&WORKER)
}

#[test]
fn where_no_host_is_known_it_is_said_how_one_becomes_known() {
    let home = Home::new();
    let ran = home.run(&["hosts", "list"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(ran.stderr.contains("longshore worker"), "{}", ran.report());
    assert_eq!(home.json(&["hosts", "list"]), serde_json::json!([]));
    let ran = home.run(&["hosts", "show", "nowhere"]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(ran.stderr.contains("hosts list"), "{}", ran.report());
}

#[test]
fn a_table_and_facts_say_how_a_host_stands() {
    let (home, id) = a_home_with_a_host();
    let host = home.json(&["hosts", "show", &id]);
    let name = host["name"].as_str().expect("a host has a name");
    let table = home.ok(&["hosts", "list"]);
    let row = table
        .lines()
        .find(|line| line.trim_start().starts_with(&id) && line.contains("process"))
        .unwrap_or_else(|| panic!("{table}"));
    assert!(row.contains(name) && row.contains("enabled"), "{table}");
    home.ok(&["hosts", "set", &id, "--slots", "3", "--memory", "2g"]);
    home.ok(&["hosts", "set", &id, "--cpus", "1.5", "--weight", "7"]);
    home.ok(&["hosts", "label", &id, "gpu=a100", "rack=4"]);
    let facts = home.ok(&["hosts", "show", &id]);
    for fact in ["0/3", "/2 GiB", "0/1.5", "gpu=a100 rack=4", name] {
        assert!(facts.contains(fact), "{fact} in {facts}");
    }
    let said = home.ok(&["hosts", "label", &id, "rack-"]);
    assert!(
        said.contains("gpu=a100") && !said.contains("rack"),
        "{said}"
    );
    let said = home.ok(&["hosts", "set", &id, "--slots", "none"]);
    assert!(!said.contains("jobs") && said.contains("2 GiB"), "{said}");
}

#[test]
fn what_is_no_change_is_refused_and_changes_nothing() {
    let (home, id) = a_home_with_a_host();
    let before = home.json(&["hosts", "show", &id]);
    for (args, part) in [
        (&["set"][..], "--slots"),
        (&["set", "--slots", "many"], "a number, or none"),
        (&["set", "--cpus=-1"], "--cpus"),
        (&["set", "--memory", "big"], "--memory"),
        (&["label"], "<LABEL>"),
        (&["label", "gpu"], "KEY=VALUE"),
        (&["label", "GPU=1"], "label"),
    ] {
        let (verb, rest) = args.split_first().expect("a verb");
        let ran = home.run(&[&["hosts", verb, &id], rest].concat());
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.report());
        assert!(ran.stderr.contains(part), "{args:?}: {}", ran.report());
    }
    let after = home.json(&["hosts", "show", &id]);
    for key in ["enabled", "labels", "capacity", "weight"] {
        assert_eq!(before[key], after[key], "{key}");
    }
}

#[test]
fn a_disabled_host_gets_no_job_and_says_so_until_it_is_enabled() {
    let (home, id) = a_home_with_a_host();
    let said = home.ok(&["hosts", "disable", &id]);
    assert!(said.contains("disabled"), "{said}");
    let _worker = worker(&home);
    let job = home.submit(&["--", "true"]);
    wait_for_reason(&home, &job, "disabled");
    home.ok(&["hosts", "enable", &id]);
    home.wait_for_state(&job, "completed");
}

#[test]
fn a_full_host_is_the_reason_of_who_waits_for_it() {
    let (home, id) = a_home_with_a_host();
    home.ok(&["hosts", "set", &id, "--slots", "1"]);
    let _worker = worker(&home);
    let gate = home.path().join("gate");
    let wait = format!("until test -e {}; do sleep 0.05; done", gate.display());
    let first = home.submit(&["--", "sh", "-c", &wait]);
    home.wait_for_state(&first, "running");
    let second = home.submit(&["--", "true"]);
    wait_for_reason(&home, &second, "room");
    let ran = home.run(&["hosts", "drain", &id, "--timeout", "600ms"]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    for part in [
        "waiting for 1 job",
        "1 job still runs",
        "longshore hosts enable",
    ] {
        assert!(ran.stderr.contains(part), "{part} in {}", ran.report());
    }
    std::fs::write(&gate, "").expect("the home can be written");
    let drained = home.ok(&["hosts", "drain", &id]);
    assert!(drained.contains("nothing runs on it"), "{drained}");
    // Drained is disabled: the second job waits for that now.
    home.wait_for_state(&first, "completed");
    wait_for_reason(&home, &second, "disabled");
    home.ok(&["hosts", "enable", &id]);
    home.wait_for_state(&second, "completed");
}

#[test]
fn what_this_machine_reaches_is_tested_without_a_database() {
    let home = Home::new();
    let ran = home.run(&[
        "hosts",
        "test",
        "--docker-host",
        "unix:///no/such/engine.sock",
    ]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(ran.stdout.contains("process"), "{}", ran.report());
    for part in [
        "unix:///no/such/engine.sock",
        "no such socket",
        "systemctl start docker",
    ] {
        assert!(ran.stderr.contains(part), "{part} in {}", ran.report());
    }
    assert!(home.is_untouched(), "no database was made");
    let ran = home.run(&["hosts", "test", "nobody-is-called-this"]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(ran.stderr.contains("nobody-is-called-this"));
}

#[test]
fn a_machine_and_its_engine_that_share_a_name_are_told_apart() {
    let Some(engine) = engine::or_skip() else {
        return;
    };
    let home = Home::new();
    let docker = ["--docker-host", &engine.address];
    let tested = home.ok(&[&["hosts", "test"][..], &docker].concat());
    assert!(tested.contains("docker") && tested.contains("process"));
    home.ok(&[&WORKER[..], &["--until-empty"], &docker].concat());
    let hosts = home.json(&["hosts", "list"]);
    let hosts = hosts.as_array().expect("a list");
    assert_eq!(hosts.len(), 2, "{hosts:?}");
    for host in hosts {
        let full = format!(
            "{}/{}",
            host["executor"].as_str().expect("text"),
            host["name"].as_str().expect("text")
        );
        assert_eq!(home.json(&["hosts", "show", &full])["id"], host["id"]);
    }
    if hosts[0]["name"] == hosts[1]["name"] {
        let name = hosts[0]["name"].as_str().expect("text");
        let ran = home.run(&["hosts", "disable", name]);
        assert_eq!(ran.code, 1, "{}", ran.report());
        assert!(ran.stderr.contains("docker/"), "{}", ran.report());
    }
}

#[test]
fn a_worker_starts_with_the_engines_that_answer_and_is_refused_if_none_does() {
    let Some(engine) = engine::or_skip() else {
        return;
    };
    let home = Home::new();
    let away = format!("unix://{}", home.path().join("away.sock").display());
    let one = [
        "--until-empty",
        "--docker-host",
        &engine.address,
        "--docker-host",
        &away,
    ];
    let job = home.submit(&[&engine.image, "echo", "here"]);
    let ran = home.run(&[&WORKER[..], &one].concat());
    assert_eq!(ran.code, 0, "{}", ran.report());
    assert!(ran.stderr.contains("tried again later"), "{}", ran.report());
    assert!(ran.stderr.contains(&away), "{}", ran.report());
    assert_eq!(home.ok(&["logs", &job]), "here\n");
    let none = ["--until-empty", "--docker-host", &away];
    let ran = home.run(&[&WORKER[..], &none].concat());
    assert_eq!(ran.code, 3, "{}", ran.report());
    assert!(ran.stderr.contains("no such socket"), "{}", ran.report());
}
