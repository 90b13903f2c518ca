//! What there is beside jobs.

mod hosts;
mod queues;
mod templates;
mod workers;

pub use hosts::*;
pub use queues::*;
pub use templates::*;
pub use workers::*;
