//! Hints: sent after the commit and coalesced, heard at once, and trusted by nobody.

mod scene;

use std::time::{Duration, Instant};

use futures_util::future::poll_fn;
use longshore_core::store::{Store, Submissions, Wakeups};
use longshore_postgres::PostgresStore;
use longshore_testkit::proxy::{Direction, Which};
use scene::{job, scene, submit_by_sql};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::{AsyncMessage, NoTls};

/// Far longer than anything here takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that is notified, as a bare listener hears it.
async fn overhear(url: &str) -> UnboundedReceiver<String> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the server");
    let (sender, heard) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(note) = message
                && sender.send(note.payload().to_owned()).is_err()
            {
                break;
            }
        }
    });
    client
        .batch_execute("LISTEN longshore")
        .await
        .expect("listen");
    // The connection lives for as long as its client does, and this for as long as the test.
    tokio::spawn(async move {
        let _client = client;
        std::future::pending::<()>().await;
    });
    heard
}

/// Takes hints until there are no more for a while.
async fn drain(wakeups: &mut dyn Wakeups) {
    while wakeups.wait(Duration::from_millis(300)).await {}
}

#[tokio::test]
async fn a_hint_arrives_long_before_a_poll_would() {
    let scene = scene(None).await;
    let listener = scene.other().await;
    let mut wakeups = listener.wakeups();
    assert!(
        wakeups.wait(PATIENCE).await,
        "once it listens it says: look"
    );
    drain(&mut *wakeups).await;
    let began = Instant::now();
    scene.submit(1).await;
    assert!(wakeups.wait(PATIENCE).await);
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
    listener.close().await;
}

#[tokio::test]
async fn a_hint_that_arrives_while_nobody_waits_is_kept() {
    let scene = scene(None).await;
    let mut wakeups = scene.store.wakeups();
    assert!(wakeups.wait(PATIENCE).await);
    drain(&mut *wakeups).await;
    let mut overheard = overhear(&scene.database.url()).await;
    scene.submit(1).await;
    tokio::time::timeout(PATIENCE, overheard.recv())
        .await
        .expect("in time")
        .expect("a hint");
    assert!(wakeups.wait(PATIENCE).await);
    scene.store.close().await;
}

/// A trigger notifies of each job in its own transaction. Notifications arrive in the order of the
/// commits, so that what arrives shows which hint came after which job.
#[tokio::test]
async fn many_hints_become_few_and_the_last_change_is_always_followed_by_one() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let mark = "CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_notify('longshore', 'job ' || NEW.id); RETURN NULL; END $$;
                CREATE TRIGGER mark AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION mark()";
    client.batch_execute(mark).await.expect("a trigger");
    let mut overheard = overhear(&scene.database.url()).await;
    let began = Instant::now();
    for _ in 0..300 {
        scene.store.submit(&[job(50)]).await.expect("submit");
    }
    scene.store.close().await;
    let bound = usize::try_from(began.elapsed().as_millis() / 5 + 3).expect("not long");
    // Whatever was sent has been delivered once a marker of ours arrives behind it.
    client
        .batch_execute("NOTIFY longshore, 'marker'")
        .await
        .expect("notify");
    let (mut jobs, mut hints, mut since_the_last_job) = (0, 0, 0);
    loop {
        let heard = tokio::time::timeout(PATIENCE, overheard.recv())
            .await
            .expect("in time");
        match heard.expect("listening").as_str() {
            "marker" => break,
            job if job.starts_with("job ") => {
                jobs += 1;
                since_the_last_job = 0;
            }
            _ => {
                hints += 1;
                since_the_last_job += 1;
            }
        }
    }
    assert_eq!(jobs, 300);
    assert!(
        since_the_last_job > 0,
        "the last change is followed by a hint"
    );
    assert!(
        (2..=bound).contains(&hints),
        "{hints} hints: the first at once, and at most {bound} at 5 ms apart"
    );
}

