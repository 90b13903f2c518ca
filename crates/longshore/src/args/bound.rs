//! A time that may also be none.

use longshore_core::spec::{Timeout, parse_duration};

/// Reads a duration in the words of a job's fields, or `none`.
pub fn parse_bound(text: &str) -> Result<Timeout, String> {
    if text == "none" {
        return Ok(Timeout::Never);
    }
    parse_duration(text)
        .map(Timeout::After)
        .map_err(|error| error.to_string())
}
