//! Timestamps on the wire: `timestamptz` is a count of microseconds since 2000, or infinity.
//!
//! The driver knows jiff only in older versions, so the conversion is ours.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio_postgres::types::{FromSql, Type, accepts};

/// 2000-01-01T00:00:00Z, in microseconds since 1970.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct At(pub Timestamp);

/// A moment, or none for one that never comes (`infinity`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Due(pub Option<Timestamp>);

impl<'a> FromSql<'a> for At {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match Due::from_sql(ty, raw)?.0 {
            Some(moment) => Ok(Self(moment)),
            None => Err("infinity where a moment was expected".into()),
        }
    }

    accepts!(TIMESTAMPTZ);
}

impl<'a> FromSql<'a> for Due {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        if micros == i64::MAX {
            return Ok(Self(None));
        }
        let since_1970 = micros
            .checked_add(EPOCH_MICROS)
            .ok_or("a moment too far away")?;
        Ok(Self(Some(Timestamp::from_microsecond(since_1970)?)))
    }

    accepts!(TIMESTAMPTZ);
}

/// A moment as a parameter. Nanoseconds are rounded up to microseconds: a job must never be due
/// before its time (promise S8).
pub(crate) fn parameter(moment: Timestamp) -> SystemTime {
    let micros = -(-moment.as_nanosecond()).div_euclid(1000);
    let apart = u64::try_from(micros.unsigned_abs()).map_or(Duration::MAX, Duration::from_micros);
    let shifted = if micros < 0 {
        UNIX_EPOCH.checked_sub(apart)
    } else {
        UNIX_EPOCH.checked_add(apart)
    };
    shifted.expect("jiff's years, up to 9999, are within what the system's clock can say")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_sent_rounded_up_to_microseconds() {
        for (nanos, expected) in [
            (0, 0),
            (1_700_000_000_123_456_000, 1_700_000_000_123_456_000),
            (1_700_000_000_123_456_001, 1_700_000_000_123_457_000),
            (-1_999, -1_000),
        ] {
            let moment = Timestamp::from_nanosecond(nanos).expect("in range");
            let sent = match parameter(moment).duration_since(UNIX_EPOCH) {
                Ok(after) => i128::try_from(after.as_nanos()).expect("small"),
                Err(before) => -i128::try_from(before.duration().as_nanos()).expect("small"),
            };
            assert_eq!(sent, expected, "{nanos}");
        }
    }

    #[test]
    fn moments_are_read_from_microseconds_since_2000() {
        let read = Due::from_sql(&Type::TIMESTAMPTZ, &1_000_001_i64.to_be_bytes()).expect("near");
        assert_eq!(
            read.0.expect("a moment").to_string(),
            "2000-01-01T00:00:01.000001Z"
        );
    }

    #[test]
    fn infinity_is_a_moment_that_never_comes() {
        let infinity = i64::MAX.to_be_bytes();
        assert_eq!(
            Due::from_sql(&Type::TIMESTAMPTZ, &infinity).expect("infinity"),
            Due(None)
        );
        assert!(At::from_sql(&Type::TIMESTAMPTZ, &infinity).is_err());
    }
}
