//! Durations as people write them: `90`, `"90s"`, `"1h30m"`, `"none"`. Stored as seconds.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::memory::MAX_DIGITS;
use crate::suggest::excerpt;

/// The longest duration that is accepted: about ten years. Longer is a slip of the unit.
const MAX: Duration = Duration::from_hours(10 * 366 * 24);

/// How many numbers with units a duration is summed of at most; the same in SQL.
const MAX_PARTS: usize = 100;

/// Not a duration, or one out of bounds.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is not a duration: write seconds (90) or a text such as \"90s\", \"1h30m\" or \"250ms\", at most 3660 days"
)]
pub struct DurationError(String);

impl DurationError {
    fn of(written: &str) -> Self {
        Self(excerpt(written).into_owned())
    }
}

/// A bound on time, which may be none at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timeout {
    /// No bound.
    Never,
    /// At most this long.
    After(Duration),
}

impl Timeout {
    /// The bound, if there is one.
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::After(limit) => Some(limit),
        }
    }
}

/// Reads `"90"`, `"90s"`, `"1h30m"`, `"250ms"`: whole numbers with units ms, s, m, h, d, largest
/// first by habit but in any order; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let refuse = || DurationError::of(text);
    if text.is_empty() {
        return Err(refuse());
    }
    if text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().map_err(|_| refuse())?;
        return bounded(Duration::from_secs(seconds)).ok_or_else(refuse);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    for _ in 0..MAX_PARTS {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .filter(|digits| *digits <= MAX_DIGITS)
            .ok_or_else(refuse)?;
        let number: u32 = rest[..digits].parse().map_err(|_| refuse())?;
        rest = &rest[digits..];
        let (unit, after) = UNITS
            .iter()
            .find_map(|(name, unit)| rest.strip_prefix(name).map(|after| (*unit, after)))
            .ok_or_else(refuse)?;
        total = unit
            .checked_mul(number)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(refuse)?;
        rest = after;
        if rest.is_empty() {
            return bounded(total).ok_or_else(refuse);
        }
    }
    Err(refuse())
}

/// `ms` stands before `m`, so that it is not read as minutes.
const UNITS: [(&str, Duration); 5] = [
    ("ms", Duration::from_millis(1)),
    ("s", Duration::from_secs(1)),
    ("m", Duration::from_mins(1)),
    ("h", Duration::from_hours(1)),
    ("d", Duration::from_hours(24)),
];

/// Whether a duration is stored as it is: in whole milliseconds, and not too long.
pub(super) fn is_storable(duration: Duration) -> bool {
    duration <= MAX && duration.subsec_nanos().is_multiple_of(1_000_000)
}

fn bounded(duration: Duration) -> Option<Duration> {
    (duration <= MAX).then_some(duration)
}

/// Writes a duration as people read it: `1h30m`, `45s`, `250ms`; the two largest units.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let part = |number: u64, unit: &str| match number {
        0 => String::new(),
        n => format!("{n}{unit}"),
    };
    if days > 0 {
        format!("{days}d{}", part(hours, "h"))
    } else if hours > 0 {
        format!("{hours}h{}", part(minutes, "m"))
    } else if minutes > 0 {
        format!("{minutes}m{}", part(seconds % 60, "s"))
    } else if seconds > 0 {
        match duration.subsec_millis() / 100 {
            0 => format!("{seconds}s"),
            tenths if seconds < 10 => format!("{seconds}.{tenths}s"),
            _ => format!("{seconds}s"),
        }
    } else {
        format!("{}ms", duration.subsec_millis())
    }
}

/// Seconds, as stored: whole when they are, else with milliseconds.
fn serialize_seconds<S: Serializer>(duration: Duration, serializer: S) -> Result<S::Ok, S::Error> {
    if duration.subsec_nanos() == 0 {
        serializer.serialize_u64(duration.as_secs())
    } else {
        serializer.serialize_f64(duration.as_secs_f64())
    }
}

struct DurationVisitor;

impl serde::de::Visitor<'_> for DurationVisitor {
    type Value = Timeout;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds (90) or a text such as \"90s\" or \"1h30m\"")
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Timeout, E> {
        bounded(Duration::from_secs(seconds))
            .map(Timeout::After)
            .ok_or_else(|| E::custom(DurationError::of(&seconds.to_string())))
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Timeout, E> {
        match u64::try_from(seconds) {
            Ok(seconds) => self.visit_u64(seconds),
            Err(_) => Err(E::custom(DurationError::of(&seconds.to_string()))),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Timeout, E> {
        // By whole milliseconds, so that the stored number reads back as the same duration.
        Duration::try_from_secs_f64((seconds * 1000.0).round())
            .ok()
            .filter(|_| seconds >= 0.0)
            .map(|millis| Duration::from_millis(millis.as_secs()))
            .and_then(bounded)
            .map(Timeout::After)
            .ok_or_else(|| E::custom(DurationError::of(&seconds.to_string())))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timeout, E> {
        if text == "none" {
            return Ok(Timeout::Never);
        }
        parse_duration(text).map(Timeout::After).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

impl Serialize for Timeout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => serializer.serialize_str("none"),
            Self::After(duration) => serialize_seconds(*duration, serializer),
        }
    }
}

/// For `Option<Duration>` fields that have no "none".
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Duration, DurationError, Serializer, Timeout};

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(duration) => super::serialize_seconds(*duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        match Option::<Timeout>::deserialize(deserializer)? {
            None => Ok(None),
            Some(Timeout::After(duration)) => Ok(Some(duration)),
            Some(Timeout::Never) => Err(serde::de::Error::custom(DurationError::of("none"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, millis) in [
            ("90", 90_000),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1m500ms", 60_500),
            ("2d", 172_800_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "", "s", "1x", "-5", "5 s", "1h30", "99999d", "1.5h", "ms", "+5",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stored_seconds_read_back_as_the_same_duration() {
        for millis in [0, 1, 250, 999, 1000, 90_001, 3_600_000, 9_526_975_458] {
            let timeout = Timeout::After(Duration::from_millis(millis));
            let stored = serde_json::to_string(&timeout).expect("a number");
            assert_eq!(
                serde_json::from_str::<Timeout>(&stored).expect(&stored),
                timeout
            );
        }
    }

    #[test]
    fn durations_are_shown_in_their_two_largest_units() {
        for (millis, text) in [
            (20, "20ms"),
            (1500, "1.5s"),
            (45_000, "45s"),
            (90_000, "1m30s"),
            (3_600_000, "1h"),
            (90_000_000, "1d1h"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(millis)), text);
        }
    }
}
