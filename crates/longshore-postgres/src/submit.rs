//! Entering jobs, all of them or none: columns of arrays into one function of the database.

use std::collections::BTreeSet;
use std::time::SystemTime;

use deadpool_postgres::ClientWrapper;
use longshore_core::spec::FieldError;
use longshore_core::store::{NewJob, StoreError, StoreResult, Submitted};
use longshore_core::{JobId, JobSpec, QueueId};
use longshore_fault::{Injected, point};
use tokio_postgres::Row;

use crate::db::{self, Db};
use crate::moves::SpecFacts;
use crate::queues::QueueNames;
use crate::rows::said;
use crate::{error, rows};

const VERB: &str = "submit";

/// Jobs per statement, so that neither a message nor the server's memory grows without bound.
const STATEMENT_JOBS: usize = 2000;
/// Bytes of specs per statement, for the same reason; one more spec may go over it.
const STATEMENT_BYTES: usize = 16 * 1024 * 1024;

/// Jobs in the columns in which they are entered.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    queues: Vec<i32>,
    priorities: Vec<i16>,
    keys: Vec<Option<String>>,
    labels: Vec<Option<String>>,
    specs: Vec<String>,
    holds: Vec<bool>,
    due_ats: Vec<Option<SystemTime>>,
    queue_timeouts: Vec<Option<f64>>,
}

impl Batch {
    /// Turns jobs into columns; an unknown queue refuses all of them.
    pub async fn prepare(db: &Db, names: &QueueNames, jobs: &[NewJob]) -> StoreResult<Self> {
        let mut batch = Self::default();
        for job in jobs {
            let queue = names.id_of(VERB, db, job.spec().queue_name()).await?;
            batch.push(queue, job)?;
        }
        Ok(batch)
    }

    /// The queues that jobs go to, each once.
    pub fn queues(&self) -> BTreeSet<QueueId> {
        self.queues.iter().map(|queue| QueueId(*queue)).collect()
    }

    /// Enters the jobs.
    pub async fn enter(&self, db: &Db) -> StoreResult<Vec<Submitted>> {
        let parts = self.parts();
        let has_keys = self.keys.iter().any(Option::is_some);
        if parts.len() == 1 && !has_keys {
            // One statement is a transaction by itself.
            point!("submit.before_commit", 0).await.map_err(lost)?;
            let row = db.one(VERB, SQL, &self.params(parts[0]).refs()).await?;
            point!("submit.committed", 0).await.map_err(lost)?;
            return answers(&row);
        }
        let mut client = db.client(VERB).await?;
        // The last one compares with what was submitted before.
        let statements = parts.len() + 1;
        let entering = self.enter_parts(&mut client, parts);
        let outcome = db.in_time(VERB, statements, None, entering).await;
        client.settle(&outcome);
        outcome
    }

    /// Enters them part by part, all of them or none.
    async fn enter_parts(
        &self,
        client: &mut ClientWrapper,
        parts: Vec<(usize, usize)>,
    ) -> StoreResult<Vec<Submitted>> {
        let transaction = db::begin(VERB, client).await?;
        let driver = |e| error::of_driver(VERB, e);
        let mut submitted = Vec::with_capacity(self.specs.len());
        for part in parts {
            let statement = transaction.prepare_cached(SQL).await.map_err(driver)?;
            let params = self.params(part);
            let row = transaction
                .query_one(&statement, &params.refs())
                .await
                .map_err(driver)?;
            submitted.extend(answers(&row)?);
        }
        // Dropped on an error, the transaction is rolled back: nothing of the call remains.
        self.compare_with_first(&transaction, &submitted).await?;
        point!("submit.before_commit", 0).await.map_err(lost)?;
        transaction.commit().await.map_err(driver)?;
        point!("submit.committed", 0).await.map_err(lost)?;
        Ok(submitted)
    }

    /// A key that was used must have been used for the same spec.
    async fn compare_with_first(
        &self,
        transaction: &deadpool_postgres::Transaction<'_>,
        submitted: &[Submitted],
    ) -> StoreResult<()> {
        let repeated: Vec<i64> = submitted
            .iter()
            .filter(|answer| !answer.is_new)
            .map(|answer| answer.job.0)
            .collect();
        if repeated.is_empty() {
            return Ok(());
        }
        let driver = |e| error::of_driver(VERB, e);
        let sql = include_str!("../sql/spec_of.sql");
        let statement = transaction.prepare_cached(sql).await.map_err(driver)?;
        let found = transaction
            .query(&statement, &[&repeated])
            .await
            .map_err(driver)?;
        let mut first = std::collections::HashMap::new();
        for row in &found {
            let id: i64 = rows::column(VERB, row, "id")?;
            first.insert(id, rows::column::<&str>(VERB, row, "spec")?);
        }
        for (index, answer) in submitted
            .iter()
            .enumerate()
            .filter(|(_, answer)| !answer.is_new)
        {
            let is_same = first.get(&answer.job.0).is_some_and(|stored| {
                // Both through JSON, so that both have met the same rounding of numbers.
                match (
                    rows::spec(stored, None),
                    rows::spec(&self.specs[index], None),
                ) {
                    (Ok(stored), Ok(given)) => stored == given,
                    (Err(_), _) | (_, Err(_)) => false,
                }
            });
            if !is_same {
                let key = self.keys[index].clone().unwrap_or_default();
                return Err(StoreError::IdempotencyKeyReused {
                    key,
                    job: answer.job,
                });
            }
        }
        Ok(())
    }

