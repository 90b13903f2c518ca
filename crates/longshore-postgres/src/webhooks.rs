//! [`Webhooks`]: who is told of changes, and what became of each delivery.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::store::{
    ChangeCursor, Delivery, DueDelivery, StoreError, StoreResult, Tried, Webhooks, begin_noting,
};
use longshore_core::webhook::{
    DeliveryId, DeliveryState, NewDelivery, NewWebhook, SigningKey, Wanted, Webhook, WebhookId,
};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::PostgresStore;
use crate::db::Db;
use crate::rows::{column, converted, state};
use crate::timestamps::{At, parameter};

#[async_trait]
impl Webhooks for PostgresStore {
    async fn create_webhook(&self, webhook: &NewWebhook) -> StoreResult<Webhook> {
        const VERB: &str = "make the webhook";
        webhook.validate()?;
        begin_noting(self).await?;
        let states = serde_json::to_string(&webhook.wanted.states)
            .map_err(|e| StoreError::unexpected(VERB, e))?;
        let params: [&(dyn ToSql + Sync); 5] = [
            &webhook.name,
            &webhook.url,
            &states,
            &webhook.wanted.queue,
            &webhook.key.0,
        ];
        let sql = include_str!("../sql/create_webhook.sql");
        match self.db.maybe(VERB, sql, &params).await? {
            Some(row) => webhook_of(VERB, &row),
            None => Err(StoreError::WebhookExists(webhook.name.clone())),
        }
    }

    async fn webhooks(&self) -> StoreResult<Vec<Webhook>> {
        const VERB: &str = "list webhooks";
        let sql = include_str!("../sql/webhooks.sql");
        let rows = self.db.rows(VERB, sql, &[]).await?;
        rows.iter().map(|row| webhook_of(VERB, row)).collect()
    }

    async fn switch_webhook(&self, webhook: WebhookId, enabled: bool) -> StoreResult<Webhook> {
        const VERB: &str = "switch the webhook";
        let sql = include_str!("../sql/switch_webhook.sql");
        match self.db.maybe(VERB, sql, &[&webhook.0, &enabled]).await? {
            Some(row) => webhook_of(VERB, &row),
            None => Err(StoreError::UnknownWebhook(webhook)),
        }
    }

    async fn delete_webhook(&self, webhook: WebhookId) -> StoreResult<()> {
        const VERB: &str = "take the webhook away";
        let sql = include_str!("../sql/delete_webhook.sql");
        let row = self.db.one(VERB, sql, &[&webhook.0]).await?;
        match column::<i64>(VERB, &row, "webhooks")? {
            0 => Err(StoreError::UnknownWebhook(webhook)),
            _ => Ok(()),
        }
    }

    async fn webhook_cursor(&self) -> StoreResult<Option<ChangeCursor>> {
        const VERB: &str = "look up the webhooks' cursor";
        let sql = include_str!("../sql/webhook_cursor.sql");
        let Some(row) = self.db.maybe(VERB, sql, &[]).await? else {
            return Ok(None);
        };
        let cursor = column::<&str>(VERB, &row, "cursor")?.parse();
        cursor
            .map(Some)
            .map_err(|e| StoreError::unexpected(VERB, e))
    }

    async fn note_deliveries(
        &self,
        from: Option<&ChangeCursor>,
        to: &ChangeCursor,
        deliveries: &[NewDelivery],
    ) -> StoreResult<bool> {
        const VERB: &str = "note deliveries";
        let (from, to) = (from.map(ToString::to_string), to.to_string());
        let webhooks: Vec<i64> = deliveries.iter().map(|new| new.webhook.0).collect();
        let jobs: Vec<i64> = deliveries.iter().map(|new| new.job.0).collect();
        let states: Vec<&str> = deliveries.iter().map(|new| new.state.as_str()).collect();
        let moments: Vec<SystemTime> = deliveries.iter().map(|new| parameter(new.at)).collect();
        let params: [&(dyn ToSql + Sync); 6] = [&from, &to, &webhooks, &jobs, &states, &moments];
        let sql = include_str!("../sql/note_deliveries.sql");
        let row = self.db.one(VERB, sql, &params).await?;
        column(VERB, &row, "is_moved")
    }

    async fn take_deliveries(
        &self,
        limit: u32,
        except: &[WebhookId],
        at_least: Duration,
    ) -> StoreResult<Vec<DueDelivery>> {
        const VERB: &str = "take deliveries";
        let except: Vec<i64> = except.iter().map(|webhook| webhook.0).collect();
        let (limit, at_least) = (i64::from(limit), at_least.as_secs_f64());
        let params: [&(dyn ToSql + Sync); 3] = [&limit, &at_least, &except];
        let sql = include_str!("../sql/take_deliveries.sql");
        let rows = self.db.rows(VERB, sql, &params).await?;
        let due = |row: &Row| {
            Ok(DueDelivery {
                delivery: delivery(VERB, row)?,
                url: column(VERB, row, "url")?,
                key: SigningKey(column(VERB, row, "key")?),
            })
        };
        rows.iter().map(due).collect()
    }

