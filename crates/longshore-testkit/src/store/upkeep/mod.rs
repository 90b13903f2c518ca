//! What keeps a database in shape.

mod ageing;
mod expiring;
mod pruning;
mod staging;
mod stranded;
mod tending;

pub use ageing::*;
pub use expiring::*;
pub use pruning::*;
pub use staging::*;
pub use stranded::*;
pub use tending::*;
