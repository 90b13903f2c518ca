//! The same tests with a server between the commands and their database: what people see is the same.
//!
//! In these copies of the modules each home has a server of its own, which `LONGSHORE_SERVER` names; workers
//! and whatever else needs the database itself go to it past the server.

#[path = "../support/mod.rs"]
mod support;

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
