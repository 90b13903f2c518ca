//! Webhooks: a server tells real receivers of changes.

mod pages;
mod receiver;
mod refusing;
mod telling;

use std::time::Duration;

use longshore_core::store::Delivery;
use longshore_core::webhook::{DeliveryState, Webhook};
use longshore_server::{Options, Webhooks};
use longshore_testkit::wait::eventually;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Got, Scene};

/// A server that may tell any address.
fn any() -> Options {
    Options {
        access: longshore_server::Access::Open(longshore_core::access::Role::Admin),
        webhooks: Webhooks::Any,
        ..Options::loopback()
    }
}

async fn create(scene: &Scene, body: Value) -> Got {
    let request = scene.request(Method::POST, "/api/v1/webhooks").json(&body);
    scene.send(request).await
}

/// A webhook at this address that wants to hear of these states; and its key.
async fn made(scene: &Scene, name: &str, url: &str, states: &[&str]) -> (Webhook, String) {
    let body = json!({"name": name, "url": url, "states": states});
    let got = create(scene, body).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let mut made = got.json();
    let key = made["key"].take();
    let key = key.as_str().expect("its key").to_owned();
    (serde_json::from_value(made).expect("a webhook"), key)
}

async fn submit(scene: &Scene) -> i64 {
    let body = json!({"command": ["true"]});
    let request = scene.request(Method::POST, "/api/v1/jobs").json(&body);
    let got = scene.send(request).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    got.json()["job"].as_i64().expect("its number")
}

/// The log, newest first.
async fn log(scene: &Scene) -> Vec<Delivery> {
    let found = scene.store.deliveries(None, None, None, 1000).await;
    found.expect("deliveries")
}

/// Waits until it is noted that the newest delivery was delivered.
async fn delivered(scene: &Scene) -> Delivery {
    eventually("it is delivered", async || {
        let newest = log(scene).await.into_iter().next()?;
        (newest.delivery == DeliveryState::Delivered).then_some(newest)
    })
    .await
}

/// Waits until it is noted that a try of the newest delivery was in vain.
async fn in_vain(scene: &Scene) -> Delivery {
    eventually("a try is noted", async || {
        let newest = log(scene).await.into_iter().next()?;
        newest.problem.is_some().then_some(newest)
    })
    .await
}

/// Longer than any receiver here takes to hear of something.
const SOON: Duration = Duration::from_secs(20);
