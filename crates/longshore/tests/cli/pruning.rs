//! `longshore prune`: what ended long ago is counted, asked about and taken away.

use crate::support::Home;

#[test]
fn what_is_old_is_counted_first_and_then_taken_away() {
    let home = Home::new();
    for _ in 0..2 {
        assert_eq!(home.run(&["run", "--", "echo", "hello"]).code, 0);
    }
    let waiting = home.submit(&["--", "true"]);
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
