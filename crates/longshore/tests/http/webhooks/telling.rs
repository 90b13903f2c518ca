//! What receivers hear.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longshore::postgres::testing::TestDatabase;
use longshore_core::JobId;
use longshore_core::store::Store;
use longshore_core::webhook::DeliveryState;
use longshore_queue::Retrying;
use reqwest::Method;
use serde_json::json;
use tokio::time::timeout;

use super::receiver::{Answer, Receiver};
use super::{SOON, any, delivered, in_vain, log, made, submit};
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_hears_what_it_wants_to_with_the_job_and_a_signature() {
    let scene = Scene::with(any()).await;
    let receiver = Receiver::open(Answer::Status(204)).await;
    let (webhook, key) = made(&scene, "ci", &receiver.url(), &["cancelled"]).await;
    let job = submit(&scene).await;
    scene
        .store
        .request_cancel(JobId(job))
        .await
        .expect("cancelled");
    let heard = receiver.hears(1).await.remove(0);
    let body = heard.json();
    let delivery = delivered(&scene).await;
    assert_eq!((delivery.webhook, delivery.status), (webhook.id, Some(204)));
    assert_eq!(body["delivery"], delivery.id.0);
    assert_eq!(body["event"], "job.cancelled");
    assert_eq!(body["state"], "cancelled");
    assert_eq!(body["job_id"], job);
    assert_eq!(body["at"], json!(delivery.at));
    assert_eq!(body["job"]["id"], job);
    assert_eq!(body["job"]["command"], json!(["true"]));
    assert_eq!(heard.header("content-type"), "application/json");
    assert_eq!(heard.header("longshore-delivery"), delivery.id.to_string());
    assert_eq!(heard.header("longshore-try"), "1");
    assert!(heard.header("user-agent").starts_with("longshore/"));
    // As the documentation says that receivers check it.
    let signature = heard.header("longshore-signature");
    assert!(check(&key, signature, &heard.body), "{signature}");
    assert!(!check(&key, signature, b"{}"), "of another body");
    assert!(
        !check("lshk_other", signature, &heard.body),
        "by another key"
    );
    let old = signature.replacen("t=", "t=1", 1);
    assert!(!check(&key, &old, &heard.body), "of another time");
    // It wanted to hear of nothing else.
    assert_eq!(log(&scene).await.len(), 1);
    scene.close().await;
}

