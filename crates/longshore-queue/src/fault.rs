//! What a fault that a test injects comes to: the answer of the store that a broken connection gives.
//!
//! Without the feature of `longshore-fault` there is nothing to inject, and nothing of this is left.

use longshore_core::store::{StoreError, StoreResult};
use longshore_fault::Injected;

/// A point that failed stands for a call that was not sent, or whose reply was lost: nothing is known
/// of what happened.
pub(crate) fn unanswered(verb: &'static str, reached: Result<(), Injected>) -> StoreResult<()> {
    reached.map_err(|injected| StoreError::Unavailable {
        verb,
        source: injected.into(),
    })
}
