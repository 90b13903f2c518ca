//! From rows to core's types. A value that does not fit is an error, never a panic: the database may
//! have been written by other hands.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use longshore_core::limit::Limit;
use longshore_core::queue::Queue;
use longshore_core::state::State;
use longshore_core::store::{LeaseStatus, StoreError, StoreResult};
use longshore_core::{JobSpec, QueueId};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// A column by its name.
pub(crate) fn column<'a, T: FromSql<'a>>(
    verb: &'static str,
    row: &'a Row,
    name: &str,
) -> StoreResult<T> {
    row.try_get(name)
        .map_err(|e| StoreError::unexpected(verb, e))
}

/// A column by its name, as core's type of the same meaning.
pub(crate) fn converted<'a, T, U>(verb: &'static str, row: &'a Row, name: &str) -> StoreResult<U>
where
    T: FromSql<'a>,
    U: TryFrom<T>,
    U::Error: std::error::Error + Send + Sync + 'static,
{
    U::try_from(column::<T>(verb, row, name)?).map_err(|e| StoreError::unexpected(verb, e))
}

/// A column that holds the name of a state.
pub(crate) fn state(verb: &'static str, row: &Row, name: &str) -> StoreResult<State> {
    let text: &str = column(verb, row, name)?;
    State::from_str(text).map_err(|e| StoreError::unexpected(verb, e))
}

/// A column that holds a JSON object of texts, or null.
pub(crate) fn text_map(
    verb: &'static str,
    row: &Row,
    name: &str,
) -> StoreResult<BTreeMap<String, String>> {
    let json: Option<&str> = column(verb, row, name)?;
    json.map_or_else(
        || Ok(BTreeMap::new()),
        |json| serde_json::from_str(json).map_err(|e| StoreError::unexpected(verb, e)),
    )
}

/// A stored spec, and the key that has a column of its own. It was valid when it was stored.
pub(crate) fn spec(json: &str, key: Option<String>) -> Result<JobSpec, serde_json::Error> {
    let spec: JobSpec = serde_json::from_str(json)?;
    Ok(JobSpec {
        idempotency_key: key,
        ..spec
    })
}

/// A queue.
pub(crate) fn queue(verb: &'static str, row: &Row) -> StoreResult<Queue> {
    let limit: Option<i32> = column(verb, row, "max_concurrent")?;
    let ageing: Option<f64> = column(verb, row, "ageing_seconds")?;
    Ok(Queue {
        id: QueueId(column(verb, row, "id")?),
        name: column(verb, row, "name")?,
        executor: column(verb, row, "executor")?,
        host_selector: text_map(verb, row, "host_selector")?,
        max_concurrent: limit
            .map(limit_from)
            .transpose()
            .map_err(|e| StoreError::unexpected(verb, e))?,
        paused: column(verb, row, "paused")?,
        ageing: ageing
            .map(Duration::try_from_secs_f64)
            .transpose()
            .map_err(|e| StoreError::unexpected(verb, e))?,
        on_host_lost: column::<&str>(verb, row, "on_host_lost")?
            .parse()
            .map_err(|e| StoreError::unexpected(verb, e))?,
        epoch: column(verb, row, "epoch")?,
    })
}

/// A limit, as the database counts.
pub(crate) fn limit_from(limit: i32) -> Result<Limit, std::num::TryFromIntError> {
    u32::try_from(limit).map(Limit)
}

/// The status of a lease that is held.
pub(crate) fn held(cancel_requested: bool) -> LeaseStatus {
    if cancel_requested {
        LeaseStatus::CancelRequested
    } else {
        LeaseStatus::Held
    }
}

/// A text from outside, as PostgreSQL can hold it: it has no NUL character.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
/// A column of which at least one value is there. One without any is sent as null, which takes the
/// database no time: it fills up the shorter columns with nulls.
pub(crate) fn said<T>(column: &[Option<T>]) -> Option<&[Option<T>]> {
    column.iter().any(Option::is_some).then_some(column)
}
