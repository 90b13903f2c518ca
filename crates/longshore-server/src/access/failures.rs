//! How often an address may show a token that is good for nothing.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

/// Addresses are forgotten once there are so many: an attacker who has them all gains a fresh start, and
/// the server keeps its memory.
const MOST_ADDRESSES: usize = 10_000;

/// Counts wrong tokens by address.
pub(crate) struct Failures {
    limiter: RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock>,
}

impl Failures {
    pub fn new(per_minute: u32) -> Self {
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        Self {
            limiter: RateLimiter::dashmap(Quota::per_minute(per_minute)),
        }
    }

    /// Notes a wrong token. Whether there were too many of this address.
    pub fn note(&self, address: IpAddr) -> bool {
        if self.limiter.len() >= MOST_ADDRESSES {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&address).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_that_is_wrong_too_often_does_not_hold_up_another() {
        let failures = Failures::new(3);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let noted: Vec<bool> = (0..4).map(|_| failures.note(one)).collect();
        assert_eq!(noted, [false, false, false, true]);
        assert!(!failures.note(other));
    }
}
