//! What keeps a database in shape.

mod expiring;
mod pruning;
mod staging;
mod stranded;
mod tending;

pub use expiring::*;
pub use pruning::*;
pub use staging::*;
pub use stranded::*;
pub use tending::*;
