//! Connections on which no answer comes any more, while others can be had: verbs that are given up take
//! theirs along, so that the next one is answered.

mod scene;

use std::time::Duration;

use longshore_core::JobSpec;
use longshore_core::store::{NewJob, Registry as _, Store as _, Submissions as _};
use longshore_postgres::{Options, PostgresStore};
use longshore_testkit::proxy::{Direction, Proxy, Which};
use scene::{Scene, job, scene};
use tokio::time::timeout;

/// Far longer than anything here takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a caller waits who gives up: the server would let him wait for longer than the test does.
const GIVES_UP: Duration = Duration::from_millis(300);
const BOTH: &[Direction] = &[Direction::ToServer, Direction::ToClient];

/// A store with one connection, through a proxy.
async fn behind_a_proxy(scene: &Scene, statement_timeout: Duration) -> (Proxy, PostgresStore) {
    let (proxy, through) = scene.proxy().await;
    let options = Options {
        pool_size: 1,
        statement_timeout,
        look_interval: None,
        ..Options::default()
    };
    let store = PostgresStore::connect(&through, options).await;
    (proxy, store.expect("the proxy lets through"))
}

/// A job whose submission takes a transaction of several statements.
fn keyed() -> NewJob {
    let spec = JobSpec {
        idempotency_key: Some("once".to_owned()),
        ..job(50).spec().clone()
    };
    spec.validate().expect("a valid job")
}

#[tokio::test]
async fn a_statement_that_is_given_up_takes_its_connection_along() {
    let scene = scene(None).await;
    let (proxy, store) = behind_a_proxy(&scene, 2 * PATIENCE).await;
    store.queues().await.expect("it answers");
    proxy.stall(BOTH, Which::Present);
    timeout(GIVES_UP, store.queues())
        .await
        .expect_err("nothing comes through");
    let answer = timeout(PATIENCE, store.queues()).await;
    answer
        .expect("over another connection")
        .expect("it answers");
    store.close().await;
}

#[tokio::test]
async fn a_transaction_that_is_given_up_takes_its_connection_along() {
    let scene = scene(None).await;
    let (proxy, store) = behind_a_proxy(&scene, 2 * PATIENCE).await;
    store.submit(&[job(50)]).await.expect("it answers");
    proxy.stall(BOTH, Which::Present);
    timeout(GIVES_UP, store.submit(&[keyed()]))
        .await
        .expect_err("nothing comes through");
    let answer = timeout(PATIENCE, store.submit(&[keyed()])).await;
    let submitted = answer
        .expect("over another connection")
        .expect("it answers");
    assert!(submitted[0].is_new, "the first was never heard of");
    store.close().await;
}

#[tokio::test]
async fn a_transaction_without_an_answer_is_not_waited_for_for_ever() {
    let scene = scene(None).await;
    let (proxy, store) = behind_a_proxy(&scene, Duration::from_secs(1)).await;
    store.submit(&[job(50)]).await.expect("it answers");
    proxy.stall(BOTH, Which::Present);
    let answer = timeout(4 * PATIENCE, store.submit(&[keyed()])).await;
    let error = answer.expect("in time").expect_err("nobody answered");
    assert!(error.is_unavailable(), "{error:?}");
    let answer = store.submit(&[keyed()]).await;
    answer.expect("over another connection");
    store.close().await;
}
