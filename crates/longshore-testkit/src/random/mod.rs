//! Random operations: a list of them is drawn, asked of the model and of any number of stores in
//! lockstep, and every answer is compared.
//!
//! An [`Op`] names what it is about by an index ("the third live lease, modulo how many there are"),
//! so that a list stays a sensible one when others are taken out of it: that is what lets a failure
//! be shrunk. Before it is asked, an op is turned into a `call::Call`, which names things by the
//! model's ids; each store's own ids are mapped to these (`names::Names`).
//!
//! This module compares and nothing else: it must not know how a store keeps what it keeps.

mod call;
mod draft;
mod lockstep;
mod model_side;
mod names;
mod op;
mod recovery_side;
mod side;
mod store_side;
mod translated;

pub use lockstep::Lockstep;
pub use op::{Op, ops};
