//! The feed of changes where commits become visible in another order than they were written, and where
//! parts of it are emptied.

mod scene;

use std::time::{Duration, Instant};

use longshore_core::store::{Change, ChangeCursor, ChangePage, Changes, Retention, Store, Upkeep};
use longshore_core::{JobId, State};
use longshore_postgres::PostgresStore;
use longshore_postgres::testing::TestClient;
use scene::{Scene, complete, scene, submit_by_sql};

const KEPT: Retention = Retention {
    keep: Retention::FOREVER,
    batch: 100,
};

/// Keeps nothing but a cursor, in pages of so many rows.
struct Listener {
    cursor: ChangeCursor,
    limit: u32,
}

impl Listener {
    async fn begin(scene: &Scene) -> Self {
        let cursor = scene.store.newest_change().await.expect("a cursor");
        Self {
            cursor,
            limit: 1000,
        }
    }

    async fn page(&mut self, store: &PostgresStore) -> ChangePage {
        let page = store.changes(&self.cursor, self.limit).await;
        let page = page.expect("a page");
        self.cursor = page.next.to_string().parse().expect("reads back");
        page
    }

    async fn hear(&mut self, scene: &Scene) -> Vec<Change> {
        let mut heard = Vec::new();
        loop {
            let page = self.page(&scene.store).await;
            assert!(!page.is_cut);
            if page.changes.is_empty() {
                return heard;
            }
            heard.extend(page.changes);
            assert!(heard.len() < 5000, "the feed ends");
        }
    }

    /// The jobs that were queued, and nothing else was told.
    async fn queued(&mut self, scene: &Scene) -> Vec<JobId> {
        let heard = self.hear(scene).await;
        assert!(
            heard.iter().all(|change| change.state == State::Queued),
            "{heard:?}"
        );
        heard.iter().map(|change| change.job).collect()
    }

