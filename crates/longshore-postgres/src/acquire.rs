//! Acquisition: what is known goes in, leases come out, and what was learned is kept. And the look ahead, which
//! takes what is known along and teaches nothing.

use std::time::{Duration, SystemTime};

use longshore_core::disposition::Spent;
use longshore_core::limit::Limit;
use longshore_core::priority::Lane;
use longshore_core::store::{
    AcquireRequest, Acquired, Ahead, Contention, Lease, LeaseKey, StoreError, StoreResult,
};
use longshore_core::{AttemptNumber, JobId, QueueId, Token};
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::db::{Db, Params};
use crate::frontier::Frontier;
use crate::lent::Lent;
use crate::lines::Known;
use crate::rows::column;
use crate::slots::LiveSlots;
use crate::timestamps::{self, At};

const VERB: &str = "acquire";

/// How often an acquisition begins anew because a limit was set in the middle of it. Each time
/// needs a change of its own, and those are made by hand.
const BEGINNINGS: usize = 5;

impl PostgresStore {
    /// Takes the first jobs of a queue's line.
    pub(crate) async fn acquire_jobs(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        self.start_looking();
        for _ in 0..BEGINNINGS {
            // The connection first: what is known may be forgotten when one has to be made.
            let client = self.db.client(VERB).await?;
            let known = self.lines.known(request.queue);
            let row = match call_acquire(&self.db, client, request, &known).await {
                Ok(row) => row,
                Err(error) => {
                    // What it would have taught may be of a transaction that was rolled back.
                    self.lines.forget_slots(request.queue);
                    return Err(error);
                }
            };
            if column(VERB, &row, "again")? {
                continue;
            }
            let leases = leases(request.queue, &row)?;
            self.learn(request.queue, known.made, &row, &leases)?;
            let due_in = due_in(column(VERB, &row, "due_in")?);
            return Ok(Acquired { leases, due_in });
        }
        Err(StoreError::Contended {
            verb: VERB,
            contention: Contention::LockTimeout,
            source: format!("the queue's limit was set during each of {BEGINNINGS} tries").into(),
        })
    }

    /// In which queues there is something to acquire.
    pub(crate) async fn look_at_lines(&self, queues: &[QueueId]) -> StoreResult<Ahead> {
        const VERB: &str = "look ahead";
        if queues.is_empty() {
            return Ok(Ahead::default());
        }
        self.start_looking();
        let client = self.db.client(VERB).await?;
        let ids: Vec<i32> = queues.iter().map(|queue| queue.0).collect();
        let (mut of, mut lanes, mut seqs, mut next_lanes) = (vec![], vec![], vec![], vec![]);
        let mut server = None;
        for queue in queues {
            let known = self.lines.known(*queue);
            server = server.or(known.server);
            // What another server process taught says nothing here.
            let is_of_one = known.server.is_none() || known.server == server;
            let segments = is_of_one.then_some(known.segments);
            for segment in segments.unwrap_or_else(|| Frontier::default().segments()) {
                of.push(queue.0);
                lanes.push(segment.lane);
                seqs.push(segment.seq);
                next_lanes.push(segment.next_lane);
            }
        }
        let server: Option<SystemTime> = server.map(timestamps::parameter);
        let sql = include_str!("../sql/look_ahead.sql");
        let params: Params<'_> = &[&ids, &server, &of, &lanes, &seqs, &next_lanes];
        let row = self.db.one_over(VERB, client, sql, params).await?;
        let waiting: Option<Vec<i32>> = column(VERB, &row, "waiting")?;
        Ok(Ahead {
            waiting: waiting
                .unwrap_or_default()
                .into_iter()
                .map(QueueId)
                .collect(),
            due_in: due_in(column(VERB, &row, "due_in")?),
        })
    }

