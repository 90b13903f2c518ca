//! Who may do what, and from where.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_core::access::Role;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use serde_json::{Value, json};

use crate::scene::Scene;

/// Every operation, and the least role that may do it.
const ROLES: [(&str, Role); 42] = [
    ("about", Role::Reader),
    ("who_am_i", Role::Reader),
    ("stats", Role::Reader),
    ("list_jobs", Role::Reader),
    ("show_job", Role::Reader),
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
async fn requests_of_other_sites_and_under_other_names_are_refused_even_on_loopback() {
    let scene = Scene::open().await;
    let path = "/api/v1/jobs";
    let host = scene.served.address;
    let job = json!({"image": "busybox"});
    let post = || scene.request(Method::POST, path).json(&job);
    for (header, value) in [
        (HOST, "evil.example".to_owned()),
        (HOST, format!("evil.example:{}", host.port())),
        (HOST, "localhost.evil.example".to_owned()),
        (ORIGIN, "http://evil.example".to_owned()),
        (ORIGIN, "null".to_owned()),
        (
            ORIGIN,
            format!("http://127.0.0.1:{}", host.port().wrapping_add(1)),
        ),
    ] {
        let got = scene.send(post().header(&header, &value)).await;
        assert_eq!(got.code(), "bad_origin", "{header}: {value}");
        let got = scene
            .send(scene.request(Method::GET, path).header(&header, &value))
            .await;
        assert_eq!(got.code(), "bad_origin", "{header}: {value}");
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let body = scene.request(Method::POST, path).body(job.to_string());
        let got = scene.send(body.header(CONTENT_TYPE, kind)).await;
        assert_eq!(got.code(), "unsupported_media_type", "{kind}");
    }
    let bare = scene
        .send(scene.request(Method::POST, "/api/v1/jobs/1/cancel"))
        .await;
    assert_eq!(bare.code(), "unsupported_media_type");
    assert_eq!(
        scene.store.newest_job().await.expect("a store"),
        None,
        "nothing was submitted"
    );
    let own = scene
        .send(post().header(ORIGIN, format!("http://{host}")))
        .await;
    assert_eq!(own.status, 201, "its own page may");
    let named = scene.send(post().header(HOST, "LocalHost:1")).await;
    assert_eq!(
        named.status, 201,
        "by any port, for a proxy may stand before it"
    );
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_wrong_revoked_or_expired_opens_nothing() {
    let scene = Scene::by_tokens().await;
    let good = scene.token(Role::Reader).await;
    let revoked = scene.token(Role::Submitter).await;
    let (id, _) = longshore_server::Secret::read(&revoked).expect("a token");
    scene.store.revoke_token(id).await.expect("a token");
    let expired = scene
        .token_for(Role::Operator, Some(Duration::from_micros(1)))
        .await;
    let (of_good, _) = longshore_server::Secret::read(&good).expect("a token");
    let other = longshore_server::Secret::draw().token(of_good);
    let unknown = longshore_server::Secret::draw().token(longshore_core::access::ApiTokenId(999));
    let empty = Value::Null;
    for token in [
        &revoked,
        &expired,
        &other,
        &unknown,
        "lsh_1_x",
        "",
        "lsh_1_\u{fc}",
    ] {
        let request = scene.request(Method::GET, "/api/v1/jobs");
        let shown = reqwest::header::HeaderValue::from_bytes(format!("Bearer {token}").as_bytes());
        let got = scene
            .send(request.header(AUTHORIZATION, shown.expect("a header")))
            .await;
        assert_eq!(got.code(), "unauthenticated", "{token:?}");
        assert!(got.headers.contains_key("www-authenticate"));
    }
    let got = scene
        .ask(&good, Method::GET, "/api/v1/whoami", &empty)
        .await;
    assert_eq!(
        got.json(),
        json!({"name": "reader", "role": "reader", "token": 1})
    );
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_over_http_for_as_long_as_is_said_in_whatever_words() {
    let scene = Scene::by_tokens().await;
    let admin = scene.token(Role::Admin).await;
    let make = |name: &'static str, lifetime: Value| {
        let body = json!({"name": name, "role": "reader", "lifetime": lifetime});
        let (scene, admin) = (&scene, &admin);
        async move {
            scene
                .ask(admin, Method::POST, "/api/v1/tokens", &body)
                .await
        }
    };
    for (name, lifetime, expires) in [
        ("a", json!("90d"), true),
        ("b", json!(3600.5), true),
        ("c", json!("none"), false),
        ("d", Value::Null, false),
    ] {
        let token = make(name, lifetime.clone()).await;
        assert_eq!(token.status, 201, "{lifetime}: {token:?}");
        let token = token.json();
        assert_eq!(
            !token["expires_at"].is_null(),
            expires,
            "{lifetime}: {token}"
        );
        let secret = token["secret"].as_str().expect("a secret");
        let who = scene
            .ask(secret, Method::GET, "/api/v1/whoami", &Value::Null)
            .await;
        assert_eq!(who.json()["name"], name);
    }
    for lifetime in [json!(0), json!("soon"), json!("100y"), json!(-1)] {
        let refused = make("e", lifetime.clone()).await;
        assert_eq!(refused.code(), "invalid", "{lifetime}");
        assert_eq!(refused.json()["field"], "lifetime", "{lifetime}");
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_wrong_too_often_waits_and_a_good_token_from_there_does_not() {
    let options = longshore_server::Options {
        access: longshore_server::Access::Tokens,
        failures_per_minute: 3,
        ..longshore_server::Options::loopback()
    };
    let scene = Scene::with(options).await;
    let good = scene.token(Role::Reader).await;
    let wrong = longshore_server::Secret::draw().token(longshore_core::access::ApiTokenId(1));
    let mut codes = Vec::new();
    for _ in 0..5 {
        let got = scene
            .ask(&wrong, Method::GET, "/api/v1/jobs", &Value::Null)
            .await;
        codes.push(got.code());
    }
    // One comes back every 20 s, so that a slow machine may see it.
    assert_eq!(codes[..3], ["unauthenticated"; 3]);
    assert!(
        codes[3..].iter().any(|code| code == "too_many_failures"),
        "{codes:?}"
    );
    let got = scene
        .ask(&good, Method::GET, "/api/v1/jobs", &Value::Null)
        .await;
    assert_eq!(got.status, 200);
    scene.close().await;
}

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
