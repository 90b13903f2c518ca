//! What people look at.

mod counting;
mod listing;
mod showing;
mod why_waiting;

pub use counting::*;
pub use listing::*;
pub use showing::*;
pub use why_waiting::*;