/// What a receiver says of a delivery, by the code that `docs/webhooks.md` shows.
fn check(key: &str, signature: &str, body: &[u8]) -> bool {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    const PAGE: &str = include_str!("../../../../../docs/webhooks.md");
    let (_, code) = PAGE.split_once("```python\n").expect("it shows how");
    let (code, _) = code.split_once("```").expect("the code ends");
    let program = format!(
        "{code}\nimport sys\nprint(is_longshores({key:?}, {signature:?}, sys.stdin.buffer.read()))"
    );
    let mut python = Command::new("python3")
        .args(["-c", &program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python is there");
    let mut stdin = python.stdin.take().expect("a pipe");
    stdin.write_all(body).expect("it reads");
    drop(stdin);
    let said = python.wait_with_output().expect("it ends");
    match String::from_utf8_lossy(&said.stdout).trim() {
        "True" => true,
        "False" => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_does_not_take_is_noted_and_sent_again() {
    let scene = Scene::with(any()).await;
    let receiver = Receiver::open(Answer::Status(503)).await;
    let (webhook, _) = made(&scene, "ci", &receiver.url(), &["queued"]).await;
    submit(&scene).await;
    let delivery = in_vain(&scene).await;
    assert_eq!(delivery.delivery, DeliveryState::Waiting);
    assert_eq!(delivery.status, Some(503));
    let problem = delivery.problem.clone().expect("why");
    assert_eq!(problem, "the receiver answered 503");
    // From ten seconds on, with some chance, and more each time.
    let noted = scene.store.now().await.expect("now");
    let next_at = delivery.next_at.expect("it is sent again");
    assert!(next_at <= noted + Duration::from_secs(30), "{next_at}");
    receiver.answer_from_now_on(Answer::Status(200));
    let path = format!("/api/v1/deliveries/{}/send", delivery.id);
    let got = scene
        .send(scene.request(Method::POST, &path).json(&json!({})))
        .await;
    assert_eq!(got.status, 200, "{got:?}");
    let heard = receiver.hears(2).await;
    assert_eq!(heard[0].json(), heard[1].json(), "the same is told");
    assert_eq!(heard[1].header("longshore-try"), "2");
    assert_eq!(delivered(&scene).await.tries, 2);
    // And the log by HTTP, which knows no address and no key.
    let path = format!("/api/v1/deliveries?webhook={}&limit=5", webhook.id);
    let got = scene.send(scene.request(Method::GET, &path)).await.json();
    assert_eq!(got["deliveries"][0]["delivery"], "delivered");
    assert_eq!(got["deliveries"][0]["tries"], 2);
    assert!(!got.to_string().contains("127.0.0.1"), "{got}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_holds_up_no_other() {
    const JOBS: usize = 20;
    let scene = Scene::with(any()).await;
    let slow = Receiver::open(Answer::Never).await;
    let quick = Receiver::open(Answer::Status(200)).await;
    made(&scene, "slow", &slow.url(), &["queued"]).await;
    made(&scene, "quick", &quick.url(), &["queued"]).await;
    for _ in 0..JOBS {
        submit(&scene).await;
    }
    // The slow one is given ten seconds for each answer.
    let heard = timeout(Duration::from_secs(9), quick.hears(JOBS)).await;
    heard.expect("the quick one hears all meanwhile");
    assert!(slow.heard().len() < JOBS, "{}", slow.heard().len());
    scene.close().await;
}

/// Two servers before one database, and receivers hear of each change once.
async fn each_hears_once(store: Arc<dyn Store>) {
    const JOBS: usize = 60;
    let servers = [
        Scene::before(Arc::clone(&store), any()).await,
        Scene::before(Arc::clone(&store), any()).await,
    ];
    let receiver = Receiver::open(Answer::Status(200)).await;
    made(&servers[0], "ci", &receiver.url(), &["queued"]).await;
    let mut jobs = Vec::new();
    for at in 0..JOBS {
        jobs.push(submit(&servers[at % 2]).await);
    }
    receiver.hears(JOBS).await;
    // A second delivery of the same would be in the log, or on its way: nothing is left to be sent.
    longshore_testkit::wait::eventually("all are delivered", async || {
        let log = log(&servers[1]).await;
        let is_done = log.iter().all(|d| d.delivery == DeliveryState::Delivered);
        (is_done && log.len() == JOBS).then_some(())
    })
    .await;
    let mut heard: BTreeMap<i64, usize> = BTreeMap::new();
    for delivery in receiver.heard() {
        let job = delivery.json()["job_id"].as_i64().expect("a job");
        *heard.entry(job).or_default() += 1;
    }
    let expected = jobs.into_iter().map(|job| (job, 1)).collect();
    assert_eq!(heard, expected);
    for server in servers {
        server.served.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_before_a_file_tell_each_change_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("longshore.db");
    let store = longshore_sqlite::SqliteStore::open(path, longshore_sqlite::Options::default());
    let store: Arc<dyn Store> = Arc::new(store.await.expect("a temporary file opens"));
    each_hears_once(Arc::clone(&store)).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_before_postgresql_tell_each_change_once() {
    let database = TestDatabase::create().await;
    let store: Arc<dyn Store> = Arc::new(database.store().await.expect("it connects"));
    let store: Arc<dyn Store> = Arc::new(Retrying::new(store));
    each_hears_once(Arc::clone(&store)).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_leaves_what_it_was_sending_to_the_next() {
    let scene = Scene::with(any()).await;
    let receiver = Receiver::open(Answer::Status(200)).await;
    made(&scene, "ci", &receiver.url(), &["queued"]).await;
    scene.served.stop().await;
    // Nobody is there while this happens.
    let store = &scene.store;
    let new = longshore_testkit::store::seed::Seed::job().build_in("default");
    store.submit(&[new]).await.expect("a job");
    let next = Scene::before(Arc::clone(store), any()).await;
    let heard = timeout(SOON, receiver.hears(1)).await;
    assert_eq!(heard.expect("it is told")[0].json()["event"], "job.queued");
    next.served.stop().await;
    scene.close().await;
}
