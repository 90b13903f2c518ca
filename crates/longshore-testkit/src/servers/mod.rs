//! Servers of one test's own, to be killed, stopped, starved and started again: those that tests share
//! must go on.

mod engine;
mod postgres;

pub use engine::Engine;
pub use postgres::{Postgres, Stop, account};
