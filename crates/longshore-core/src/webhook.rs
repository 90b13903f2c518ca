//! Webhooks: who is told of which changes, over HTTP, and what became of each delivery.
//!
//! A webhook follows the feed of changes from a cursor that the store keeps; what it asks for becomes a
//! delivery, in the transaction that moves the cursor on. So each change is one delivery, whatever dies;
//! that the receiver hears of it twice is possible (its answer was lost), and each delivery has a number.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::JobId;
use crate::retry::Backoff;
use crate::spec::{FieldError, check_name};
use crate::state::State;

/// Which webhook.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookId(pub i64);

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which delivery. Receivers that keep it can tell one that comes twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeliveryId(pub i64);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What deliveries are signed with. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(pub String);

impl SigningKey {
    /// A shorter one can be guessed.
    pub const MIN_BYTES: usize = 16;
    /// A longer one is a slip.
    pub const MAX_BYTES: usize = 200;
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a webhook wants to hear of.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Wanted {
    /// Jobs that came into one of these states; those of their ends, unless any is named.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub states: BTreeSet<State>,
    /// Of this queue alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
}

impl Wanted {
    /// Whether a job of this queue, which came into this state, is of interest.
    pub fn has(&self, state: State, queue: &str) -> bool {
        let of_states = if self.states.is_empty() {
            state.is_terminal()
        } else {
            self.states.contains(&state)
        };
        of_states && self.queue.as_deref().is_none_or(|wanted| wanted == queue)
    }
}

/// A webhook to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewWebhook {
    /// Its name; no two have the same.
    pub name: String,
    /// Where deliveries are sent: `http://` or `https://`.
    pub url: String,
    /// What of.
    pub wanted: Wanted,
    /// What they are signed with.
    pub key: SigningKey,
}

impl NewWebhook {
    /// The longest address.
    pub const MAX_URL_BYTES: usize = 2000;

    /// Whether it can be made. Every store asks this first.
    ///
    /// # Errors
    /// Names the field.
    pub fn validate(&self) -> Result<(), FieldError> {
        check_name("name", &self.name)?;
        if let Some(queue) = &self.wanted.queue {
            check_name("queue", queue)?;
        }
        let has_scheme = ["http://", "https://"].iter().any(|scheme| {
            self.url
                .strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty())
        });
        if !has_scheme
            || self.url.len() > Self::MAX_URL_BYTES
            || self
                .url
                .chars()
                .any(|c| c.is_control() || c.is_whitespace())
        {
            let problem = "must be http://… or https://…, of at most 2000 bytes and without spaces";
            return Err(FieldError::new("url", problem));
        }
        if !(SigningKey::MIN_BYTES..=SigningKey::MAX_BYTES).contains(&self.key.0.len()) {
            let problem = "must have 16 to 200 bytes";
            return Err(FieldError::new("key", problem));
        }
        Ok(())
    }
}

/// A webhook as people see it: everything but its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// Its number.
    pub id: WebhookId,
    /// Its name.
    pub name: String,
    /// Where deliveries are sent.
    pub url: String,
    /// What of.
    #[serde(flatten)]
    pub wanted: Wanted,
    /// Whether changes become deliveries, and these are sent. What happens while it is disabled is not
    /// made up for; what waits to be sent goes on later.
    pub enabled: bool,
    /// When it was made: it is told of what came after that.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// A change of a webhook that a webhook wants to hear of, on its way into the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewDelivery {
    /// To whom.
    pub webhook: WebhookId,
    /// Of which job.
    pub job: JobId,
    /// What it came into,
    pub state: State,
    /// and when.
    pub at: Timestamp,
}

/// How far a delivery is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum DeliveryState {
    /// It is to be sent, for the first time or again.
    Waiting,
    /// The receiver answered with a status of success.
    Delivered,
    /// It was sent as often as it is, in vain.
    GivenUp,
}

/// How deliveries are repeated: 19 tries within one to two days.
pub const REPEATED: Backoff = Backoff {
    attempts: 18,
    base: Duration::from_secs(10),
    max: Duration::from_hours(6),
};

/// Whether an address is one that the public internet reaches. Webhooks are sent to no other unless the
/// operator says so: a submitter of an address must not reach what only the server's own network does.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(address),
        },
    }
}

/// By IANA's registry of special-purpose addresses.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_protocol = a == 192 && b == 0 && c == 0;
    let is_relay = a == 192 && b == 88 && c == 99;
    let is_benchmark = a == 198 && (18..20).contains(&b);
    // Public by the registry, and the metadata of one cloud's machines.
    let is_metadata = address == Ipv4Addr::new(168, 63, 129, 16);
    !(a == 0
        || is_metadata
        || a >= 240
        || is_shared
        || is_protocol
        || is_relay
        || is_benchmark
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Of what is global unicast (2000::/3): documentation, tunnels with an address of version 4 in them,
    // and the protocol's own.
    let is_global = first & 0xe000 == 0x2000;
    let is_documentation =
        first == 0x2001 && second == 0x0db8 || first == 0x3fff && second < 0x1000;
    let is_protocol = first == 0x2001 && second < 0x0200;
    let is_6to4 = first == 0x2002;
    is_global && !is_documentation && !is_protocol && !is_6to4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_public_internet_reaches_is_public() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("172.15.0.1", true),
            ("172.16.0.1", false),
            ("10.1.2.3", false),
            ("192.168.0.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("0.0.0.0", false),
            ("192.0.2.1", false),
            ("168.63.129.16", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("2001::1", false),
            ("2002:a00:1::", false),
            ("64:ff9b::a00:1", false),
            ("2606:4700::1111", true),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(is_public(address), expected, "{address}");
        }
    }

    #[test]
    fn who_names_no_state_hears_of_ends() {
        let all = Wanted::default();
        assert!(all.has(State::Failed, "nightly") && !all.has(State::Running, "nightly"));
        let some = Wanted {
            states: BTreeSet::from([State::Running]),
            queue: Some("nightly".to_owned()),
        };
        assert!(some.has(State::Running, "nightly"));
        assert!(!some.has(State::Running, "other") && !some.has(State::Failed, "nightly"));
    }

    #[test]
    fn a_webhook_that_could_never_be_sent_is_refused() {
        let new = |url: &str, key: &str| NewWebhook {
            name: "ci".to_owned(),
            url: url.to_owned(),
            wanted: Wanted::default(),
            key: SigningKey(key.to_owned()),
        };
        let key = "0123456789abcdef";
        assert!(new("https://ci.example/hook", key).validate().is_ok());
        for (url, key, field) in [
            ("ftp://ci.example", key, "url"),
            ("https://", key, "url"),
            ("https://a b", key, "url"),
            ("https://ci.example", "short", "key"),
        ] {
            let refused = new(url, key).validate().expect_err(url);
            assert_eq!(refused.field, field);
        }
        assert!(!format!("{:?}", new("https://a", key)).contains(key));
    }
}
