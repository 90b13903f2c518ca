//! Limits on how much runs at once (promise S3).

use serde::{Deserialize, Serialize};

/// The most leases that a queue may have at once. Zero holds every job back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Limit(pub u32);

impl Limit {
    /// The largest that a queue may have: databases count in signed numbers of 32 bits.
    pub const MAX: Self = Self(u32::MAX / 2);
}

/// How many more jobs may be acquired: the least of what is wanted and what each limit leaves.
///
/// `live` counts the queue's leases, launching ones included; a limit that was lowered below it
/// leaves no room and kills nothing. `PostgreSQL`'s function `acquire` says the same in SQL.
pub fn room(want: u32, live: u32, queue_limit: Option<Limit>, call_limit: Option<Limit>) -> u32 {
    [queue_limit, call_limit]
        .into_iter()
        .flatten()
        .map(|limit| limit.0.saturating_sub(live))
        .fold(want, u32::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn room_never_lets_live_pass_a_limit(
            want in 0u32..10_000, live in 0u32..10_000,
            queue in proptest::option::of(0u32..10_000), call in proptest::option::of(0u32..10_000),
        ) {
            let room = room(want, live, queue.map(Limit), call.map(Limit));
            prop_assert!(room <= want);
            for limit in [queue, call].into_iter().flatten() {
                prop_assert!(room == 0 || live + room <= limit);
            }
            if queue.is_none() && call.is_none() {
                prop_assert_eq!(room, want);
            }
        }
    }
}
