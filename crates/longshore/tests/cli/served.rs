//! The same tests with a server between the commands and their database: what people see is the same.
//!
//! In these copies of the modules each home has a server of its own, which `LONGSHORE_SERVER` names; workers
//! and whatever else needs the database itself go to it past the server.

#[path = "../support/mod.rs"]
mod support;

use support::Home;

#[path = "bulk.rs"]
mod bulk;
#[path = "docker_words.rs"]
mod docker_words;
#[path = "errors.rs"]
mod errors;
#[path = "files.rs"]
mod files;
#[path = "hosts.rs"]
mod hosts;
#[path = "like.rs"]
mod like;
#[path = "listing.rs"]
mod listing;
#[path = "logs.rs"]
mod logs;
#[path = "pipes.rs"]
mod pipes;
#[path = "pruning.rs"]
mod pruning;
#[path = "queues.rs"]
mod queues;
#[path = "reading.rs"]
mod reading;
#[path = "reasons.rs"]
mod reasons;
#[path = "running.rs"]
mod running;
#[path = "submitting.rs"]
mod submitting;
#[path = "waiting.rs"]
mod waiting;
#[path = "webhooks.rs"]
mod webhooks;

/// Else all of these would show nothing that those without a server don't.
#[test]
fn what_is_asked_here_goes_through_the_server_and_workers_go_past_it() {
    let home = Home::new();
    let job = home.submit(&["--", "true"]);
    assert_eq!(home.run(&["worker", "--until-empty"]).code, 0);
    assert_eq!(home.state(&job), "completed");
    let log = home.json(&["token", "audit"]);
    let actions = log.as_array().expect("lines").iter();
    let actions: Vec<&str> = actions
        .map(|line| line["action"].as_str().expect("a text"))
        .collect();
    assert_eq!(actions, ["submit_jobs"], "{log}");
}