#[tokio::test]
async fn closing_sends_what_is_still_to_be_sent() {
    let scene = scene(None).await;
    for _ in 0..10 {
        let mut overheard = overhear(&scene.database.url()).await;
        let store = scene.other().await;
        // The second falls within 5 ms of the first, as a rule, and follows it.
        store.submit(&[job(50)]).await.expect("submit");
        store.submit(&[job(50)]).await.expect("submit");
        store.close().await;
        let marker = scene.database.client().await;
        marker
            .batch_execute("NOTIFY longshore, 'marker'")
            .await
            .expect("notify");
        let mut hints = 0;
        while overheard.recv().await.expect("listening") != "marker" {
            hints += 1;
        }
        assert_eq!(
            hints, 2,
            "one at once and one that followed, before the store was closed"
        );
    }
}

#[tokio::test]
async fn sql_hints_when_its_transaction_commits() {
    let scene = scene(None).await;
    let mut overheard = overhear(&scene.database.url()).await;
    let client = scene.database.client().await;
    client.batch_execute("BEGIN").await.expect("begin");
    submit_by_sql(&client).await;
    submit_by_sql(&client).await;
    let other = scene.database.client().await;
    other
        .batch_execute("NOTIFY longshore, 'marker'")
        .await
        .expect("notify");
    let next = tokio::time::timeout(PATIENCE, overheard.recv())
        .await
        .expect("in time");
    assert_eq!(next.as_deref(), Some("marker"), "nothing before the commit");
    client
        .batch_execute("COMMIT; NOTIFY longshore, 'marker'")
        .await
        .expect("commit");
    assert_eq!(overheard.recv().await, Some(scene.queue.to_string()));
    assert_eq!(
        overheard.recv().await.as_deref(),
        Some("marker"),
        "one hint for both jobs"
    );
}

/// Ends the connection on which a store listens.
async fn end_listening(scene: &scene::Scene) {
    let client = scene.database.client().await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()
                 AND application_name = 'a listener'
                 AND (query ILIKE 'LISTEN%' OR query ILIKE '%pg_notify%' OR query ILIKE '%pg_backend_pid%')";
    assert!(
        !client
            .query(end, &[])
            .await
            .expect("a superuser")
            .is_empty(),
        "it listened"
    );
}

#[tokio::test]
async fn a_listener_that_lost_its_connection_looks_at_once_and_hears_again() {
    let scene = scene(None).await;
    let options = longshore_postgres::Options {
        application_name: "a listener".to_owned(),
        ..scene::by_hand()
    };
    let listener = PostgresStore::connect(&scene.database.url(), options)
        .await
        .expect("migrated");
    let mut wakeups = listener.wakeups();
    assert!(wakeups.wait(PATIENCE).await);
    drain(&mut *wakeups).await;
    end_listening(&scene).await;
    assert!(
        wakeups.wait(PATIENCE).await,
        "whatever was missed meanwhile: look"
    );
    drain(&mut *wakeups).await;
    scene.submit(1).await;
    assert!(wakeups.wait(PATIENCE).await, "and it hears again");
    listener.close().await;
}

#[tokio::test]
async fn a_closed_store_lets_its_listeners_wait_their_time_out() {
    let scene = scene(None).await;
    let mut wakeups = scene.store.wakeups();
    assert!(wakeups.wait(PATIENCE).await);
    drain(&mut *wakeups).await;
    scene.store.close().await;
    let nap = Duration::from_millis(100);
    let began = Instant::now();
    for _ in 0..3 {
        assert!(!wakeups.wait(nap).await);
    }
    assert!(began.elapsed() >= nap * 3, "no busy waiting");
}

#[tokio::test]
async fn a_connection_that_is_taken_and_never_answered_does_not_end_listening() {
    let scene = scene(None).await;
    let (proxy, through) = scene.proxy().await;
    let listener = PostgresStore::connect(&through, scene::by_hand()).await;
    let listener = listener.expect("migrated");
    let before = proxy.accepted();
    let both = [Direction::ToServer, Direction::ToClient];
    proxy.stall(&both, Which::All);
    let mut wakeups = listener.wakeups();
    while proxy.accepted() == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // That one hangs for ever; the next goes through.
    proxy.stall(&both, Which::Present);
    assert!(wakeups.wait(3 * PATIENCE).await, "it listens all the same");
    listener.close().await;
}
