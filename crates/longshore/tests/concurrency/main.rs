//! Concurrency, as a user of the whole relies on it: both stores against the same model, and many
//! tasks against one store.

mod databases;
mod judging;
mod random;
mod together;
