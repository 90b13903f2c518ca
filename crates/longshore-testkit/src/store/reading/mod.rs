//! What people look at.

mod counting;
mod filtering;
mod listing;
mod showing;
mod times;
mod using;
mod walking;
mod why_waiting;

pub use counting::*;
pub use filtering::*;
pub use listing::*;
pub use showing::*;
pub use times::*;
pub use using::*;
pub use walking::*;
pub use why_waiting::*;