    /// Reads until no transaction is waited for: others work in other databases of the server.
    async fn until_nothing_is_open(&mut self, scene: &Scene) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.cursor.open.is_empty() {
            assert!(Instant::now() < deadline, "{:?}", self.cursor);
            assert_eq!(self.hear(scene).await, []);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn run(client: &TestClient, sql: &str) {
    client.batch_execute(sql).await.expect(sql);
}

async fn xid(client: &TestClient) -> i64 {
    let own = "SELECT pg_current_xact_id()::text::bigint";
    client.query_one(own, &[]).await.expect("an id").get(0)
}

fn waits_for(cursor: &ChangeCursor, id: i64) -> bool {
    cursor
        .open
        .iter()
        .any(|ids| (ids.first..=ids.last).contains(&id))
}

#[tokio::test]
async fn a_submission_that_commits_late_is_told_then_and_holds_up_none_of_the_later_ones() {
    let scene = scene(None).await;
    let mut early = Listener::begin(&scene).await;
    let writer = scene.database.client().await;
    run(&writer, "BEGIN").await;
    let late = submit_by_sql(&writer).await;
    let mut begun_within = Listener::begin(&scene).await;
    for _ in 0..3 {
        let jobs = scene.submit(2).await;
        for listener in [&mut early, &mut begun_within] {
            assert_eq!(listener.queued(&scene).await, jobs);
            assert_eq!(listener.queued(&scene).await, []);
        }
    }
    let mut begun_after_others = Listener::begin(&scene).await;
    run(&writer, "COMMIT").await;
    for listener in [&mut early, &mut begun_within, &mut begun_after_others] {
        assert_eq!(listener.queued(&scene).await, [late]);
        assert_eq!(listener.queued(&scene).await, []);
    }
    assert_eq!(Listener::begin(&scene).await.queued(&scene).await, []);
}

/// `pg_snapshot_xmax` is one above the newest *ended* transaction. Here the writer that commits late has
/// that very id, or a later one, when the reader has seen the number above its own: a proof by "xmin of a
/// later look ≥ xmax of this one" takes it for ended.
#[tokio::test]
async fn a_writer_with_a_later_id_and_a_lower_number_than_what_was_told_is_waited_for() {
    let scene = scene(None).await;
    let (early, late) = (scene.database.client().await, scene.database.client().await);
    let mut listener = Listener::begin(&scene).await;
    for _ in 0..20 {
        run(&early, "BEGIN").await;
        xid(&early).await;
        run(&late, "BEGIN").await;
        let first = submit_by_sql(&late).await;
        let second = submit_by_sql(&early).await;
        run(&early, "COMMIT").await;
        assert_eq!(listener.queued(&scene).await, [second]);
        let mut begun = Listener::begin(&scene).await;
        for _ in 0..3 {
            assert_eq!(listener.queued(&scene).await, []);
        }
        run(&late, "COMMIT").await;
        for listener in [&mut listener, &mut begun] {
            assert_eq!(listener.queued(&scene).await, [first]);
        }
    }
}

#[tokio::test]
async fn what_is_rolled_back_is_waited_for_no_longer_and_the_cursor_gets_short_again() {
    let scene = scene(None).await;
    let mut listener = Listener::begin(&scene).await;
    let writer = scene.database.client().await;
    run(&writer, "BEGIN").await;
    submit_by_sql(&writer).await;
    let id = xid(&writer).await;
    let jobs = scene.submit(1).await;
    assert_eq!(listener.queued(&scene).await, jobs);
    assert!(waits_for(&listener.cursor, id), "{:?}", listener.cursor);
    run(&writer, "ROLLBACK").await;
    assert_eq!(listener.queued(&scene).await, []);
    assert!(!waits_for(&listener.cursor, id), "{:?}", listener.cursor);
    listener.until_nothing_is_open(&scene).await;
    let text = listener.cursor.to_string();
    assert_eq!(text, "2.0", "two numbers were drawn");
}

/// A savepoint that is taken back takes its changes with it; the rest of its transaction is told.
#[tokio::test]
async fn what_a_savepoint_took_back_is_not_told() {
    let scene = scene(None).await;
    let mut listener = Listener::begin(&scene).await;
    let writer = scene.database.client().await;
    run(&writer, "BEGIN").await;
    let kept = submit_by_sql(&writer).await;
    run(&writer, "SAVEPOINT s").await;
    submit_by_sql(&writer).await;
    run(&writer, "ROLLBACK TO s").await;
    run(&writer, "SAVEPOINT s").await;
    let also_kept = submit_by_sql(&writer).await;
    let other = scene.submit(1).await;
    assert_eq!(listener.queued(&scene).await, other);
    run(&writer, "COMMIT").await;
    assert_eq!(listener.queued(&scene).await, [kept, also_kept]);
}

/// Late rows of two transactions, more than a page holds, with a third that ends in between: each change is
/// told once, those of a job in their order, however small the pages are.
#[tokio::test]
async fn late_changes_that_fill_many_pages_are_told_once_and_in_order() {
    let scene = scene(None).await;
    for limit in [1, 2, 3, 1000] {
        let mut listener = Listener::begin(&scene).await;
        listener.limit = limit;
        let writers = [
            scene.database.client().await,
            scene.database.client().await,
            scene.database.client().await,
        ];
        let mut submitted = [vec![], vec![], vec![]];
        for writer in &writers {
            run(writer, "BEGIN").await;
            xid(writer).await;
        }
        for _ in 0..4 {
            for (writer, jobs) in writers.iter().zip(&mut submitted) {
                jobs.push(submit_by_sql(writer).await);
            }
        }
        let now = scene.submit(1).await;
        assert_eq!(listener.queued(&scene).await, now);
        run(&writers[2], "COMMIT").await;
        run(&writers[0], "COMMIT").await;
        let mut heard: Vec<Change> = listener.page(&scene.store).await.changes;
        run(&writers[1], "COMMIT").await;
        // One that moves on what came late.
        let lease = scene.acquire(100).await;
        assert_eq!(lease.len(), 13);
        let leases: Vec<_> = lease.iter().map(|lease| lease.key).collect();
        complete(&scene.store, &leases).await;
        heard.extend(listener.hear(&scene).await);

        let of = |job: JobId| {
            let mine = heard.iter().filter(|change| change.job == job);
            mine.map(|change| change.state).collect::<Vec<_>>()
        };
        let [launching, completed] = [State::Launching, State::Completed];
        for job in submitted.concat() {
            assert_eq!(
                of(job),
                [State::Queued, launching, completed],
                "limit {limit}: {heard:?}"
            );
        }
        assert_eq!(of(now[0]), [launching, completed]);
        assert_eq!(heard.len(), 3 * 12 + 2);
    }
}

#[tokio::test]
async fn a_transaction_with_many_changes_is_told_whole_in_pages() {
    let scene = scene(None).await;
    let mut listener = Listener::begin(&scene).await;
    listener.limit = 10;
    let writer = scene.database.client().await;
    run(&writer, "BEGIN").await;
    let mut late = Vec::new();
    let mut others = Vec::new();
    for _ in 0..35 {
        late.push(submit_by_sql(&writer).await);
        others.extend(scene.submit(1).await);
    }
    assert_eq!(listener.queued(&scene).await, others);
    assert!(
        listener.cursor.to_string().len() < 500,
        "{}",
        listener.cursor
    );
    run(&writer, "COMMIT").await;
    assert_eq!(listener.queued(&scene).await, late);
}

#[tokio::test]
async fn a_submission_of_many_is_told_in_rows_that_stay_small() {
    let scene = scene(None).await;
    let mut listener = Listener::begin(&scene).await;
    listener.limit = 1;
    let jobs = scene.submit(1001).await;
    let mut heard = Vec::new();
    for _ in 0..6 {
        let page = listener.page(&scene.store).await.changes;
        assert!((1..=Change::TOGETHER as usize).contains(&page.len()));
        heard.extend(page.iter().map(|change| change.job));
    }
    heard.sort_unstable();
    assert_eq!(heard, jobs);
    assert_eq!(listener.hear(&scene).await, []);
    let client = scene.database.client().await;
    let toasted = "SELECT sum(pg_relation_size(c.reltoastrelid))::bigint FROM pg_class AS c
                   WHERE c.relname ~ '^change_\\d$'";
    let row = client.query_one(toasted, &[]).await.expect("a size");
    assert_eq!(row.get::<_, i64>(0), 0, "each on its page");
}

async fn age(client: &TestClient, by: Duration) {
    let sql = "UPDATE change SET at = at - make_interval(secs => $1)";
    client.execute(sql, &[&by.as_secs_f64()]).await.expect(sql);
}

const OLD: Duration = Duration::from_hours(3 * 24 + 2);

/// As where nobody tended for days: rows of two days lie in one part.
#[tokio::test]
async fn a_part_is_emptied_once_all_of_it_is_old_and_a_cursor_of_before_is_cut() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let mut before = Listener::begin(&scene).await;
    scene.submit(3).await;
    age(&client, OLD).await;
    let young = scene.submit(1).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    let mut whole = Listener {
        cursor: before.cursor.clone(),
        limit: 1000,
    };
    assert_eq!(
        whole.queued(&scene).await.len(),
        4,
        "the young one keeps them"
    );
    whole.until_nothing_is_open(&scene).await;

    age(&client, OLD).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    let page = before.page(&scene.store).await;
    assert!(page.is_cut && page.changes.is_empty(), "{page:?}");
    let next = scene.submit(1).await;
    for listener in [&mut before, &mut whole] {
        assert_eq!(listener.queued(&scene).await, next, "not {young:?}");
    }
}

/// What it wrote may have gone with its part before it could be told.
#[tokio::test]
async fn a_reader_that_waits_for_a_transaction_of_what_went_is_cut() {
    let scene = scene(None).await;
    let (client, writer) = (scene.database.client().await, scene.database.client().await);
    run(&writer, "BEGIN").await;
    submit_by_sql(&writer).await;
    scene.submit(1).await;
    let mut listener = Listener::begin(&scene).await;
    listener.hear(&scene).await;
    run(&writer, "COMMIT").await;
    age(&client, OLD).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    assert!(listener.page(&scene.store).await.is_cut);
    assert_eq!(listener.hear(&scene).await, [], "it is said once");
}

/// A part is locked for whoever still writes into it, and only for a moment for who reads.
#[tokio::test]
async fn a_part_that_an_open_transaction_wrote_into_is_not_emptied_and_holds_up_nobody() {
    let scene = scene(None).await;
    let (client, writer) = (scene.database.client().await, scene.database.client().await);
    let mut listener = Listener::begin(&scene).await;
    scene.submit(1).await;
    age(&client, OLD).await;
    run(&writer, "BEGIN").await;
    let late = submit_by_sql(&writer).await;
    let error = scene
        .store
        .tend_storage(KEPT)
        .await
        .expect_err("it is locked");
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(listener.queued(&scene).await.len(), 1);
    run(&writer, "COMMIT").await;
    scene
        .store
        .tend_storage(KEPT)
        .await
        .expect("the newest row is young");
    assert_eq!(listener.queued(&scene).await, [late]);
    scene.store.close().await;
}

#[tokio::test]
async fn reading_draws_an_id_only_for_a_page_with_something_new() {
    let scene = scene(None).await;
    let mut listener = Listener::begin(&scene).await;
    scene.submit(1).await;
    assert_eq!(listener.page(&scene.store).await.changes.len(), 1);
    let client = scene.database.client().await;
    let sql = "SELECT next_id IS NULL FROM read_changes($1, 0, '{}', '{}', 11, 10) WHERE kind = 0";
    let draws_none = async |seen: i64| -> bool {
        client
            .query_one(sql, &[&seen])
            .await
            .expect("a look")
            .get(0)
    };
    assert!(draws_none(listener.cursor.seen).await);
    assert!(!draws_none(0).await);
}
