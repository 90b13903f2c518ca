//! A time as people give it: how long ago, or when.

use std::str::FromStr;
use std::time::Duration;

use longshore_core::Timestamp;
use longshore_core::spec::parse_duration;

/// A time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// So long ago.
    Ago(Duration),
    /// At this time.
    At(Timestamp),
}

impl Moment {
    /// The time itself. What lies before all times is the first of them.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(ago) = parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        text.parse().map(Self::At).map_err(|_| {
            "must be how long ago, such as 30m or 2h, or a time with its zone, such as \
             2026-08-01T18:00:00Z"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_duration_ago_or_a_time_with_its_zone() {
        let now: Timestamp = "2026-08-01T18:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("1h30m", "2026-08-01T16:30:00Z"),
            ("0s", "2026-08-01T18:00:00Z"),
            ("2026-07-31T00:00:00+02:00", "2026-07-30T22:00:00Z"),
        ] {
            let moment: Moment = text.parse().expect("a moment");
            assert_eq!(moment.before(now).to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "2026-08-01", "2026-08-01T18:00:00", "-1h"] {
            assert!(text.parse::<Moment>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn longer_ago_than_time_goes_back_is_the_beginning() {
        assert_eq!(
            Moment::Ago(Duration::MAX).before(Timestamp::MIN),
            Timestamp::MIN
        );
    }
}
