//! Ageing: the jobs of one queue that have waited for its time move up one priority. The function
//! `age` of the migrations does it; here it is told where to begin to look.

use std::time::SystemTime;

use longshore_core::priority::Lane;
use longshore_core::store::{Aged, StoreResult};
use longshore_core::{JobId, QueueId};

use crate::PostgresStore;
use crate::db::Params;
use crate::rows::column;
use crate::timestamps;

/// Moves up at most `limit` jobs; which, in the order of their new places.
pub(crate) async fn age(
    store: &PostgresStore,
    verb: &'static str,
    queue: QueueId,
    limit: u32,
) -> StoreResult<Vec<Aged>> {
    // The connection first: what is known may be forgotten when one has to be made.
    let client = store.db.client(verb).await?;
    // What is proved, not hints: a job below a hint is one that has waited for long.
    let (_, server, asked) = store.lines.asked(queue);
    let server: Option<SystemTime> = server.map(timestamps::parameter);
    let lanes: Vec<i16> = asked.iter().map(|a| a.segment.lane).collect();
    let seqs: Vec<i64> = asked.iter().map(|a| a.segment.seq).collect();
    let next_lanes: Vec<i16> = asked.iter().map(|a| a.segment.next_lane).collect();
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let sql = include_str!("../sql/age_waiting.sql");
    let params: Params<'_> = &[&queue.0, &limit, &server, &lanes, &seqs, &next_lanes];
    let row = store.db.one_over(verb, client, sql, params).await?;
    let jobs: Option<Vec<i64>> = column(verb, &row, "job_ids")?;
    let lanes: Option<Vec<i16>> = column(verb, &row, "lanes")?;
    let moved = jobs
        .unwrap_or_default()
        .into_iter()
        .zip(lanes.unwrap_or_default());
    let aged = moved.map(|(job, lane)| Aged {
        job: JobId(job),
        queue,
        lane: Lane(lane),
    });
    Ok(aged.collect())
}
