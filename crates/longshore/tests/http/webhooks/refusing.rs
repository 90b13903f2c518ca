//! Where nothing is sent, and what is not told.

use longshore_core::access::Role;
use longshore_core::webhook::{DeliveryState, NewWebhook, SigningKey, Wanted};
use longshore_server::{Access, Options, Webhooks};
use reqwest::Method;
use serde_json::json;

use super::receiver::{Answer, Receiver};
use super::{any, create, in_vain, log, made, submit};
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_refused_unless_they_are_allowed() {
    let options = Options {
        webhooks: Webhooks::Public,
        ..any()
    };
    let scene = Scene::with(options).await;
    for url in [
        "http://127.0.0.1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::1]:8080/",
        "http://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "http://10.1.2.3/",
    ] {
        let got = create(&scene, json!({"name": "ci", "url": url})).await;
        assert_eq!(got.code(), "invalid", "{url}");
        let problem = got.json();
        assert_eq!(problem["field"], "url");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("no public address"), "{detail}");
    }
    // One that got in past the server, and a name that leads to such an address.
    let receiver = Receiver::open(Answer::Status(200)).await;
    let by_name = format!("http://localhost:{}/", receiver.address.port());
    for (name, url) in [("by-number", receiver.url()), ("by-name", by_name)] {
        let new = NewWebhook {
            name: name.to_owned(),
            url,
            wanted: Wanted {
                states: [longshore_core::State::Queued].into(),
                queue: None,
            },
            key: SigningKey("sixteen bytes and more".to_owned()),
        };
        let webhook = scene.store.create_webhook(&new).await.expect("a webhook");
        submit(&scene).await;
        let delivery = in_vain(&scene).await;
        assert_eq!(delivery.webhook, webhook.id);
        assert_eq!(
            (delivery.delivery, delivery.status),
            (DeliveryState::Waiting, None)
        );
        let problem = delivery.problem.expect("why");
        assert!(problem.contains("no public address"), "{name}: {problem}");
        scene
            .store
            .delete_webhook(webhook.id)
            .await
            .expect("it is known");
    }
    assert!(receiver.heard().is_empty(), "nothing reached it");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_receiver_points_to_nothing_is_sent() {
    let scene = Scene::with(any()).await;
    let other = Receiver::open(Answer::Status(200)).await;
    let receiver = Receiver::open(Answer::Redirect(other.url())).await;
    made(&scene, "ci", &receiver.url(), &["queued"]).await;
    submit(&scene).await;
    let delivery = in_vain(&scene).await;
    assert_eq!(delivery.status, Some(302));
    assert_eq!(
        delivery.problem.as_deref(),
        Some("the receiver answered 302")
    );
    assert!(other.heard().is_empty());
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_there_is_noted_without_its_address() {
    let scene = Scene::with(any()).await;
    let receiver = Receiver::open(Answer::Status(200)).await;
    let url = format!(
        "http://user:secret@{}/path-that-is-secret",
        receiver.address
    );
    drop(receiver);
    made(&scene, "ci", &url, &["queued"]).await;
    submit(&scene).await;
    let problem = in_vain(&scene).await.problem.expect("why");
    assert!(!problem.contains("secret"), "{problem}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_shown_once_and_a_disabled_webhook_is_told_nothing() {
    let scene = Scene::with(any()).await;
    let receiver = Receiver::open(Answer::Status(200)).await;
    let (webhook, key) = made(&scene, "ci", &receiver.url(), &["queued"]).await;
    assert!(key.starts_with("lshk_") && key.len() > 40, "{key}");
    let path = format!("/api/v1/webhooks/{}", webhook.id);
    let off = scene
        .request(Method::PATCH, &path)
        .json(&json!({"enabled": false}));
    let got = scene.send(off).await;
    assert_eq!(got.json()["enabled"], false);
    submit(&scene).await;
    longshore_core::store::note_all_changes(&*scene.store)
        .await
        .expect("noted");
    assert!(log(&scene).await.is_empty());
    for path in ["/api/v1/webhooks", "/api/v1/deliveries", "/api/v1/audit"] {
        let got = scene.send(scene.request(Method::GET, path)).await;
        let text = String::from_utf8_lossy(&got.body).into_owned();
        assert_eq!(got.status, 200, "{text}");
        assert!(!text.contains(&key), "{path}");
    }
    let audit = scene
        .send(scene.request(Method::GET, "/api/v1/audit"))
        .await
        .json();
    let lines = audit["entries"].as_array().expect("lines").iter();
    let subjects: Vec<_> = lines
        .filter(|line| line["action"] == "create_webhook")
        .map(|line| line["subject"].clone())
        .collect();
    assert_eq!(subjects, [format!("webhook {} ci", webhook.id)]);
    let gone = scene.request(Method::DELETE, &path).json(&json!({}));
    assert_eq!(scene.send(gone).await.status, 204);
    let gone = scene.request(Method::DELETE, &path).json(&json!({}));
    assert_eq!(scene.send(gone).await.code(), "unknown_webhook");
    assert!(receiver.heard().is_empty());
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_addresses_and_readers_only_what_became_of_deliveries() {
    let scene = Scene::with(Options {
        access: Access::Tokens,
        ..any()
    })
    .await;
    let (reader, operator) = (
        scene.token(Role::Reader).await,
        scene.token(Role::Operator).await,
    );
    let nothing = json!({});
    let ask = async |token: &str, path: &str| {
        let got = scene
            .ask(token, Method::GET, path, &serde_json::Value::Null)
            .await;
        got.status.as_u16()
    };
    assert_eq!(ask(&reader, "/api/v1/webhooks").await, 403);
    assert_eq!(ask(&reader, "/api/v1/deliveries").await, 200);
    assert_eq!(ask(&operator, "/api/v1/webhooks").await, 200);
    let got = scene
        .ask(&operator, Method::POST, "/api/v1/webhooks", &nothing)
        .await;
    assert_eq!(got.code(), "forbidden");
    scene.close().await;
}
