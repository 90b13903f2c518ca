//! Small runs over a store whose every change is written down, judged by the checker; and that the
//! judgement is of what happened, not of nothing.

#[path = "../../src/commands/demo/stored.rs"]
mod stored;

mod scene;
mod tasks;
mod workers;
