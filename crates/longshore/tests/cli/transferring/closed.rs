//! What a closed database refuses, and when none is closed.

use longshore::postgres::testing::TestDatabase;
use tokio::runtime::Runtime;

use longshore_core::store::Store as _;

use super::{contents, full_home, open};
use crate::support::Home;

/// Until it is opened again, nothing that would change a job is done; all of it can be read.
fn refuses_jobs(home: &Home, why: &str) {
    for command in [
        &["submit", "--", "true"][..],
        &["cancel", "4", "--yes"],
        &["priority", "low", "4"],
        &["release", "6"],
        &["hold", "4"],
        &["queue", "limit", "nightly", "9"],
        &["queue", "create", "new"],
        &["token", "create", "--role", "reader", "other"],
        &["token", "revoke", "ci"],
        &["template", "save", "other", "vars.env"],
        &["webhook", "create", "other", "https://ci.example/hook"],
        &["webhook", "disable", "ci"],
        &["webhook", "send", "1"],
        &["worker", "--once"],
        &["prune", "--older-than", "0s", "--yes"],
    ] {
        let ran = home.run(command);
        assert_eq!(ran.code, 1, "{command:?}: {}", ran.report());
        assert!(ran.stderr.contains(why), "{command:?}: {}", ran.report());
    }
    home.ok(&["show", "4"]);
    home.ok(&["list"]);
    home.ok(&["logs", "1"]);
    let seen = home.run(&["doctor"]);
    assert!(seen.stdout.contains(why), "{}", seen.report());
}

#[test]
fn the_old_database_stays_closed_and_says_where_its_jobs_are() {
    let home = full_home();
    let database = {
        let runtime = Runtime::new().expect("a runtime can be had");
        let database = runtime.block_on(TestDatabase::create_empty());
        (runtime, database)
    };
    let _entered = database.0.enter();
    let url = database.1.url();
    let said = home.ok(&["transfer", "--to", &url]);
    assert!(said.contains("job               8"), "{said}");
    let held = || {
        database.0.block_on(async {
            let store = open(&home).await;
            let held = contents(&store).await;
            store.close().await;
            held
        })
    };
    let before = held();
    refuses_jobs(&home, "the jobs of this database moved to postgres://");
    // A number that is given out meanwhile, be it a worker's, would be another's where all of it went.
    assert_eq!(held(), before);
    // On the new one all is well, and there is nothing more to be moved.
    assert_eq!(
        home.ok(&["--database", &url, "submit", "--", "true"])
            .trim(),
        "9"
    );
    home.ok(&["--database", &url, "worker", "--once"]);
    let ran = home.run(&["transfer", "--to", &url]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(ran.stderr.contains("is not empty"), "{}", ran.report());
    // And back, which is for people who know that nothing happened elsewhere.
    home.ok(&["transfer", "--reopen"]);
    home.ok(&["worker", "--once"]);
    assert_eq!(home.state("4"), "completed");

    let other = Home::new();
    let back = format!("sqlite:{}", other.database().display());
    home.ok(&["--database", &url, "transfer", "--to", &back]);
    let config = format!("database = {url:?}\n");
    home.file(".config/longshore/config.toml", &config);
    refuses_jobs(&home, "the jobs of this database moved to sqlite:");
}

#[test]
fn a_database_with_live_jobs_is_left_as_it_is() {
    let home = Home::new();
    home.submit(&["--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done"]);
    let worker = home.spawn(&["worker", "--until-empty"]);
    home.wait_for_state("1", "running");
    let other = Home::new();
    let to = format!("sqlite:{}", other.database().display());
    let ran = home.run(&["transfer", "--to", &to]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(
        ran.stderr.contains("1 jobs are launching or running"),
        "{}",
        ran.report()
    );
    // Neither is closed.
    home.submit(&["--", "true"]);
    other.submit(&["--", "true"]);
    home.file("go", "");
    let ended = worker.finish();
    assert_eq!(ended.code, 0, "{}", ended.report());
    assert_eq!(home.state("2"), "completed");
}
