//! Signatures, by which a receiver knows that a delivery is this server's, and from when it is.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use longshore_core::webhook::SigningKey;
use sha2::Sha256;

/// The head that has it.
pub(super) const SIGNATURE: &str = "longshore-signature";

/// `t=SECONDS,v1=HEX`: HMAC-SHA256 by the webhook's key over the seconds since 1970, a full stop, and the
/// body as it is sent. A receiver refuses what is too old, so that nobody sends it again later.
pub(super) fn sign(key: &SigningKey, seconds: u64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.0.as_bytes()).expect("HMAC takes any length");
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut signature = format!("t={seconds},v1=");
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}").expect("a string takes all");
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef` says it.
    #[test]
    fn a_signature_is_what_others_compute() {
        let key = SigningKey("0123456789abcdef".to_owned());
        assert_eq!(
            sign(&key, 1_700_000_000, b"{}"),
            "t=1700000000,v1=e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e"
        );
    }
}
