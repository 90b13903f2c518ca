//! Who is told of changes, and what became of each delivery.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::store::{
    ChangeCursor, Delivery, DueDelivery, StoreError, StoreResult, Tried, Webhooks, begin_noting,
};
use longshore_core::webhook::{
    DeliveryId, DeliveryState, NewDelivery, NewWebhook, SigningKey, Wanted, Webhook, WebhookId,
};
use longshore_core::{JobId, State};
use rusqlite::{Row, named_params};

use crate::error::{Fault, Outcome};
use crate::rows::{Micros, Word, json};
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::writer::News;

#[async_trait]
impl Webhooks for SqliteStore {
    async fn create_webhook(&self, webhook: &NewWebhook) -> StoreResult<Webhook> {
        webhook.validate()?;
        begin_noting(self).await?;
        let webhook = webhook.clone();
        let create = move |tx: &Tx<'_>| {
            let params = named_params! {
                ":name": webhook.name,
                ":url": webhook.url,
                ":states": json(&webhook.wanted.states)?,
                ":queue": webhook.wanted.queue,
                ":key": webhook.key.0,
                ":now": tx.now,
            };
            let made = tx.maybe(sql!("create_webhook"), params, webhook_from_row)?;
            made.ok_or_else(|| Fault::from(StoreError::WebhookExists(webhook.name.clone())))
        };
        self.engine.write("make a webhook", News::No, create).await
    }

    async fn webhooks(&self) -> StoreResult<Vec<Webhook>> {
        let list = |tx: &Tx<'_>| tx.all(sql!("webhooks"), [], webhook_from_row);
        self.engine.read("list webhooks", list).await
    }

    async fn switch_webhook(&self, webhook: WebhookId, enabled: bool) -> StoreResult<Webhook> {
        let switch = move |tx: &Tx<'_>| {
            let params = named_params! { ":webhook": webhook.0, ":enabled": enabled };
            let switched = tx.maybe(sql!("switch_webhook"), params, webhook_from_row)?;
            switched.ok_or_else(|| StoreError::UnknownWebhook(webhook).into())
        };
        self.engine
            .write("switch a webhook", News::No, switch)
            .await
    }

    async fn delete_webhook(&self, webhook: WebhookId) -> StoreResult<()> {
        let delete = move |tx: &Tx<'_>| {
            let params = named_params! { ":webhook": webhook.0 };
            if tx.execute(sql!("delete_webhook"), params)? == 0 {
                return Err(StoreError::UnknownWebhook(webhook).into());
            }
            // Its deliveries are nobody's then, and go when the storage is tended: there may be millions.
            Ok(())
        };
        self.engine
            .write("take a webhook away", News::No, delete)
            .await
    }

    async fn webhook_cursor(&self) -> StoreResult<Option<ChangeCursor>> {
        let look = |tx: &Tx<'_>| {
            let found: Option<String> = tx.maybe(sql!("webhook_cursor"), [], |row| row.get(0))?;
            let read = found.map(|cursor| cursor.parse::<ChangeCursor>());
            read.transpose()
                .map_err(|fault| Fault::Damaged(fault.to_string()))
        };
        self.engine.read("look up the webhooks' cursor", look).await
    }

    async fn note_deliveries(
        &self,
        from: Option<&ChangeCursor>,
        to: &ChangeCursor,
        deliveries: &[NewDelivery],
    ) -> StoreResult<bool> {
        let (from, to) = (from.map(ToString::to_string), to.to_string());
        let deliveries = deliveries.to_vec();
        let note = move |tx: &Tx<'_>| {
            let moved = match &from {
                None => tx.execute(sql!("note_deliveries_begin"), named_params! { ":to": to })?,
                Some(from) => tx.execute(
                    sql!("note_deliveries_move"),
                    named_params! { ":from": from, ":to": to },
                )?,
            };
            if moved == 0 {
                return Ok(false);
            }
            for delivery in &deliveries {
                let params = named_params! {
                    ":webhook": delivery.webhook.0,
                    ":job": delivery.job.0,
                    ":state": delivery.state.as_str(),
                    ":at": Micros::not_before(delivery.at),
                    ":now": tx.now,
                };
                tx.execute(sql!("note_deliveries"), params)?;
            }
            Ok(true)
        };
        self.engine.write("note deliveries", News::No, note).await
    }

    async fn take_deliveries(
        &self,
        limit: u32,
        except: &[WebhookId],
        at_least: Duration,
    ) -> StoreResult<Vec<DueDelivery>> {
        let except = except.to_vec();
        let take = move |tx: &Tx<'_>| {
            let params = named_params! {
                ":except": json(&except)?,
                ":now": tx.now,
                ":until": tx.now.plus(at_least),
                ":limit": limit,
            };
            tx.all(sql!("take_deliveries"), params, |row| {
                Ok(DueDelivery {
                    delivery: delivery_from_row(row)?,
                    url: row.get("url")?,
                    key: SigningKey(row.get("key")?),
                })
            })
        };
        self.engine.write("take deliveries", News::No, take).await
    }

    async fn note_tried(&self, tried: &Tried) -> StoreResult<bool> {
        let tried = tried.clone();
        let note = move |tx: &Tx<'_>| {
            let next_at = tried.again_in.map(|pause| tx.now.plus(pause));
            let params = named_params! {
                ":delivery": tried.delivery.0,
                ":tries": tried.tries,
                ":status": tried.status,
                ":problem": tried.problem,
                ":next_at": next_at.filter(|_| tried.problem.is_some()),
                ":is_delivered": tried.problem.is_none(),
                ":now": tx.now,
            };
            Ok(tx.execute(sql!("note_tried"), params)? > 0)
        };
        self.engine.write("note a try", News::No, note).await
    }

    async fn send_again(&self, delivery: DeliveryId) -> StoreResult<Delivery> {
        let send = move |tx: &Tx<'_>| {
            let params = named_params! { ":delivery": delivery.0, ":now": tx.now };
            let found = tx.maybe(sql!("send_again"), params, delivery_from_row)?;
            found.ok_or_else(|| StoreError::UnknownDelivery(delivery).into())
        };
        self.engine
            .write("send a delivery again", News::No, send)
            .await
    }

    async fn deliveries(
        &self,
        webhook: Option<WebhookId>,
        job: Option<JobId>,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let list = move |tx: &Tx<'_>| {
            let before = before.map_or(i64::MAX, |before| before.0);
            let limit = limit.clamp(1, Delivery::MAX_PAGE);
            match (webhook, job) {
                (Some(webhook), job) => {
                    let params = named_params! {
                        ":webhook": webhook.0,
                        ":job": job.map(|job| job.0),
                        ":before": before,
                        ":limit": limit,
                    };
                    tx.all(sql!("deliveries_webhook"), params, delivery_from_row)
                }
                (None, Some(job)) => {
                    let params =
                        named_params! { ":job": job.0, ":before": before, ":limit": limit };
                    tx.all(sql!("deliveries_job"), params, delivery_from_row)
                }
                (None, None) => {
                    let params = named_params! { ":before": before, ":limit": limit };
                    tx.all(sql!("deliveries"), params, delivery_from_row)
                }
            }
        };
        self.engine.read("list deliveries", list).await
    }
}

