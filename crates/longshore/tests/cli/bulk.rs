//! Requests for many jobs: named one by one, or all that fit.

use super::support::Home;

#[test]
fn waiting_jobs_are_cancelled_and_each_id_is_reported() {
    let home = Home::new();
    let (one, two) = (home.submit(&["--", "true"]), home.submit(&["--", "true"]));
    let ran = home.run(&["cancel", &one, "999", &two]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert_eq!(ran.stdout, format!("{one} cancelled\n{two} cancelled\n"));
    assert!(
        ran.stderr.contains("there is no job 999"),
        "{}",
        ran.report()
    );
    assert_eq!(
        home.ok(&["cancel", "last"]),
        format!("{two} cancelled\n"),
        "again is no error"
    );
    let ran = home.run(&["retry", &one]);
    assert_eq!(ran.code, 1, "a cancelled job is final: {}", ran.report());
    assert!(
        ran.stderr.contains("cancelled cannot be retried"),
        "{}",
        ran.report()
    );
}

#[test]
fn what_fits_is_shown_asked_about_and_done() {
    let home = Home::new();
    for label in ["team=web", "team=web", "team=search"] {
        home.submit(&["-l", label, "--", "true"]);
    }
    let dry = home.run(&["cancel", "--label", "team=web", "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.report());
    assert_eq!(dry.stdout.lines().count(), 3, "a head and two jobs");
    assert_eq!(
        dry.stderr,
        "longshore: would cancel 2 jobs; nothing was done\n"
    );
    assert_eq!(home.state("1"), "queued");
    let unasked = home.run(&["cancel", "--label", "team=web"]);
    assert_eq!(unasked.code, 2, "{}", unasked.report());
    assert!(
        unasked
            .stderr
            .contains("this would cancel 2 jobs, and nobody can be asked"),
        "{}",
        unasked.report()
    );
    assert_eq!(home.state("1"), "queued");
    assert_eq!(
        home.ok(&["cancel", "--label", "team=web", "--yes"]),
        "1 cancelled\n2 cancelled\n"
    );
    assert_eq!(home.state("3"), "queued");
    let none = home.run(&["cancel", "--label", "team=web", "--yes"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""));
    let all = home.run(&["cancel"]);
    assert_eq!(all.code, 2, "never every job by accident: {}", all.report());
    let both = home.run(&["cancel", "3", "--label", "team=web"]);
    assert_eq!(both.code, 2, "{}", both.report());
    let ended = home.run(&["cancel", "--state", "completed", "--yes"]);
    assert_eq!(ended.code, 2, "{}", ended.report());
}

#[test]
fn jobs_are_held_released_and_reprioritised_together() {
    let home = Home::new();
    for name in ["a", "b", "c"] {
        home.submit(&["--name", name, "--", "true"]);
    }
    assert_eq!(
        home.ok(&["dequeue", "--queue", "local", "-y"]),
        "1 pending\n2 pending\n3 pending\n"
    );
    assert_eq!(home.ok(&["release", "2"]), "2 queued\n");
    assert_eq!(
        home.ok(&["release", "--state", "pending", "-y"]),
        "1 queued\n3 queued\n",
        "older ones first"
    );
    assert_eq!(home.ok(&["priority", "high", "3"]), "3 priority 80\n");
    assert_eq!(home.json(&["show", "3"])["priority"], 80);
    assert_eq!(
        home.ok(&["priority", "7", "--name", "b", "-y"]),
        "2 priority 7\n"
    );
    for wrong in ["101", "urgent", "-1"] {
        let ran = home.run(&["priority", wrong, "1"]);
        assert_eq!(ran.code, 2, "{}", ran.report());
    }
}

#[test]
fn failed_jobs_are_retried_by_what_became_of_them() {
    let home = Home::new();
    for code in ["75", "1", "75"] {
        home.submit(&["--", "sh", "-c", &format!("exit {code}")]);
    }
    home.ok(&["worker", "--until-empty", "--poll-interval", "50ms"]);
    assert_eq!(
        home.ok(&["retry", "--exit-code", "75", "--yes"]),
        "1 queued\n3 queued\n"
    );
    assert_eq!(home.state("2"), "failed");
}

#[test]
fn several_jobs_are_shown_at_once() {
    let home = Home::new();
    let jobs = [home.submit(&["--", "true"]), home.submit(&["--", "false"])];
    let shown = home.json(&["show", &jobs[0], &jobs[1]]);
    assert_eq!(shown[0]["id"], 1);
    assert_eq!(shown[1]["spec"]["command"][0], "false");
    let ran = home.run(&["show", &jobs[0], "99", "last"]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    let heads = ran.stdout.lines().filter(|line| line.starts_with("job:"));
    assert_eq!(heads.count(), 2, "{}", ran.report());
}
