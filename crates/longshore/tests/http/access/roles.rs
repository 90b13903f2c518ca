//! Who may do what.

use std::collections::BTreeMap;

use longshore_core::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::Scene;

/// Every operation, and the least role that may do it.
const ROLES: [(&str, Role); 51] = [
    ("about", Role::Reader),
    ("who_am_i", Role::Reader),
    ("stats", Role::Reader),
    ("ended_by_minute", Role::Reader),
    ("list_jobs", Role::Reader),
    ("next_due", Role::Reader),
    ("show_job", Role::Reader),
    ("job_usage", Role::Reader),
    ("states", Role::Reader),
    ("read_output", Role::Reader),
    ("follow_output", Role::Reader),
    ("stdout", Role::Reader),
    ("stderr", Role::Reader),
    ("result", Role::Reader),
    ("list_changes", Role::Reader),
    ("follow_changes", Role::Reader),
    ("list_queues", Role::Reader),
    ("show_queue", Role::Reader),
    ("list_workers", Role::Reader),
    ("list_hosts", Role::Reader),
    ("show_host", Role::Reader),
    ("list_templates", Role::Reader),
    ("list_deliveries", Role::Reader),
    ("submit_job", Role::Submitter),
    ("submit_jobs", Role::Submitter),
    ("requeue_job", Role::Submitter),
    ("cancel_job", Role::Submitter),
    ("retry_job", Role::Submitter),
    ("hold_job", Role::Submitter),
    ("release_job", Role::Submitter),
    ("set_priority", Role::Submitter),
    ("bulk", Role::Operator),
    ("create_queue", Role::Operator),
    ("change_queue", Role::Operator),
    ("drain_worker", Role::Operator),
    ("change_host", Role::Operator),
    ("forget_host", Role::Operator),
    ("show_template", Role::Operator),
    ("save_template", Role::Operator),
    ("prune", Role::Operator),
    ("findings", Role::Operator),
    ("breaches", Role::Operator),
    ("list_webhooks", Role::Operator),
    ("send_again", Role::Operator),
    ("create_webhook", Role::Admin),
    ("switch_webhook", Role::Admin),
    ("delete_webhook", Role::Admin),
    ("list_tokens", Role::Admin),
    ("create_token", Role::Admin),
    ("revoke_token", Role::Admin),
    ("audit_log", Role::Admin),
];

/// Every operation of the description: its name, method and path.
fn operations() -> Vec<(String, Method, String)> {
    let document = serde_json::to_value(longshore_server::document()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("operations");
        item.iter().map(|(method, operation)| {
            let name = operation["operationId"]
                .as_str()
                .expect("a name")
                .to_owned();
            let method = method.to_uppercase().parse().expect("a method");
            (name, method, path.clone())
        })
    });
    operations.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_takes_its_role_and_those_above_and_no_other() {
    let needed: BTreeMap<&str, Role> = ROLES.into();
    let operations = operations();
    let names: Vec<&str> = operations.iter().map(|(name, ..)| name.as_str()).collect();
    for name in needed.keys() {
        assert!(names.contains(name), "{name} is no operation");
    }
    let scene = Scene::by_tokens().await;
    for role in Role::ALL {
        let token = scene.token(role).await;
        for (name, method, path) in &operations {
            let needed = needed.get(name.as_str());
            let needed = needed.unwrap_or_else(|| panic!("{name} has no role in this test"));
            let path = path.replace("{id}", "999999").replace("{name}", "nobodys");
            // Without that it would not end.
            let path = path.replace("/changes/events", "/changes/events?job=999999");
            let got = scene.ask(&token, method.clone(), &path, &Value::Null).await;
            let refused = got.status == 403;
            assert_eq!(refused, !role.may(*needed), "{role} {name}: {got:?}");
            assert_ne!(got.status, 401, "{role} {name}");
            assert!(!got.status.is_server_error(), "{role} {name}: {got:?}");
            let without = scene
                .send(scene.request(method.clone(), &path).json(&Value::Null))
                .await;
            assert_eq!(without.code(), "unauthenticated", "{name}");
        }
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_on_the_host_itself_takes_an_operator_even_on_loopback() {
    let scene = Scene::open().await;
    let here = json!({"command": ["true"]});
    let contained = json!({"image": "busybox"});
    assert_eq!(scene.post("/api/v1/jobs", &here).await.code(), "forbidden");
    let both = json!({"jobs": [contained, here]});
    assert_eq!(
        scene.post("/api/v1/jobs/batch", &both).await.code(),
        "forbidden"
    );
    assert_eq!(
        scene.store.newest_job().await.expect("a store"),
        None,
        "nothing was submitted"
    );
    assert_eq!(scene.post("/api/v1/jobs", &contained).await.status, 201);
    let operator = scene.token(Role::Operator).await;
    let got = scene
        .ask(&operator, Method::POST, "/api/v1/jobs", &here)
        .await;
    assert_eq!(got.status, 201);
    let path = format!("/api/v1/jobs/{}/requeue", got.json()["job"]);
    let again = scene.post(&path, &Value::Null).await;
    assert_eq!(
        again.code(),
        "forbidden",
        "nor by the way of a job that is there"
    );
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_the_environment_are_shown_to_an_operator_who_asks_and_to_nobody_else() {
    let scene = Scene::open().await;
    let job = json!({"image": "busybox", "env": {"PASSWORD": "hunter2", "TOKEN": "sesame"},
        "secret_env": ["TOKEN"]});
    assert_eq!(scene.post("/api/v1/jobs", &job).await.status, 201);
    for path in [
        "/api/v1/jobs/1",
        "/api/v1/jobs",
        "/api/v1/jobs?search=hunter2",
        "/api/v1/stats",
    ] {
        let got = scene.get(path).await;
        let text = String::from_utf8_lossy(&got.body).into_owned();
        assert!(
            !text.contains("hunter2") && !text.contains("sesame"),
            "{path}: {text}"
        );
    }
    let shown = scene.get("/api/v1/jobs/1").await.json();
    assert_eq!(shown["spec"]["env"]["PASSWORD"], "***");
    assert_eq!(shown["env_masked"], true);
    let asked = "/api/v1/jobs/1?show_env=true";
    assert_eq!(scene.get(asked).await.code(), "forbidden");
    let operator = scene.token(Role::Operator).await;
    let got = scene
        .ask(&operator, Method::GET, asked, &Value::Null)
        .await
        .json();
    assert_eq!(got["spec"]["env"]["PASSWORD"], "hunter2");
    assert_eq!(
        got["spec"]["env"]["TOKEN"], "***",
        "what is secret is shown to nobody"
    );
    assert_eq!(got["env_masked"], true);
    let again = scene
        .ask(
            &operator,
            Method::POST,
            "/api/v1/jobs/1/requeue",
            &json!({}),
        )
        .await;
    let again = longshore_core::JobId(again.json()["job"].as_i64().expect("an id"));
    let spec = scene.store.show_job(again).await.expect("a job").spec;
    assert_eq!(
        spec.env["TOKEN"].reveal(),
        "sesame",
        "who runs it again need not see it"
    );
    scene.close().await;
}