/// Gives up deliveries that have waited for too long, and takes away those that ended long ago or are
/// nobody's; whether there may be more of them.
pub(crate) fn forget(tx: &Tx<'_>) -> Outcome<bool> {
    let limit = Delivery::FORGOTTEN_AT_ONCE;
    let before = tx.now.minus(Delivery::GIVEN_UP_AFTER);
    let params = named_params! { ":before": before, ":limit": limit, ":now": tx.now };
    let given_up = tx.execute(sql!("tend_storage_undeliverable"), params)?;
    let params = named_params! { ":before": tx.now.minus(Delivery::KEPT), ":limit": limit };
    let gone = tx.execute(sql!("tend_storage_deliveries"), params)?;
    Ok(given_up.max(gone) >= limit as usize)
}

fn webhook_from_row(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    Ok(Webhook {
        id: WebhookId(row.get("id")?),
        name: row.get("name")?,
        url: row.get("url")?,
        wanted: Wanted {
            states: row
                .get::<_, crate::rows::Json<BTreeSet<State>>>("states")?
                .0,
            queue: row.get("queue")?,
        },
        enabled: row.get("enabled")?,
        created_at: row.get::<_, Micros>("created_at")?.time(),
    })
}

fn delivery_from_row(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let time = |name: &str| -> rusqlite::Result<_> {
        Ok(row.get::<_, Option<Micros>>(name)?.map(Micros::time))
    };
    let next_at = time("next_at")?;
    let delivery = match (next_at, row.get("is_delivered")?) {
        (Some(_), _) => DeliveryState::Waiting,
        (None, true) => DeliveryState::Delivered,
        (None, false) => DeliveryState::GivenUp,
    };
    Ok(Delivery {
        id: DeliveryId(row.get("id")?),
        webhook: WebhookId(row.get("webhook_id")?),
        job: JobId(row.get("job_id")?),
        state: row.get::<_, Word<State>>("job_state")?.0,
        at: row.get::<_, Micros>("at")?.time(),
        delivery,
        tries: row.get("tries")?,
        next_at,
        ended_at: time("ended_at")?,
        status: row.get("status")?,
        problem: row.get("problem")?,
    })
}
