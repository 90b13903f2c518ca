//! Flags win over variables, variables over the file, the file over the defaults.

use crate::support::Home;

const FILE: &str = ".config/longshore/config.toml";

fn address(home: &Home, variable: Option<&str>, args: &[&str]) -> String {
    let mut command = home.command(&[args, &["doctor", "--json"]].concat());
    if let Some(variable) = variable {
        command.env("LONGSHORE_DATABASE_URL", variable);
    }
    let output = command.output().expect("the binary can be run");
    let findings: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("--json writes one JSON document");
    let found = findings.as_array().expect("doctor writes an array").iter();
    let mut addresses = found.filter(|finding| finding["subject"] == "address");
    let address = addresses
        .next()
        .expect("doctor says which database it looked at");
    address["seen"].as_str().expect("a text").to_owned()
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
