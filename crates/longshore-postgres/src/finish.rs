//! The end of attempts: columns of arrays into one statement, each attempt judged alone.

use std::collections::{BTreeSet, HashMap, HashSet};

use longshore_core::attempt::AttemptError;
use longshore_core::disposition::Disposition;
use longshore_core::state::{Event, IllegalTransition, TerminalState};
use longshore_core::store::{Finish, FinishOutcome, LeaseKey, StoreResult};
use longshore_core::{AttemptNumber, JobId, QueueId, State, Token};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::db::Db;
use crate::rows::{column, said, storable};

const VERB: &str = "finish";

/// Ends attempts; the answers are in the order of the finishes. Also the queues in which there may be
/// something to acquire now, or later than whoever waits knows.
pub(crate) async fn finish(
    db: &Db,
    finishes: &[Finish],
) -> StoreResult<(Vec<FinishOutcome>, BTreeSet<QueueId>)> {
    let mut queues = BTreeSet::new();
    let mut outcomes = vec![FinishOutcome::LeaseLost; finishes.len()];
    // A statement takes each lease once. Where a call says two ends of one attempt, the second is
    // judged by another statement, after the first: it finds it done, or has its chance if the first
    // was illegal.
    let mut left: Vec<usize> = (0..finishes.len()).collect();
    while !left.is_empty() {
        let mut seen = HashSet::new();
        let (now, later): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|at| seen.insert(finishes[*at].lease));
        finish_each(db, finishes, &now, &mut outcomes, &mut queues).await?;
        left = later;
    }
    Ok((outcomes, queues))
}

/// Ends the attempts of the finishes at `places`, which are of as many leases.
async fn finish_each(
    db: &Db,
    finishes: &[Finish],
    places: &[usize],
    outcomes: &mut [FinishOutcome],
    queues: &mut BTreeSet<QueueId>,
) -> StoreResult<()> {
    let mut columns = Columns::new();
    let mut at: HashMap<LeaseKey, usize> = HashMap::new();
    // In the order in which leases are locked.
    let mut places = places.to_vec();
    places.sort_unstable_by_key(|place| finishes[*place].lease.job);
    for place in &places {
        columns.push(&finishes[*place]);
        at.insert(finishes[*place].lease, *place);
    }
    for row in columns.run(db).await? {
        let outcome = if column(VERB, &row, "is_illegal")? {
            FinishOutcome::Illegal(IllegalTransition {
                state: State::Launching,
                event: Event::Complete,
            })
        } else if column(VERB, &row, "is_cancelled")? {
            FinishOutcome::Cancelled
        } else {
            FinishOutcome::Finished
        };
        if let Some(place) = at.remove(&key(&row)?) {
            outcomes[place] = outcome;
        }
        if column(VERB, &row, "makes_room")? {
            queues.insert(QueueId(column(VERB, &row, "queue_id")?));
        }
    }
    let left: Vec<LeaseKey> = at.keys().copied().collect();
    for lease in finished_earlier(db, &left).await? {
        if let Some(place) = at.get(&lease) {
            outcomes[*place] = FinishOutcome::AlreadyFinished;
        }
    }
    Ok(())
}

async fn finished_earlier(db: &Db, leases: &[LeaseKey]) -> StoreResult<Vec<LeaseKey>> {
    if leases.is_empty() {
        return Ok(Vec::new());
    }
    let jobs: Vec<i64> = leases.iter().map(|lease| lease.job.0).collect();
    let attempts: Vec<i32> = leases.iter().map(|lease| lease.attempt.0).collect();
    let tokens: Vec<i64> = leases.iter().map(|lease| lease.token.0).collect();
    let sql = longshore_fault::edited!(
        "postgres/finish_earlier",
        include_str!("../sql/finish_earlier.sql")
    );
    let found = db.rows(VERB, sql, &[&jobs, &attempts, &tokens]).await?;
    found.iter().map(key).collect()
}

fn key(row: &Row) -> StoreResult<LeaseKey> {
    Ok(LeaseKey {
        job: JobId(column(VERB, row, "job_id")?),
        attempt: AttemptNumber(column(VERB, row, "attempt")?),
        token: Token(column(VERB, row, "token")?),
    })
}

