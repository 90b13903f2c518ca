//! A transfer that is cut off goes on, wherever that was.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use longshore::StoreError;
use longshore::postgres::testing::TestDatabase;
use longshore::queue::transfer::TransferError;
use longshore_core::store::StoreResult;
use longshore_core::store::transfer::{Cells, Closing, Counters, Table, Transfer};
use tokio::runtime::Runtime;

use super::{connect, contents, full_home, move_it, normal, open};
use crate::support::Home;

/// A database that goes away after so many calls that write.
struct Frail<'a> {
    whole: &'a dyn Transfer,
    left: AtomicU32,
}

impl Frail<'_> {
    fn spend(&self) -> StoreResult<()> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            // Not one that passes with time: those are waited for.
            return Err(StoreError::BadAddress("gone".to_owned()));
        }
        self.left.store(left - 1, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait]
impl Transfer for Frail<'_> {
    async fn close_to_jobs(&self, why: &str) -> StoreResult<Closing> {
        self.spend()?;
        self.whole.close_to_jobs(why).await
    }

    async fn reopen_to_jobs(&self) -> StoreResult<()> {
        self.spend()?;
        self.whole.reopen_to_jobs().await
    }

    async fn note_rest(&self) -> StoreResult<()> {
        self.spend()?;
        self.whole.note_rest().await
    }

    async fn begin_noting(&self) -> StoreResult<()> {
        self.spend()?;
        self.whole.begin_noting().await
    }

    async fn closed_to_jobs(&self) -> StoreResult<Option<String>> {
        self.whole.closed_to_jobs().await
    }

    async fn is_untouched(&self) -> StoreResult<bool> {
        self.whole.is_untouched().await
    }

    async fn export_rows(
        &self,
        table: &'static Table,
        after: Option<Cells>,
        limit: u32,
    ) -> StoreResult<Vec<Cells>> {
        // Pages of two rows, so that there are more points to be cut off at.
        self.whole.export_rows(table, after, limit.min(2)).await
    }

    async fn import_rows(&self, table: &'static Table, rows: Vec<Cells>) -> StoreResult<()> {
        self.spend()?;
        self.whole.import_rows(table, rows).await
    }

    async fn count_rows(&self, table: &'static Table) -> StoreResult<u64> {
        self.whole.count_rows(table).await
    }

    async fn export_counters(&self) -> StoreResult<Counters> {
        self.whole.export_counters().await
    }

    async fn import_counters(&self, counters: Counters) -> StoreResult<()> {
        self.spend()?;
        self.whole.import_counters(counters).await
    }
}

/// Cut off after each call that writes, in turn, and asked for again, until it gets to its end.
async fn cut_off_everywhere(from: &dyn Transfer, to: &dyn Transfer) {
    let before = contents(from).await;
    let mut cuts = 0;
    loop {
        let frail = |whole| Frail {
            whole,
            left: AtomicU32::new(cuts),
        };
        let (source, target) = (frail(from), frail(to));
        match move_it(&source, &target).await {
            Ok(()) => break,
            Err(TransferError::Store(_)) => cuts += 1,
            Err(other) => panic!("after {cuts} calls: {other:?}"),
        }
        assert!(cuts < 200, "it never gets to its end");
    }
    assert!(cuts > 10, "it was cut off {cuts} times only");
    // What webhooks were not told of yet has become deliveries; nothing else has changed.
    let after = contents(from).await;
    let (told, rest): (Vec<_>, Vec<_>) = after
        .iter()
        .cloned()
        .partition(|(table, _)| *table == "delivery");
    assert!(!told[0].1.is_empty(), "there is something to tell");
    let before = before.into_iter().filter(|(table, _)| *table != "delivery");
    assert_eq!(normal(rest), normal(before.collect()));
    assert_eq!(normal(contents(to).await), normal(after));
    let closed = [from.closed_to_jobs().await, to.closed_to_jobs().await];
    let closed = closed.map(|why| why.expect("it answers"));
    assert_eq!(closed, [Some("they moved on".to_owned()), None]);
}

#[test]
fn a_transfer_that_is_cut_off_anywhere_goes_on() {
    let home = full_home();
    let runtime = Runtime::new().expect("a runtime can be had");
    runtime.block_on(async {
        let from = open(&home).await;
        let database = TestDatabase::create().await;
        let middle = connect(&database).await;
        cut_off_everywhere(&from, &middle).await;
        let other = Home::new();
        let to = open(&other).await;
        cut_off_everywhere(&middle, &to).await;
        for store in [&to as &dyn longshore::Store, &middle, &from] {
            assert_eq!(store.audit().await.expect("audit"), Vec::<String>::new());
            store.close().await;
        }
        drop(database);
    });
}