    fn push(&mut self, queue: QueueId, job: &NewJob) -> StoreResult<()> {
        let unwritable = |e| StoreError::unexpected(VERB, e);
        let spec = JobSpec {
            idempotency_key: None,
            ..job.spec().clone()
        };
        let facts = SpecFacts::of(&spec);
        let labels = (!spec.labels.is_empty()).then(|| serde_json::to_string(&spec.labels));
        self.queues.push(queue.0);
        self.priorities.push(i16::from(spec.priority.get()));
        self.keys.push(job.spec().idempotency_key.clone());
        self.labels.push(labels.transpose().map_err(unwritable)?);
        self.specs
            .push(serde_json::to_string(&spec).map_err(unwritable)?);
        self.holds.push(job.is_held());
        self.due_ats.push(facts.due_at);
        self.queue_timeouts.push(facts.queue_timeout);
        Ok(())
    }

    /// The jobs in stretches that fit a statement each.
    fn parts(&self) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (index, spec) in self.specs.iter().enumerate() {
            bytes += spec.len();
            if bytes >= STATEMENT_BYTES || index + 1 - start >= STATEMENT_JOBS {
                parts.push((start, index + 1));
                (start, bytes) = (index + 1, 0);
            }
        }
        if start < self.specs.len() {
            parts.push((start, self.specs.len()));
        }
        parts
    }

    fn params(&self, (start, end): (usize, usize)) -> Columns<'_> {
        Columns {
            queues: &self.queues[start..end],
            priorities: &self.priorities[start..end],
            keys: said(&self.keys[start..end]),
            labels: said(&self.labels[start..end]),
            specs: &self.specs[start..end],
            holds: &self.holds[start..end],
            due_ats: said(&self.due_ats[start..end]),
            queue_timeouts: said(&self.queue_timeouts[start..end]),
        }
    }
}

const SQL: &str = include_str!("../sql/submit.sql");

/// A stretch of a batch.
struct Columns<'a> {
    queues: &'a [i32],
    priorities: &'a [i16],
    keys: Option<&'a [Option<String>]>,
    labels: Option<&'a [Option<String>]>,
    specs: &'a [String],
    holds: &'a [bool],
    due_ats: Option<&'a [Option<SystemTime>]>,
    queue_timeouts: Option<&'a [Option<f64>]>,
}

impl Columns<'_> {
    fn refs(&self) -> [&(dyn tokio_postgres::types::ToSql + Sync); 8] {
        [
            &self.queues,
            &self.priorities,
            &self.keys,
            &self.labels,
            &self.specs,
            &self.holds,
            &self.due_ats,
            &self.queue_timeouts,
        ]
    }
}

/// As if the connection had broken there.
fn lost(injected: Injected) -> StoreError {
    StoreError::Unavailable {
        verb: VERB,
        source: injected.into(),
    }
}

fn answers(row: &Row) -> StoreResult<Vec<Submitted>> {
    let jobs: Vec<i64> = rows::column(VERB, row, "job_ids")?;
    let is_new: Vec<bool> = rows::column(VERB, row, "is_new")?;
    let pairs = jobs.into_iter().zip(is_new);
    Ok(pairs
        .map(|(job, is_new)| Submitted {
            job: JobId(job),
            is_new,
        })
        .collect())
}

/// Lets a role call `longshore.submit` and `longshore.submit_many`.
pub(crate) async fn grant(db: &Db, role: &str) -> StoreResult<()> {
    const VERB: &str = "grant";
    let sql = "SELECT quote_ident(rolname) AS quoted FROM pg_roles WHERE rolname = $1";
    let Some(row) = db.maybe(VERB, sql, &[&role]).await? else {
        return Err(StoreError::Invalid(FieldError {
            field: "role".to_owned(),
            problem: format!("there is no role {role:?} in this database"),
        }));
    };
    let role: &str = rows::column(VERB, &row, "quoted")?;
    let grants = format!(
        "GRANT USAGE ON SCHEMA longshore TO {role}; \
         GRANT EXECUTE ON FUNCTION longshore.submit(jsonb), longshore.submit_many(jsonb) TO {role}"
    );
    let client = db.client(VERB).await?;
    let granting = async {
        let granted = client.batch_execute(&grants).await;
        granted.map_err(|e| error::of_driver(VERB, e))
    };
    let outcome = db.in_time(VERB, 1, None, granting).await;
    client.settle(&outcome);
    outcome
}
