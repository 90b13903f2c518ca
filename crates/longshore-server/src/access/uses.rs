//! When each token's use was last noted in the database, so that it is not asked at every request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use longshore_core::access::{ApiToken, ApiTokenId};

/// Tokens that were used lately. As many as there are good ones.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashMap<ApiTokenId, Instant>>);

impl Uses {
    /// Whether a use of this token is to be noted now.
    pub fn is_news(&self, token: ApiTokenId) -> bool {
        let now = Instant::now();
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = noted.get(&token);
        if before.is_some_and(|at| now.duration_since(*at) < ApiToken::USE_NOTED_EVERY) {
            return false;
        }
        noted.insert(token, now);
        true
    }
}
