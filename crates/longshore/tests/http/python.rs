//! The API as others read its description: an API tester, and a client generated for another language.
//!
//! `cargo xtask test` provides the Python of these tests, in an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use longshore_testkit::skip::skipped;

use crate::support::{Home, Running};

const DESCRIPTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
const GENERATED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/http/python/generated.py"
);

/// A program of the environment; none, said so, where there is none.
pub fn program(name: &str) -> Option<PathBuf> {
    let Some(python) = std::env::var_os("LONGSHORE_TEST_PYTHON") else {
        skipped("no Python (LONGSHORE_TEST_PYTHON names one)");
        return None;
    };
    Some(PathBuf::from(python).with_file_name(name))
}

/// A server, and where it listens.
pub fn serve(home: &Home, args: &[&str]) -> (Running, String) {
    let mut running = home.spawn(&[args, &["--listen", "127.0.0.1:0"]].concat());
    let mut lines = running.stderr_lines();
    let line = lines.wait_for("listens on");
    let (_, url) = line
        .trim()
        .split_once("listens on ")
        .expect("it says where");
    let url = url.to_owned();
    // What it says later is read by nobody, and must not fill the pipe.
    std::thread::spawn(move || lines.rest());
    (running, url)
}

pub fn run(command: &mut Command) -> String {
    let ran = command.output().expect("the program can be run");
    let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    let said = said.concat();
    assert!(ran.status.success(), "{command:?}:\n{said}");
    said
}

#[test]
fn a_client_generated_for_python_submits_a_job_and_reads_its_result() {
    let Some(generator) = program("openapi-python-client") else {
        return;
    };
    let home = Home::new();
    let token = home.ok(&["token", "create", "--role", "operator", "python"]);
    let (_up, url) = serve(&home, &["up"]);
    let package = home.path().join("longshore_api");
    run(Command::new(&generator)
        .args([
            "generate",
            "--meta",
            "none",
            "--path",
            DESCRIPTION,
            "--output-path",
        ])
        .arg(&package)
        .current_dir(home.path()));
    let said = run(Command::new(generator.with_file_name("python"))
        .args([Path::new(GENERATED), home.path()])
        .args([url.as_str(), token.trim()]));
    assert!(said.contains("read its result"), "{said}");
}

#[test]
fn an_api_tester_finds_no_server_error_and_no_undocumented_answer() {
    let Some(tester) = program("schemathesis") else {
        return;
    };
    let home = Home::new();
    home.submit(&["--image", "busybox"]);
    home.submit(&["--image", "busybox", "--hold"]);
    let (_server, url) = serve(&home, &["server", "--anonymous", "admin"]);
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
                  response_schema_conformance,response_headers_conformance";
    let said = run(Command::new(tester)
        .args([
            "run",
            &format!("{url}/api/v1/openapi.json"),
            "--checks",
            checks,
        ])
        .args([
            "--max-examples",
            "30",
            "--generation-deterministic",
            "--workers",
            "1",
        ])
        .args(["--exclude-path-regex", "/events$"])
        .current_dir(home.path()));
    let summary = said
        .lines()
        .find(|line| line.trim_start().starts_with("Tested:"));
    let summary = summary.expect("it says how much it tested").trim();
    println!("{summary}");
    assert!(!summary.contains("Tested: 0"), "{said}");
}
