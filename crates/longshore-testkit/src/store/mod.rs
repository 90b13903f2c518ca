//! The conformance suite of the [`Store`] trait.
//!
//! A back end implements [`StoreHarness`] for one fresh database and says
//! `longshore_testkit::store_conformance!(harness);` in one of its test files: each case becomes a
//! test such as `leases::stale_token_cannot_finish_attempt`. After every case, whatever it did,
//! the database must be at rest in the sense of [`rest`].
//!
//! Cases ask only for what the trait and PROTOCOL promise, never for how a store keeps it.

mod cases;
pub mod race;
pub mod rest;
pub mod scene;
pub mod seed;

#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod access;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod changes;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod contention;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod hosts;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod leases;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod limits;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod reading;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod recovery;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod registry;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod submissions;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod upkeep;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod walk;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod webhooks;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use longshore_core::access::ApiTokenId;
use longshore_core::store::Store;
use longshore_core::{HostId, JobId, WorkerId};

/// What becomes older behind the store's back, so that no case waits for time to pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aged {
    /// A worker's last sign of life.
    Heartbeat(WorkerId),
    /// When a host was last reached.
    HostSeen(HostId),
}

/// One fresh, migrated database, which nobody else uses.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// Another handle on it, with connections of its own, as another process would have.
    async fn open(&self) -> Arc<dyn Store>;

    /// Makes something older than it is, once. A harness that never runs cases of recovery needs none.
    async fn age(&self, what: Aged, by: Duration) {
        panic!("this harness can't make {what:?} older by {by:?}");
    }

    /// The slot of a job's lease, which no verb tells. As [`StoreHarness::age`], not for all.
    async fn slot_of(&self, job: JobId) -> i64 {
        panic!("this harness can't look up the slot of job {job}");
    }

    /// Makes it longer ago that a token was used, once. As [`StoreHarness::age`], not for all.
    async fn age_token_use(&self, token: ApiTokenId, by: Duration) {
        panic!("this harness can't make the use of token {token} older by {by:?}");
    }

    /// Makes every line of the audit log older than it is. As [`StoreHarness::age`], not for all.
    async fn age_audit(&self, by: Duration) {
        panic!("this harness can't make the audit log older by {by:?}");
    }

    /// Makes every change in the feed older than it is. As [`StoreHarness::age`], not for all.
    async fn age_changes(&self, by: Duration) {
        panic!("this harness can't make the feed of changes older by {by:?}");
    }

    /// Makes it longer ago that what deliveries tell of happened, and that they ended. As [`StoreHarness::age`], not for all.
    async fn age_deliveries(&self, by: Duration) {
        panic!("this harness can't make the ends of deliveries older by {by:?}");
    }

    /// Takes the database away. Called once, after every handle was closed, also when the case
    /// failed.
    async fn discard(&self) {}
}

/// Runs one case, then asks whether the database is at rest. [`crate::store_conformance!`] calls
/// it for every case.
pub async fn run<H, C>(harness: H, case: C)
where
    H: StoreHarness,
    C: for<'h> FnOnce(&'h dyn StoreHarness) -> LocalBoxFuture<'h, ()>,
{
    let tracked = Tracked {
        harness: &harness,
        opened: Mutex::default(),
    };
    let whole = async {
        case(&tracked).await;
        rest::assert_at_rest(&*tracked.open().await).await;
    };
    let outcome = AssertUnwindSafe(whole).catch_unwind().await;
    let opened = std::mem::take(
        &mut *tracked
            .opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    for store in opened {
        store.close().await;
    }
    harness.discard().await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// Remembers every handle, so that all of them are closed before the database goes.
struct Tracked<'h> {
    harness: &'h dyn StoreHarness,
    opened: Mutex<Vec<Arc<dyn Store>>>,
}

#[async_trait]
impl StoreHarness for Tracked<'_> {
    async fn open(&self) -> Arc<dyn Store> {
        let store = self.harness.open().await;
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&store));
        store
    }

    async fn age(&self, what: Aged, by: Duration) {
        self.harness.age(what, by).await;
    }

    async fn slot_of(&self, job: JobId) -> i64 {
        self.harness.slot_of(job).await
    }

    async fn age_token_use(&self, token: ApiTokenId, by: Duration) {
        self.harness.age_token_use(token, by).await;
    }

    async fn age_audit(&self, by: Duration) {
        self.harness.age_audit(by).await;
    }

    async fn age_changes(&self, by: Duration) {
        self.harness.age_changes(by).await;
    }

    async fn age_deliveries(&self, by: Duration) {
        self.harness.age_deliveries(by).await;
    }
}
