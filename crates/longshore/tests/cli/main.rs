//! The command line as people meet it: the real binary, a home of its own, what it writes and how
//! it ends. One crate, so that it links once.

#![expect(
    clippy::duplicate_mod,
    reason = "what `served` holds is the same with a server between"
)]

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod bulk;
mod configuration;
mod deploying;
mod disk_full;
mod docker_words;
mod doctor;
mod errors;
mod files;
mod generated;
mod help;
mod hosts;
mod job_reference;
mod like;
mod listing;
mod logging;
mod logs;
mod names;
mod outage;
mod pages;
mod pipes;
mod postgres;
mod pruning;
mod queues;
mod reading;
mod reasons;
mod running;
mod schema;
mod served;
mod serving;
mod submitting;

mod transferring;
mod waiting;
mod webhooks;
mod working;
mod working_here;
