//! Who asks, from where, and whether that may be.

pub(crate) mod audit;
pub(crate) mod caller;
pub(crate) mod failures;
pub(crate) mod guard;
pub(crate) mod may;
pub mod secret;
pub(crate) mod uses;
