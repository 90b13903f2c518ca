//! From columns to words and back: times, enums, specs. No statement runs here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};
use longshore_core::JobSpec;
use longshore_core::attempt::Outcome as AttemptOutcome;
use longshore_core::classify::ErrorClass;
use longshore_core::state::TerminalState;
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use serde::de::DeserializeOwned;

use crate::error::{Fault, Outcome};

/// A stored time: whole microseconds since 1970 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Micros(pub(crate) i64);

impl Micros {
    /// Never: when pending jobs are due.
    pub(crate) const INFINITY: Self = Self(i64::MAX);

    /// This machine's clock.
    pub(crate) fn now() -> Self {
        // A clock that stands before 1970 is as good as none: then everything is due.
        Self(micros(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        ))
    }

    /// The first stored time that is not before `time`: nothing that is due then comes early.
    pub(crate) fn not_before(time: Timestamp) -> Self {
        let micros = time.as_nanosecond().div_euclid(1000);
        let is_whole = time.as_nanosecond().rem_euclid(1000) == 0;
        Self(i64::try_from(micros).expect("jiff's range fits") + i64::from(!is_whole))
    }

    /// This much later, and short of infinity.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)).min(MAX_MICROS))
    }

    /// This much earlier.
    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// The time, unless it is infinity.
    pub(crate) fn finite(self) -> Option<Timestamp> {
        (self != Self::INFINITY).then(|| self.time())
    }

    /// The time; what can't be one becomes the last that can.
    pub(crate) fn time(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::MAX)
    }
}

/// The last time that can be told to people, in the year 9999.
const MAX_MICROS: i64 = 253_402_207_200_000_000;

impl ToSql for Micros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for Micros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

/// A duration in whole microseconds, at most what a column holds.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A stored duration.
pub(crate) fn duration(micros: i64) -> Duration {
    SignedDuration::from_micros(micros).unsigned_abs()
}

/// A column that holds one of our words.
pub(crate) struct Word<T>(pub(crate) T);

impl<T: DeserializeOwned> FromSql for Word<T> {
    /// Every enum of `longshore-core` has the same name in SQL as in JSON.
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = serde_json::Value::from(value.as_str()?);
        serde_json::from_value(name)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// A column that holds JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// A column of an attempt's row that says how it ended.
pub(crate) type OutcomeColumn = Word<AttemptOutcome>;
/// A column that says whether trying again can help.
pub(crate) type ClassColumn = Word<ErrorClass>;
/// A column that says how a job ended.
pub(crate) type TerminalColumn = Word<TerminalState>;

/// A value as JSON text. Our own types always have one.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Outcome<String> {
    serde_json::to_string(value).map_err(|fault| Fault::Damaged(fault.to_string()))
}

/// A count as a column.
pub(crate) fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A column as a count.
pub(crate) fn count(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// A small count of used-up attempts, whose columns are as wide as any.
pub(crate) fn small(column: i64) -> u16 {
    u16::try_from(column).unwrap_or(u16::MAX)
}

/// A stored spec, with the key that lies in a column of its own.
pub(crate) fn read_spec(json: &str, idem_key: Option<String>) -> Result<JobSpec, String> {
    let mut spec: JobSpec = serde_json::from_str(json)
        .map_err(|fault| format!("the stored spec can't be read: {fault}"))?;
    spec.idempotency_key = idem_key;
    Ok(spec)
}
