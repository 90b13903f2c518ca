//! `KEY=VALUE` arguments.

use std::str::FromStr;

/// A key and, after the first `=`, its value if there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// What stands before the first `=`.
    pub key: String,
    /// What stands after it; none without `=`.
    pub value: Option<String>,
}

impl FromStr for Pair {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('=') {
            Some((key, value)) => Self {
                key: key.to_owned(),
                value: Some(value.to_owned()),
            },
            None => Self {
                key: text.to_owned(),
                value: None,
            },
        })
    }
}

/// The value may be a secret.
impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=***", self.key)
    }
}