/// Finishes in the columns of `finish.sql`.
#[derive(Debug, Default)]
struct Columns {
    /// Whether each settles its job, and legally so, by what it says itself.
    all_settle: bool,
    jobs: Vec<i64>,
    attempts: Vec<i32>,
    tokens: Vec<i64>,
    outcomes: Vec<&'static str>,
    started: Vec<bool>,
    exit_codes: Vec<Option<i32>>,
    signals: Vec<Option<i16>>,
    oom_killed: Vec<bool>,
    error_classes: Vec<Option<&'static str>>,
    error_texts: Vec<Option<String>>,
    cpu_micros: Vec<Option<i64>>,
    peak_memory_bytes: Vec<Option<i64>>,
    omitted_stdout: Vec<Option<i64>>,
    omitted_stderr: Vec<Option<i64>>,
    template_versions: Vec<Option<String>>,
    goes: Vec<&'static str>,
    states: Vec<Option<&'static str>>,
    delays: Vec<Option<f64>>,
}

impl Columns {
    fn new() -> Self {
        Self {
            all_settle: true,
            ..Self::default()
        }
    }

    fn push(&mut self, finish: &Finish) {
        let Finish {
            lease,
            record,
            then,
        } = finish;
        let exit = record.exit.unwrap_or_default();
        let error = record.error.as_ref();
        let versions = (!record.template_versions.is_empty())
            .then(|| serde_json::json!(record.template_versions).to_string());
        let [stdout, stderr] = record
            .omitted_bytes
            .map(|bytes| (bytes > 0).then(|| signed(bytes)));
        let (goes, state, delay) = match then {
            Disposition::Settle(state) => ("settle", Some(state.as_str()), None),
            Disposition::RetryAfter(delay) => ("retry", None, Some(delay.as_secs_f64())),
            Disposition::HandBack => ("handed_back", None, None),
            Disposition::Lost => ("lost", None, None),
        };
        self.all_settle &= match then {
            Disposition::Settle(TerminalState::Completed) => record.started,
            Disposition::Settle(_) => true,
            Disposition::RetryAfter(_) | Disposition::HandBack | Disposition::Lost => false,
        };
        self.jobs.push(lease.job.0);
        self.attempts.push(lease.attempt.0);
        self.tokens.push(lease.token.0);
        self.outcomes.push(record.outcome.as_str());
        self.started.push(record.started);
        self.exit_codes.push(exit.code);
        self.signals
            .push(exit.signal.and_then(|signal| i16::try_from(signal).ok()));
        self.oom_killed.push(exit.oom_killed);
        self.error_classes
            .push(error.map(|error| error.class.as_str()));
        self.error_texts.push(error.map(|error| kept(&error.text)));
        self.cpu_micros.push(record.usage.cpu_micros.map(signed));
        self.peak_memory_bytes
            .push(record.usage.peak_memory_bytes.map(signed));
        self.omitted_stdout.push(stdout);
        self.omitted_stderr.push(stderr);
        self.template_versions.push(versions);
        self.goes.push(goes);
        self.states.push(state);
        self.delays.push(delay);
    }

    async fn run(&self, db: &Db) -> StoreResult<Vec<Row>> {
        let (exit_codes, signals) = (said(&self.exit_codes), said(&self.signals));
        let (classes, texts) = (said(&self.error_classes), said(&self.error_texts));
        let (cpu, memory) = (said(&self.cpu_micros), said(&self.peak_memory_bytes));
        let [stdout, stderr] =
            [&self.omitted_stdout, &self.omitted_stderr].map(|bytes| said(bytes));
        let versions = said(&self.template_versions);
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![
            &self.jobs,
            &self.attempts,
            &self.tokens,
            &self.outcomes,
            &self.started,
            &exit_codes,
            &signals,
            &self.oom_killed,
            &classes,
            &texts,
            &cpu,
            &memory,
            &stdout,
            &stderr,
            &versions,
        ];
        let (states, delays) = (said(&self.states), said(&self.delays));
        if self.all_settle {
            params.push(&states);
            let sql = longshore_fault::edited!(
                "postgres/finish_settled",
                include_str!("../sql/finish_settled.sql")
            );
            return db.rows(VERB, sql, &params).await;
        }
        params.extend([&self.goes as &(dyn ToSql + Sync), &states, &delays]);
        let sql = longshore_fault::edited!("postgres/finish", include_str!("../sql/finish.sql"));
        db.rows(VERB, sql, &params).await
    }
}

/// The part of an error's text that is kept: whole characters, none of them NUL.
fn kept(text: &str) -> String {
    let text = storable(text);
    let end = text.floor_char_boundary(AttemptError::MAX_TEXT_BYTES);
    text[..end].to_owned()
}

/// Counters beyond what the database counts are as good as endless.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
