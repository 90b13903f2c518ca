//! Reading commands: tables for people, one JSON document for programs, from the same values.

use super::support::Home;

/// Times and ages differ from run to run, and with ages the widths of columns.
const FILTERS: [(&str, &str); 5] = [
    (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]"),
    (r"\([0-9a-z.]+ ago\)", "([AGE] ago)"),
    (r"\(in [0-9a-z.]+\)", "(in [AGE])"),
    (r" +AGE\b", " AGE"),
    (r" +\d+(\.\d)?(ms|s)\b", " [AGE]"),
];

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ filters => FILTERS, omit_expression => true,
        prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(format!("cli__reading__{name}"), text);
    });
}

fn a_home_with_jobs() -> Home {
    let home = Home::new();
    home.submit(&["--", "echo", "hello world"]);
    home.submit(&[
        "--name",
        "nightly",
        "--priority",
        "high",
        "--label",
        "team=search",
        "--",
        "true",
    ]);
    home.submit(&["--image", "busybox", "--hold", "--", "true"]);
    let later = [
        "--at",
        "2999-01-01T00:00:00Z",
        "--env",
        "SECRET=hunter2",
        "--",
        "true",
    ];
    home.submit(&later);
    home
}

#[test]
fn tables_say_what_there_is() {
    let home = a_home_with_jobs();
    snapshot("list", &home.ok(&["list"]));
    snapshot("show_queued", &home.ok(&["show", "1"]));
    snapshot("show_scheduled", &home.ok(&["show", "last"]));
    snapshot("queue_list", &home.ok(&["queue", "list"]));
    snapshot("queue_show", &home.ok(&["queue", "show", "local"]));
    snapshot("stats", &home.ok(&["stats"]));
    // Another name of the same command.
    snapshot("list", &home.ok(&["ps"]));
}

#[test]
fn json_is_one_document_from_the_same_values() {
    let home = a_home_with_jobs();
    let list = home.json(&["list"]);
    let ids: Vec<_> = list["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|j| &j["id"])
        .collect();
    assert_eq!(ids, [4, 3, 2, 1], "newest first");
    let states: Vec<_> = list["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|j| &j["state"])
        .collect();
    assert_eq!(states, ["queued", "pending", "queued", "queued"]);
    snapshot("show_json", &home.ok(&["show", "2", "--json"]));
    assert_eq!(home.json(&["stats"])["metrics"]["queue_depth"], 3);
    assert_eq!(
        home.json(&["queue", "list"]).as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(home.json(&["workers"]).as_array().map(Vec::len), Some(0));
}

#[test]
fn environment_values_are_shown_only_when_asked_for() {
    let home = a_home_with_jobs();
    for args in [&["show", "last"][..], &["show", "last", "--json"]] {
        let shown = home.ok(args);
        assert!(shown.contains("SECRET") && shown.contains("***"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(
        home.ok(&["show", "last", "--show-env"])
            .contains("SECRET=hunter2")
    );
}

#[test]
fn what_others_wrote_cannot_steer_the_terminal() {
    let home = Home::new();
    home.submit(&["--", "echo", "\u{1b}[2J"]);
    for args in [&["list"][..], &["show", "last"]] {
        assert!(!home.ok(args).contains('\u{1b}'));
    }
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let home = a_home_with_jobs();
    assert!(!home.ok(&["list"]).contains('\u{1b}'));
    assert!(home.ok(&["list", "--color", "always"]).contains('\u{1b}'));
}

#[test]
fn templates_are_saved_in_versions_and_listed_without_values() {
    let home = Home::new();
    let file = home.file("aws.env", "# access\nKEY=hunter2\n");
    assert_eq!(
        home.ok(&["template", "save", "aws", &file]),
        "aws: version 1\n"
    );
    assert_eq!(
        home.ok(&["template", "save", "aws", &file]),
        "aws: version 1\n"
    );
    let ran = home.run_with(&["template", "save", "aws", "-"], "KEY=other\n");
    assert_eq!(ran.stdout, "aws: version 2\n", "{}", ran.report());
    assert_eq!(home.ok(&["template", "show", "aws"]), "KEY=other\n");
    assert!(home.ok(&["template", "list"]).contains("KEY"));
    assert!(!home.ok(&["template", "list", "--json"]).contains("other"));
    let ran = home.run_with(&["template", "save", "aws", "-"], "A=1\nMY KEY=secret\n");
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(
        ran.stderr.contains("line 2") && !ran.stderr.contains("secret"),
        "{}",
        ran.report()
    );
}
