//! `/metrics` of a server: who may see it, and what it costs the database.

use longshore_core::access::Role;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, ORIGIN};
use serde_json::json;

use crate::scene::{Got, Scene};

fn text(got: &Got) -> &str {
    std::str::from_utf8(&got.body).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_takes_the_role_of_a_reader_and_probes_take_none() {
    let scene = Scene::by_tokens().await;
    let refused = scene.get("/metrics").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (401, "unauthenticated".to_owned())
    );
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(scene.get(probe).await.status, 200, "{probe}");
    }
    let token = scene.token(Role::Reader).await;
    let got = scene
        .ask(&token, Method::GET, "/metrics", &json!(null))
        .await;
    assert_eq!(got.status, 200);
    assert_eq!(
        got.headers[CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(
        text(&got).contains("\nlongshore_database_up 1\n"),
        "{}",
        text(&got)
    );
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_sees_no_metrics() {
    let scene = Scene::open().await;
    assert_eq!(scene.get("/metrics").await.status, 200);
    let request = scene.request(Method::GET, "/metrics");
    let got = scene
        .send(request.header(ORIGIN, "http://elsewhere.example"))
        .await;
    assert_eq!(got.code(), "bad_origin");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_of_a_closed_store_answers_that_the_database_is_away() {
    let scene = Scene::open().await;
    scene.store.close().await;
    let got = scene.get("/metrics").await;
    assert_eq!(got.status, 200);
    assert!(
        text(&got).contains("\nlongshore_database_up 0\n"),
        "{}",
        text(&got)
    );
    assert!(
        !text(&got).contains("longshore_queue_depth"),
        "nothing is made up"
    );
    scene.close().await;
}
