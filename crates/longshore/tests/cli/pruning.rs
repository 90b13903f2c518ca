//! `longshore prune`: what ended long ago is counted, asked about and taken away.

use super::support::Home;

#[test]
fn what_is_old_is_counted_first_and_then_taken_away() {
    let home = Home::new();
    for _ in 0..2 {
        assert_eq!(home.run(&["run", "--", "echo", "hello"]).code, 0);
    }
    let waiting = home.submit(&["--at", "2999-01-01T00:00:00Z", "--", "true"]);
    assert_eq!(
        home.ok(&["prune", "--dry-run"]),
        "would take away 0 jobs that ended more than 30d ago\n"
    );
    let now = ["prune", "--older-than", "0s"];
    assert_eq!(
        home.ok(&[&now[..], &["--dry-run"]].concat()),
        "would take away 2 jobs that ended more than 0ms ago\n"
    );
    let unasked = home.run(&now);
    assert_eq!(unasked.code, 2, "{}", unasked.report());
    assert_eq!(home.state("1"), "completed");
    assert_eq!(
        home.ok(&[&now[..], &["--yes"]].concat()),
        "took away 2 jobs and 2 attempts\n"
    );
    assert_eq!(home.run(&["show", "1"]).code, 1);
    assert_eq!(home.state(&waiting), "queued");
    let again = home.json(&["prune", "--older-than", "0s"]);
    assert_eq!(again["jobs"], 0, "nothing to ask about: {again}");
}

#[test]
fn how_long_a_worker_keeps_what_ended_is_a_setting() {
    let home = Home::new();
    home.submit(&["--", "true"]);
    for words in [["--retention", "59s"], ["--retention", "0s"]] {
        let refused = home.run(&[&["worker", "--until-empty"][..], &words].concat());
        assert_ne!(refused.code, 0, "{}", refused.report());
        let said = "retention must be 1m or more, or none";
        assert!(refused.stderr.contains(said), "{}", refused.report());
    }
    assert_eq!(
        home.state("1"),
        "queued",
        "it was refused before it took anything"
    );
    for word in ["none", "1m", "3660d"] {
        home.submit(&["--", "true"]);
        let worked = home.run(&["worker", "--until-empty", "--retention", word]);
        assert_eq!(worked.code, 0, "{}", worked.report());
    }
    let mut by_variable = home.command(&["worker", "--until-empty"]);
    by_variable.env("LONGSHORE_WORKER_RETENTION", "1s");
    let refused = by_variable.output().expect("the binary can be run");
    assert!(!refused.status.success(), "the variable is heeded");
    let config = home.file("config.toml", "[worker]\nretention = \"2s\"\n");
    let refused = home.run(&["--config", &config, "worker", "--until-empty"]);
    assert_ne!(refused.code, 0, "the file is heeded");
}
