//! `submit -f`: files of every form, all of their jobs or none.

use serde_json::{Value, json};

use super::support::Home;

const YAML: &str = "\
# What the jobs have in common stands once.
- &base
  name: a
  image: alpine:3.20
  command: [echo, a]
  env: {REGION: eu}
- <<: *base
  name: b
";

fn names(home: &Home, ids: &str) -> Vec<Value> {
    let name = |id: &str| home.json(&["show", id])["name"].clone();
    ids.lines().map(name).collect()
}

fn count(home: &Home) -> usize {
    let jobs = home.json(&["list"]);
    jobs["jobs"].as_array().map_or(0, Vec::len)
}

#[test]
fn the_name_or_the_content_tells_the_form() {
    let home = Home::new();
    let lines = "{\"name\":\"a\",\"command\":[\"x\"]}\n{\"name\":\"b\",\"command\":[\"x\"]}\n";
    let array = "[{\"name\":\"a\",\"command\":[\"x\"]},{\"name\":\"b\",\"command\":[\"x\"]}]";
    let documents = "name: a\ncommand: [x]\n---\nname: b\ncommand: [x]\n";
    for (file, text) in [
        ("jobs.json", array),
        ("jobs.jsonl", lines),
        ("jobs.ndjson", lines),
        ("jobs.yaml", YAML),
        ("jobs.yml", documents),
        ("jobs", documents),
    ] {
        let path = home.file(file, text);
        assert_eq!(
            names(&home, &home.submit(&["-f", &path])),
            ["a", "b"],
            "{file}"
        );
        let ran = home.run_with(&["submit", "-f", "-"], text);
        assert_eq!(ran.code, 0, "{file} on stdin: {}", ran.report());
        assert_eq!(names(&home, &ran.stdout), ["a", "b"], "{file} on stdin");
    }
    let spec = home.json(&["show", "--show-env", "last"])["spec"].clone();
    assert_eq!(spec["command"], json!(["x"]));
}

#[test]
fn several_files_are_one_batch() {
    let home = Home::new();
    let first = home.file("a.yaml", YAML);
    let second = home.file("c.json", r#"{"name": "c", "command": ["x"]}"#);
    let ids = home.submit(&["-f", &first, "-f", &second]);
    assert_eq!(names(&home, &ids), ["a", "b", "c"]);
    let bad = home.file("d.jsonl", "{\"command\": [\"x\"]}\n{\"comand\": [\"x\"]}\n");
    let ran = home.run(&["submit", "-f", &first, "-f", &bad]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.report());
    assert!(
        ran.stderr.contains("d.jsonl: line 2: comand"),
        "{}",
        ran.report()
    );
    assert_eq!(count(&home), 3, "nothing of either file was submitted");
}

#[test]
fn a_bad_yaml_job_is_named_by_its_line_and_its_field() {
    let home = Home::new();
    for (text, problem) in [
        (
            "command: [x]\n---\nname: b\ncommand: [x]\nmemory: lots\n",
            "line 3: memory: \"lots\"",
        ),
        (
            "- command: [x]\n- comand: [x]\n",
            "line 2: comand: is not a field",
        ),
        ("- command: [x]\n- 7\n", "line 2: must be an object"),
        ("command: [x]\nenv: {A: 1}\n", "env.A: must be a text"),
        ("command: [x\nenv: {A: hunter2}\n", "is not YAML"),
    ] {
        let file = home.file("jobs.yaml", text);
        let ran = home.run(&["submit", "-f", &file]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (1, ""),
            "{text}: {}",
            ran.report()
        );
        assert!(ran.stderr.contains(problem), "{text}: {}", ran.report());
        assert!(ran.stderr.contains("jobs.yaml: "), "{}", ran.report());
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.report());
    }
    assert!(home.is_untouched(), "nothing was asked of the database");
}

#[test]
fn flags_beside_a_file_hold_for_each_of_its_jobs() {
    let home = Home::new();
    let file = home.file("jobs.yaml", YAML);
    let ids = home.submit(&[
        "-f",
        &file,
        "-p",
        "high",
        "-e",
        "REGION=us",
        "-e",
        "MORE=1",
        "-l",
        "batch=7",
        "--image",
        "busybox",
    ]);
    for id in ids.lines() {
        let spec = home.json(&["show", "--show-env", id])["spec"].clone();
        assert_eq!(spec["priority"], 80);
        assert_eq!(spec["image"], "busybox");
        assert_eq!(spec["env"], json!({"REGION": "us", "MORE": "1"}));
        assert_eq!(spec["labels"], json!({"batch": "7"}));
        assert_eq!(
            spec["command"],
            json!(["echo", "a"]),
            "what it does not say stays"
        );
    }
    let wrong = home.run(&["submit", "-f", &file, "-m", "lots"]);
    assert_eq!(
        wrong.code,
        2,
        "a flag's fault is no file's: {}",
        wrong.report()
    );
    let key = home.run(&["submit", "-f", &file, "--idempotency-key", "k"]);
    assert_eq!(key.code, 2, "{}", key.report());
    let glob = home.run(&["submit", "-f", &file, "b.yaml"]);
    assert_eq!(glob.code, 2, "{}", glob.report());
    assert!(glob.stderr.contains("-f FILE -f FILE"), "{}", glob.report());
    assert_eq!(count(&home), 2);
}

#[test]
fn ten_thousand_jobs_are_one_batch() {
    let home = Home::new();
    let lines = (0..10_000).map(|n| format!("- {{name: n{n}, command: [\"true\"]}}\n"));
    let text: String = lines.collect();
    let file = home.file("jobs.yaml", &text);
    let ran = home.run(&["submit", "-f", &file]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (0, ""),
        "no talk off a terminal"
    );
    let ids = ran.stdout;
    assert_eq!(ids.lines().count(), 10_000);
    let last = home.json(&["show", "last"]);
    assert_eq!(last["name"], "n9999");
    assert_eq!(
        ids.lines().last(),
        last["id"].as_i64().map(|id| id.to_string()).as_deref()
    );
    // One bad one at the end, and none of them is there.
    let file = home.file("bad.yaml", &format!("{text}- {{command: [], name: bad}}\n"));
    let ran = home.run(&["submit", "-f", &file]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.contains("line 10001: needs an image"),
        "{}",
        ran.report()
    );
    assert_eq!(home.json(&["stats"])["metrics"]["queue_depth"], 10_000);
}
