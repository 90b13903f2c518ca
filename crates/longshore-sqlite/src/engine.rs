//! The threads behind a store: one that writes, some that read, one that watches.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use longshore_core::store::StoreResult;

use crate::error::Outcome;
use crate::readers::Readers;
use crate::store::Options;
use crate::tx::Tx;
use crate::wakeups::{Hub, SqliteWakeups};
use crate::writer::{News, Writer};

/// Everything that a store's verbs need.
pub(crate) struct Engine {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    hub: Arc<Hub>,
}

impl Engine {
    /// Opens the file, migrates it, and starts the threads.
    pub(crate) async fn start(path: PathBuf, options: Options) -> StoreResult<Self> {
        let hub = Hub::new(path.clone());
        let budget = options.busy_budget;
        let writer = Writer::start(path.clone(), budget, Arc::clone(&hub)).await?;
        let readers = Readers::start(&path, budget, options.readers).await?;
        Ok(Self {
            path,
            writer,
            readers,
            hub,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in a write transaction; answers after its commit.
    pub(crate) async fn write<T, F>(
        &self,
        verb: &'static str,
        news: News,
        work: F,
    ) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Outcome<T> + Send + 'static,
    {
        self.writer.write(verb, news, work).await
    }

    /// Runs `work` on a snapshot.
    pub(crate) async fn read<T, F>(&self, verb: &'static str, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Outcome<T> + Send + 'static,
    {
        self.readers.read(verb, work).await
    }

    /// How often the write lock was found taken.
    pub(crate) fn looks_in_vain(&self) -> u64 {
        self.writer.looks_in_vain()
    }

    /// Checkpoints and brings statistics up to date.
    pub(crate) async fn tend(&self, verb: &'static str) -> StoreResult<()> {
        self.writer.tend(verb).await
    }

    /// A listener for hints.
    pub(crate) fn wakeups(&self) -> SqliteWakeups {
        self.hub.subscribe()
    }

    /// Finishes what waits, and ends every thread. The writer ends last, when no reader is left: if
    /// nobody else has the file open, SQLite moves the log into it as that connection closes. (Of two
    /// that close at once, each would take the other for one that stays.)
    pub(crate) async fn close(&self) {
        let mut threads = self.readers.close();
        threads.extend(self.hub.close());
        join(threads).await;
        join(self.writer.close()).await;
    }
}

/// Waits for threads that were told to end.
async fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    let threads: Vec<_> = threads.into_iter().collect();
    let joined = tokio::task::spawn_blocking(move || {
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    });
    if let Err(fault) = joined.await {
        tracing::error!(%fault, "waiting for the store's threads failed");
    }
}

impl Drop for Engine {
    /// A store that is dropped without [`Engine::close`] still ends its threads, unawaited.
    fn drop(&mut self) {
        drop(self.hub.close());
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::store::{Reading, Store, StoreError, Submissions, Upkeep};
    use longshore_core::{JobId, JobSpec};

    use super::*;
    use crate::store::SqliteStore;

    /// As many pages as a new file has, and a few more: a disk that is nearly full.
    const FEW_PAGES: i64 = 64;

    async fn open(folder: &tempfile::TempDir) -> SqliteStore {
        let path = folder.path().join("longshore.db");
        let opened = SqliteStore::open(path, Options::default()).await;
        opened.expect("a temporary file opens")
    }

    async fn bound_pages(store: &SqliteStore, pages: i64) {
        let bound = move |tx: &Tx<'_>| {
            let bound = tx.connection().pragma_update(None, "max_page_count", pages);
            Ok(bound?)
        };
        let bounded = store.engine.write("bound the file", News::No, bound).await;
        bounded.expect("a pragma");
    }

    #[tokio::test]
    async fn a_full_disk_refuses_what_does_not_fit_and_keeps_what_was_acknowledged() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = open(&folder).await;
        bound_pages(&store, FEW_PAGES).await;
        let job = || {
            let spec = JobSpec::process(["x".repeat(2000)]);
            spec.validate().expect("a valid spec")
        };
        let mut acknowledged = 0;
        let refused = loop {
            match store.submit(&[job(), job()]).await {
                Ok(_) => acknowledged += 2,
                Err(refused) => break refused,
            }
            assert!(acknowledged < 1000, "the bound is never reached");
        };
        let StoreError::CannotWrite { problem, verb, .. } = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((problem.as_str(), verb), ("the disk is full", "submit"));
        let newest = store.newest_job().await.expect("reading goes on");
        assert_eq!(
            newest,
            Some(JobId(acknowledged)),
            "nothing of the refused call is there"
        );

        bound_pages(&store, 100_000).await;
        let next = store.submit(&[job()]).await.expect("there is room again");
        assert_eq!(next[0].job, JobId(acknowledged + 1));
        assert_eq!(store.audit().await.expect("audit"), Vec::<String>::new());
        store.close().await;
    }

    #[tokio::test]
    async fn verbs_whose_transaction_another_ended_may_be_repeated_and_are_told_so() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = open(&folder).await;
        let verb = |sql: &'static str| {
            let run = move |tx: &Tx<'_>| tx.execute(sql, []).map(drop);
            store.engine.write("a verb", News::No, run)
        };
        let (announce, begun) = tokio::sync::oneshot::channel::<()>();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let wait = move |_: &Tx<'_>| {
            announce.send(()).expect("it is awaited");
            released.recv().expect("it is released");
            Ok(())
        };
        // While one holds the writer up, the others come together: they are one group. The second of
        // them ends it, as SQLite does by itself when memory is short.
        let together = async {
            begun.await.expect("it begins");
            tokio::join!(
                biased;
                verb("UPDATE counter SET job_id = 1000"),
                verb("INSERT OR ROLLBACK INTO instance (id, created_at) VALUES ('', 0)"),
                async { release.send(()).expect("it waits") },
            )
        };
        let (held_up, (first, second, ())) =
            tokio::join!(store.engine.write("wait", News::No, wait), together);
        held_up.expect("a group of its own");
        let first = first.expect_err("it was rolled back");
        assert!(first.is_transient(), "{first:?}");
        assert!(
            matches!(second, Err(StoreError::Unexpected { .. })),
            "its own error: {second:?}"
        );
        store.close().await;
    }

    #[tokio::test]
    async fn a_question_that_panics_is_told_as_a_defect_and_the_readers_go_on() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = open(&folder).await;
        for _ in 0..=Options::default().readers {
            let panicking = |_: &Tx<'_>| -> Outcome<()> { panic!("a defect of this test's own") };
            let answer = store.engine.read("panic", panicking).await;
            assert!(
                matches!(answer, Err(StoreError::Unexpected { .. })),
                "{answer:?}"
            );
        }
        assert_eq!(store.newest_job().await.expect("they go on"), None);
        store.close().await;
    }

    #[tokio::test]
    async fn a_verb_that_panics_is_rolled_back_and_the_writer_goes_on() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = open(&folder).await;
        let panicking = |tx: &Tx<'_>| -> Outcome<()> {
            tx.execute("UPDATE counter SET job_id = 1000", [])?;
            panic!("a defect of this test's own")
        };
        let answer = store.engine.write("panic", News::No, panicking).await;
        assert!(
            matches!(answer, Err(StoreError::Unexpected { .. })),
            "{answer:?}"
        );
        let job = JobSpec::process(["true"]).validate().expect("a valid spec");
        let submitted = store.submit(&[job]).await.expect("the writer goes on");
        assert_eq!(submitted[0].job, JobId(1));
        store.close().await;
    }
}
