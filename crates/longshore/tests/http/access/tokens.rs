//! By which tokens.

use std::time::Duration;

use longshore_core::access::Role;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::scene::Scene;

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
