//! The feed of changes over HTTP: in pages and as it comes, each change once for each listener.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_core::JobId;
use longshore_core::state::TerminalState;
use longshore_core::store::{Change, ChangeCursor, Store};
use longshore_postgres::testing::TestDatabase;
use longshore_server::Options;
use longshore_testkit::store::scene::Scene as Work;
use longshore_testkit::store::seed::Seed;
use serde_json::{Value, json};

use crate::events::Events;
use crate::scene::{Same, Scene};

const PAGES: &str = "/api/v1/changes";
const EVENTS: &str = "/api/v1/changes/events";

/// What an event says, as jobs and states.
fn moved(data: &Value) -> Vec<(i64, &str)> {
    let changes = data["changes"].as_array().expect("changes").iter();
    let one = changes.map(|change| (change["job"].as_i64(), change["state"].as_str()));
    one.map(|(job, state)| (job.expect("a job"), state.expect("a state")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_told_in_pages_and_as_it_comes() {
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    let begun = scene.get(PAGES).await.json();
    assert_eq!(begun["changes"], json!([]));
    let mut events = Events::open(&scene, EVENTS, None).await;
    let first = events.next().await.expect("an event");
    assert_eq!(
        (&*first.name, first.data),
        ("begin", json!({"event": "begin"}))
    );
    let job = work.submit(Seed::job()).await.0;
    let event = events.next().await.expect("an event");
    assert_eq!(event.name, "changes");
    assert_eq!(moved(&event.data), [(job, "queued")]);
    let cancelled = scene
        .post(&format!("/api/v1/jobs/{job}/cancel"), &json!({}))
        .await;
    assert_eq!(cancelled.status, 200);
    let event = events.next().await.expect("an event");
    assert_eq!(moved(&event.data), [(job, "cancelled")]);
    let next = begun["next"].as_str().expect("a cursor");
    let page = scene.get(&format!("{PAGES}?after={next}&limit=1000")).await;
    assert_eq!(
        moved(&page.json()),
        [(job, "queued"), (job, "cancelled")],
        "pages tell the same"
    );
    assert_eq!(page.json()["is_all"], true);
    // The id of an event is a cursor of pages.
    let after = scene.get(&format!("{PAGES}?after={}", first.id)).await;
    assert_eq!(after.json()["changes"], page.json()["changes"]);
    for path in [PAGES, EVENTS] {
        let bad = scene.get(&format!("{path}?after=x")).await;
        assert_eq!(bad.code(), "bad_request", "{path}");
    }
    assert_eq!(
        scene.get(&format!("{PAGES}?limit=0")).await.code(),
        "invalid"
    );
    let unknown = [("job=999", "unknown_job"), ("queue=no", "unknown_queue")];
    for (query, code) in unknown {
        let refused = scene.get(&format!("{EVENTS}?{query}")).await;
        assert_eq!(refused.code(), code);
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_to_one_job_or_queue_is_told_of_it_alone() {
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    let elsewhere = Work::on_queue(&Same::of(&scene), "other", None).await;
    let mine = work.submit(Seed::job()).await.0;
    let mut of_job = Events::open(&scene, &format!("{EVENTS}?job={mine}"), None).await;
    let mut of_queue = Events::open(&scene, &format!("{EVENTS}?queue=other"), None).await;
    for events in [&mut of_job, &mut of_queue] {
        assert_eq!(events.next().await.expect("an event").name, "begin");
    }
    work.submit(Seed::job()).await;
    let its = [Seed::job().build_in("other")];
    let its = elsewhere.store.submit(&its).await.expect("submitted")[0]
        .job
        .0;
    work.store.request_cancel(JobId(mine)).await.expect("known");
    let event = of_job.next().await.expect("an event");
    assert_eq!(moved(&event.data), [(mine, "cancelled")]);
    let event = of_queue.next().await.expect("an event");
    assert_eq!(moved(&event.data), [(its, "queued")]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_told_once_and_the_stream_goes_on_from_the_newest_change() {
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    work.submit(Seed::job()).await;
    // Ahead of the feed, as after a backup was restored.
    let mut events = Events::open(&scene, EVENTS, Some("zz.0")).await;
    let gap = events.next().await.expect("an event");
    assert_eq!((&*gap.name, gap.data), ("gap", json!({"event": "gap"})));
    let job = work.submit(Seed::job()).await.0;
    let event = events.next().await.expect("an event");
    assert_eq!(moved(&event.data), [(job, "queued")]);
    drop(events);
    let mut resumed = Events::open(&scene, EVENTS, Some(&gap.id)).await;
    let event = resumed.next().await.expect("an event");
    assert_eq!(moved(&event.data), [(job, "queued")]);
    scene.close().await;
}

const WRITERS: usize = 3;
const ROUNDS: usize = 30;
const LISTENERS: usize = 6;

/// Submits, and takes jobs (its own or another's) through their lives.
async fn write(work: Arc<Work>, writer: usize) {
    for round in 0..ROUNDS {
        work.submit_all(Seed::jobs(3)).await;
        for (place, lease) in work.acquire(3).await.into_iter().enumerate() {
            if (round + place) % 2 == 0 {
                work.start(lease.key).await;
            }
            let end = [TerminalState::Completed, TerminalState::Failed][(writer + place) % 2];
            work.settle(lease.key, end).await;
        }
    }
}

/// Listens now to this server and now to that, until it was told so much, and leaves after so many events
/// each time.
async fn listen(
    servers: [Arc<Scene>; 2],
    begin: String,
    stay: usize,
    mut known: tokio::sync::watch::Receiver<Option<usize>>,
) -> Vec<Change> {
    let mut heard: Vec<Change> = Vec::new();
    let mut last = begin;
    for turn in stay.. {
        let mut events = Events::open(&servers[turn % 2], EVENTS, Some(&last)).await;
        for _ in 0..stay {
            if known.borrow().is_some_and(|all| heard.len() >= all) {
                return heard;
            }
            let event = tokio::select! {
                event = events.next() => event.expect("the stream goes on"),
                known = known.changed() => {
                    known.expect("it becomes known how much there is");
                    continue;
                }
            };
            assert_eq!(event.name, "changes", "{event:?}");
            let changes = event.data["changes"].clone();
            heard.extend(serde_json::from_value::<Vec<Change>>(changes).expect("changes"));
            last = event.id;
        }
    }
    unreachable!("it listens until it was told all")
}

/// All that came after a cursor.
async fn all_after(store: &dyn Store, mut cursor: ChangeCursor) -> Vec<Change> {
    let mut changes = Vec::new();
    loop {
        let page = store.changes(&cursor, 1000).await.expect("a page");
        changes.extend(page.changes);
        cursor = page.next;
        if page.is_all {
            return changes;
        }
    }
}

async fn listeners_that_leave_and_come_again_elsewhere(store: Arc<dyn Store>) {
    let server = async || Arc::new(Scene::before(Arc::clone(&store), Options::loopback()).await);
    let servers = [server().await, server().await];
    let work = Arc::new(Work::open(&Same::of(&servers[0])).await);
    let begin = store.newest_change().await.expect("a cursor");
    let (tell, known) = tokio::sync::watch::channel(None);
    let listening: Vec<_> = (1..=LISTENERS)
        .map(|stay| {
            let servers = servers.clone();
            tokio::spawn(listen(servers, begin.to_string(), stay, known.clone()))
        })
        .collect();
    let writing = (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&work), writer)));
    for writing in writing.collect::<Vec<_>>() {
        writing.await.expect("it writes");
    }
    let key = |change: &Change| (change.number, change.job);
    let mut all = all_after(&*store, begin).await;
    all.sort_by_key(key);
    assert!(all.len() > WRITERS * ROUNDS * 6, "{} changes", all.len());
    tell.send(Some(all.len())).expect("they listen");
    for listening in listening {
        let mut heard = listening.await.expect("it listens");
        let mut latest: BTreeMap<JobId, i64> = BTreeMap::new();
        for change in &heard {
            let before = latest.insert(change.job, change.number);
            assert!(
                before < Some(change.number),
                "a job's changes come in order: {change:?}"
            );
        }
        heard.sort_by_key(key);
        assert_eq!(heard, all, "each change once");
    }
    for server in servers {
        server.served.stop().await;
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_that_leave_and_come_again_elsewhere_hear_each_change_once_on_postgres() {
    let database = TestDatabase::create().await;
    let store = database.store().await.expect("migrated");
    listeners_that_leave_and_come_again_elsewhere(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_that_leave_and_come_again_elsewhere_hear_each_change_once_on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("longshore.db");
    let options = longshore_sqlite::Options::default();
    let store = longshore_sqlite::SqliteStore::open(path, options).await;
    let store = store.expect("a temporary file opens");
    listeners_that_leave_and_come_again_elsewhere(Arc::new(store)).await;
    // The folder goes after its file was closed.
    drop(folder);
}