    async fn note_tried(&self, tried: &Tried) -> StoreResult<bool> {
        const VERB: &str = "note a try";
        let number = i32::try_from(tried.tries).unwrap_or(i32::MAX);
        let status = tried.status.map(i32::from);
        let again_in = tried.again_in.map(|pause| pause.as_secs_f64());
        let params: [&(dyn ToSql + Sync); 5] = [
            &tried.delivery.0,
            &number,
            &status,
            &tried.problem,
            &again_in,
        ];
        let sql = include_str!("../sql/note_tried.sql");
        Ok(self.db.maybe(VERB, sql, &params).await?.is_some())
    }

    async fn send_again(&self, again: DeliveryId) -> StoreResult<Delivery> {
        const VERB: &str = "send the delivery again";
        let sql = include_str!("../sql/send_again.sql");
        match self.db.maybe(VERB, sql, &[&again.0]).await? {
            Some(row) => delivery(VERB, &row),
            None => Err(StoreError::UnknownDelivery(again)),
        }
    }

    async fn deliveries(
        &self,
        webhook: Option<WebhookId>,
        job: Option<JobId>,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        const VERB: &str = "list deliveries";
        let before = before.map_or(i64::MAX, |before| before.0);
        let limit = i64::from(limit.clamp(1, Delivery::MAX_PAGE));
        let job = job.map(|job| job.0);
        let rows = match (webhook, job) {
            (Some(webhook), job) => {
                let sql = include_str!("../sql/deliveries_webhook.sql");
                let params: [&(dyn ToSql + Sync); 4] = [&before, &limit, &webhook.0, &job];
                self.db.rows(VERB, sql, &params).await?
            }
            (None, Some(job)) => {
                let sql = include_str!("../sql/deliveries_job.sql");
                self.db.rows(VERB, sql, &[&before, &limit, &job]).await?
            }
            (None, None) => {
                let sql = include_str!("../sql/deliveries.sql");
                self.db.rows(VERB, sql, &[&before, &limit]).await?
            }
        };
        rows.iter().map(|row| delivery(VERB, row)).collect()
    }
}

/// Gives up deliveries that have waited for too long, and takes away those that ended long ago or are
/// nobody's.
pub(crate) async fn forget(verb: &'static str, db: &Db) -> StoreResult<()> {
    let limit = i64::from(Delivery::FORGOTTEN_AT_ONCE);
    let steps = [
        (
            Delivery::GIVEN_UP_AFTER,
            include_str!("../sql/tend_storage_undeliverable.sql"),
        ),
        (
            Delivery::KEPT,
            include_str!("../sql/tend_storage_deliveries.sql"),
        ),
    ];
    for (age, sql) in steps {
        loop {
            let row = db.one(verb, sql, &[&age.as_secs_f64(), &limit]).await?;
            if column::<i64>(verb, &row, "deliveries")? < limit {
                break;
            }
        }
    }
    Ok(())
}

fn webhook_of(verb: &'static str, row: &Row) -> StoreResult<Webhook> {
    let states: &str = column(verb, row, "states")?;
    let At(created_at) = column(verb, row, "created_at")?;
    Ok(Webhook {
        id: WebhookId(column(verb, row, "id")?),
        name: column(verb, row, "name")?,
        url: column(verb, row, "url")?,
        wanted: Wanted {
            states: serde_json::from_str(states).map_err(|e| StoreError::unexpected(verb, e))?,
            queue: column(verb, row, "queue")?,
        },
        enabled: column(verb, row, "enabled")?,
        created_at,
    })
}

fn delivery(verb: &'static str, row: &Row) -> StoreResult<Delivery> {
    let time = |name| {
        let at = column::<Option<At>>(verb, row, name);
        at.map(|at| at.map(|At(time)| time))
    };
    let At(at) = column(verb, row, "at")?;
    let next_at = time("next_at")?;
    let status: Option<i32> = column(verb, row, "status")?;
    Ok(Delivery {
        id: DeliveryId(column(verb, row, "id")?),
        webhook: WebhookId(column(verb, row, "webhook_id")?),
        job: JobId(column(verb, row, "job_id")?),
        state: state(verb, row, "job_state")?,
        at,
        delivery: match (next_at, column(verb, row, "is_delivered")?) {
            (Some(_), _) => DeliveryState::Waiting,
            (None, true) => DeliveryState::Delivered,
            (None, false) => DeliveryState::GivenUp,
        },
        tries: converted::<i32, u32>(verb, row, "tries")?,
        next_at,
        ended_at: time("ended_at")?,
        status: status
            .map(u16::try_from)
            .transpose()
            .map_err(|e| StoreError::unexpected(verb, e))?,
        problem: column(verb, row, "problem")?,
    })
}
