//! Who did what, and what was refused.

use longshore_core::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_says_who_did_what_and_what_was_refused() {
    let scene = Scene::open().await;
    let admin = scene.token(Role::Admin).await;
    let reader = scene.token(Role::Reader).await;
    let job = json!({"image": "busybox"});
    assert_eq!(scene.post("/api/v1/jobs", &job).await.status, 201);
    let refused = scene
        .ask(&reader, Method::POST, "/api/v1/jobs/1/cancel", &Value::Null)
        .await;
    assert_eq!(refused.status, 403);
    let paused = json!({"paused": true});
    let changed = scene.ask(&admin, Method::PATCH, "/api/v1/queues/default", &paused);
    assert_eq!(changed.await.status, 200);
    let unknown = scene
        .ask(&admin, Method::POST, "/api/v1/jobs/77/cancel", &Value::Null)
        .await;
    assert_eq!(unknown.code(), "unknown_job");
    let asked = scene
        .post("/api/v1/jobs/states", &json!({"jobs": [1]}))
        .await;
    assert_eq!(
        asked.status, 200,
        "a question is no act, and leaves no line"
    );
    let log = scene
        .ask(&admin, Method::GET, "/api/v1/audit", &Value::Null)
        .await
        .json();
    let entries = log["entries"].as_array().expect("lines");
    let lines: Vec<(&str, &str, &str, u64)> = entries
        .iter()
        .map(|entry| {
            let text = |field: &str| entry[field].as_str().expect("a text");
            let status = entry["status"].as_u64().expect("a status");
            (text("who"), text("action"), text("subject"), status)
        })
        .collect();
    let expected = [
        ("admin", "cancel_job", "jobs 77", 404),
        ("admin", "change_queue", "queues default", 200),
        ("reader", "cancel_job", "jobs 1", 403),
        ("anonymous", "submit_job", "job 1", 201),
    ];
    assert_eq!(lines, expected);
    assert_eq!(entries[0]["address"], "127.0.0.1");
    let page = scene
        .ask(&admin, Method::GET, "/api/v1/audit?limit=2", &Value::Null)
        .await
        .json();
    let next = format!("/api/v1/audit?limit=2&before={}", page["next"]);
    let rest = scene
        .ask(&admin, Method::GET, &next, &Value::Null)
        .await
        .json();
    assert_eq!(rest["entries"][1]["action"], "submit_job");
    scene.close().await;
}
