//! Webhooks: who is told of changes, how far the feed was read for them, and their deliveries.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ChangeCursor, StoreResult};
use crate::ids::JobId;
use crate::state::State;
use crate::webhook::{
    DeliveryId, DeliveryState, NewDelivery, NewWebhook, SigningKey, Webhook, WebhookId,
};

/// A delivery: a change that a webhook wants to hear of, and what became of telling it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// Its number.
    pub id: DeliveryId,
    /// To whom.
    pub webhook: WebhookId,
    /// Of which job.
    pub job: JobId,
    /// What the job came into,
    pub state: State,
    /// and when.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// How far it is.
    pub delivery: DeliveryState,
    /// How often it was sent, or begun to be.
    pub tries: u32,
    /// When it is sent next; none once it is delivered or given up.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub next_at: Option<Timestamp>,
    /// When it was delivered or given up.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub ended_at: Option<Timestamp>,
    /// The status that the receiver answered with last, if it answered.
    pub status: Option<u16>,
    /// Why the last try was in vain.
    pub problem: Option<String>,
}

impl Delivery {
    /// The most deliveries of one page.
    pub const MAX_PAGE: u32 = 1000;
    /// Those that have ended are kept for so long; older ones go when the storage is tended.
    pub const KEPT: Duration = Duration::from_hours(30 * 24);
    /// Those of changes of more than so long ago that still wait are given up when the storage is tended.
    pub const GIVEN_UP_AFTER: Duration = Duration::from_hours(7 * 24);
    /// The most that one transaction takes away for their age.
    pub const FORGOTTEN_AT_ONCE: u32 = 10_000;
    /// The most bytes of a problem that are kept.
    pub const MAX_PROBLEM_BYTES: usize = 500;
}

/// A delivery that is to be sent now, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueDelivery {
    /// It; its `tries` counts this one.
    pub delivery: Delivery,
    /// Where to.
    pub url: String,
    /// Signed with this.
    pub key: SigningKey,
}

/// What came of a try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Which of its tries: of an earlier one that comes late nothing is noted.
    pub tries: u32,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it was in vain; none for a delivery.
    pub problem: Option<String>,
    /// After how long it is sent again, if it was in vain; none gives it up.
    pub again_in: Option<Duration>,
}

/// Webhooks.
#[async_trait]
pub trait Webhooks: Send + Sync + 'static {
    /// Makes a webhook, which is enabled, once the feed is read for it ([`super::begin_noting`]).
    /// [`super::StoreError::WebhookExists`] if there is one of its name.
    async fn create_webhook(&self, webhook: &NewWebhook) -> StoreResult<Webhook>;

    /// Every webhook, by name.
    async fn webhooks(&self) -> StoreResult<Vec<Webhook>>;

    /// Enables or disables it. An unknown one is an error.
    async fn switch_webhook(&self, webhook: WebhookId, enabled: bool) -> StoreResult<Webhook>;

    /// Takes it away, with its deliveries: no verb knows of them any more, and their rows go when the storage is
    /// tended. An unknown one is an error.
    async fn delete_webhook(&self, webhook: WebhookId) -> StoreResult<()>;

    /// How far the feed was read for webhooks; none before it was for the first time.
    async fn webhook_cursor(&self) -> StoreResult<Option<ChangeCursor>>;

    /// Moves that cursor on, and makes these deliveries due now, of webhooks that are there and enabled. False,
    /// and nothing is changed, if it does not stand at `from`: another has moved it on. So each change
    /// becomes one delivery for each webhook, however many read the feed.
    async fn note_deliveries(
        &self,
        from: Option<&ChangeCursor>,
        to: &ChangeCursor,
        deliveries: &[NewDelivery],
    ) -> StoreResult<bool>;

    /// Takes up to `limit` deliveries that are due, of webhooks that are enabled and not among `except`, the
    /// longest due first; nobody else gets them for `at_least`, within which what came of them is to be
    /// noted.
    async fn take_deliveries(
        &self,
        limit: u32,
        except: &[WebhookId],
        at_least: Duration,
    ) -> StoreResult<Vec<DueDelivery>>;

    /// Notes what came of a try. False if it is not the newest of its delivery, or that has ended.
    async fn note_tried(&self, tried: &Tried) -> StoreResult<bool>;

    /// Makes a delivery due now; one that has ended gets all its tries again. An unknown one is an error.
    async fn send_again(&self, delivery: DeliveryId) -> StoreResult<Delivery>;

    /// Deliveries, newest first: those before `before`, of this webhook, of this job; at most `limit` (0
    /// counts as 1) or [`Delivery::MAX_PAGE`].
    async fn deliveries(
        &self,
        webhook: Option<WebhookId>,
        job: Option<JobId>,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>>;
}
