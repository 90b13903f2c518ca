//! Tokens as texts: `lsh_` NUMBER `_` SECRET.
//!
//! The number finds the token's row; the secret is 256 random bits, of which SHA-256 is stored. A slow hash
//! would protect secrets that can be guessed; these can't be.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use longshore_core::access::{ApiTokenId, SecretHash};
use longshore_core::webhook::SigningKey;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What every token begins with, so that scanners of code and logs can find those that leaked.
const PREFIX: &str = "lsh_";

/// And every key of a webhook.
const KEY_PREFIX: &str = "lshk_";

const BYTES: usize = 32;

/// A token's secret. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Secret {
    /// A new one, by the system's randomness.
    pub fn draw() -> Self {
        Self(rand::random())
    }

    /// What of it is stored.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0).into())
    }

    /// The token as its owner sends it.
    pub fn token(&self, id: ApiTokenId) -> String {
        format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(self.0))
    }

    /// Reads a token; none if this is no token at all.
    pub fn read(token: &str) -> Option<(ApiTokenId, Self)> {
        let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
        let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let id = id.parse().ok().filter(|_| is_number)?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?;
        Some((ApiTokenId(id), Self(secret.try_into().ok()?)))
    }

    /// Whether the stored hash is of this secret; takes as long for any other.
    pub fn fits(&self, stored: SecretHash) -> bool {
        self.hash().0.ct_eq(&stored.0).into()
    }
}

/// What the deliveries of a webhook are signed with, by the system's randomness.
pub fn signing_key() -> SigningKey {
    let key: [u8; BYTES] = rand::random();
    SigningKey(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_fits_its_own_hash_alone() {
        let secret = Secret::draw();
        let token = secret.token(ApiTokenId(12));
        assert!(token.starts_with("lsh_12_"), "{token}");
        assert_eq!(Secret::read(&token), Some((ApiTokenId(12), secret.clone())));
        assert!(secret.fits(secret.hash()));
        assert!(!secret.fits(Secret::draw().hash()));
        assert_eq!(format!("{secret:?}"), "***");
    }

    #[test]
    fn what_is_no_token_is_none() {
        let whole = Secret::draw().token(ApiTokenId(1));
        let cut = &whole[..whole.len() - 1];
        let signed = whole.replace("lsh_1_", "lsh_+1_");
        for text in [
            "",
            "lsh_",
            "lsh__",
            "lsh_1",
            "lsh_x_AAAA",
            "lsh_1_****",
            cut,
            &signed,
        ] {
            assert_eq!(Secret::read(text), None, "{text}");
        }
    }
}