    fn learn(&self, queue: QueueId, made: u64, row: &Row, leases: &[Lease]) -> StoreResult<()> {
        let At(server) = column(VERB, row, "server")?;
        let epoch: Option<i64> = column(VERB, row, "epoch")?;
        let Some(epoch) = epoch else {
            let name = format!("#{queue}");
            return Err(StoreError::UnknownQueue {
                name,
                hint: "it has no such id".to_owned(),
            });
        };
        let slots: Option<Vec<i64>> = column(VERB, row, "slots")?;
        let above: Option<i64> = column(VERB, row, "above")?;
        let live = slots
            .zip(above)
            .map(|(slots, above)| LiveSlots::new(epoch, slots, above));
        let lanes = leases.iter().map(|lease| lease.lane.0);
        self.lines.learn(queue, made, server, live, lanes);
        Ok(())
    }
}

async fn call_acquire(
    db: &Db,
    client: Lent,
    request: AcquireRequest,
    known: &Known,
) -> StoreResult<Row> {
    let want = i32::try_from(request.want.min(AcquireRequest::MAX_WANT)).unwrap_or(i32::MAX);
    let cap = request
        .max_concurrent
        .map(|Limit(cap)| i32::try_from(cap).unwrap_or(i32::MAX));
    let server: Option<SystemTime> = known.server.map(timestamps::parameter);
    let live = known.live.as_ref();
    let epoch = live.map(|live| live.epoch);
    let slots = live.map(|live| &live.slots);
    let above = live.map(|live| live.above);
    let lanes: Vec<i16> = known.segments.iter().map(|segment| segment.lane).collect();
    let seqs: Vec<i64> = known.segments.iter().map(|segment| segment.seq).collect();
    let next_lanes: Vec<i16> = known
        .segments
        .iter()
        .map(|segment| segment.next_lane)
        .collect();
    db.one_over(
        VERB,
        client,
        include_str!("../sql/acquire.sql"),
        &[
            &request.queue.0,
            &want,
            &request.worker.0,
            &request.acquire_number,
            &cap,
            &server,
            &epoch,
            &slots,
            &above,
            &lanes,
            &seqs,
            &next_lanes,
        ],
    )
    .await
}

/// A time that the database tells in seconds; one that is too long for us is as good as none.
fn due_in(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok()
}

fn leases(queue: QueueId, row: &Row) -> StoreResult<Vec<Lease>> {
    let jobs: Option<Vec<i64>> = column(VERB, row, "job_ids")?;
    let Some(jobs) = jobs else {
        return Ok(Vec::new());
    };
    let At(claimed_at) = column(VERB, row, "claimed_at")?;
    let attempts: Vec<i32> = column(VERB, row, "attempts")?;
    let tokens: Vec<i64> = column(VERB, row, "tokens")?;
    let lanes: Vec<i16> = column(VERB, row, "lanes")?;
    let tries: Vec<i16> = column(VERB, row, "tries")?;
    let losses: Vec<i16> = column(VERB, row, "losses")?;
    let mut keys: Vec<Option<String>> = column(VERB, row, "idem_keys")?;
    let specs: Vec<Option<&str>> = column(VERB, row, "specs")?;
    let count = |number: i16| u16::try_from(number).map_err(|e| StoreError::unexpected(VERB, e));
    jobs.iter()
        .enumerate()
        .map(|(index, job)| {
            Ok(Lease {
                key: LeaseKey {
                    job: JobId(*job),
                    attempt: AttemptNumber(attempts[index]),
                    token: Token(tokens[index]),
                },
                queue,
                lane: Lane(lanes[index]),
                spent: Spent {
                    tries: count(tries[index])?,
                    losses: count(losses[index])?,
                },
                claimed_at,
                spec: match specs[index] {
                    Some(json) => crate::rows::spec(json, keys[index].take())
                        .map(Box::new)
                        .map_err(|e| e.to_string()),
                    None => Err("the job's row is missing".to_owned()),
                },
            })
        })
        .collect()
}
