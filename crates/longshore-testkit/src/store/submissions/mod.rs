//! What people ask of jobs.

mod cancelling;
mod keys;
mod moving;
mod retrying;
mod submitting;

pub use cancelling::*;
pub use keys::*;
pub use moving::*;
pub use retrying::*;
pub use submitting::*;
