//! Webhooks on the dashboard.

use longshore_core::State;
use longshore_core::access::Role;
use longshore_core::webhook::{DeliveryState, NewWebhook, SigningKey, Wanted};
use longshore_server::{Access, Options, Webhooks};
use longshore_testkit::store::seed::Seed;
use reqwest::StatusCode;
use reqwest::header::LOCATION;

use super::log;
use crate::scene::Scene;
use crate::visiting::{html, logged_in, seal};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_the_log_for_readers_and_addresses_and_buttons_for_whom_they_are() {
    let scene = Scene::with(Options {
        access: Access::Tokens,
        webhooks: Webhooks::None,
        ..Options::loopback()
    })
    .await;
    let store = &scene.store;
    let new = NewWebhook {
        name: "ci".to_owned(),
        url: "https://ci.example/secret-path".to_owned(),
        wanted: Wanted {
            states: [State::Queued].into(),
            queue: None,
        },
        key: SigningKey("the-key-that-nobody-guesses".to_owned()),
    };
    let webhook = store.create_webhook(&new).await.expect("a webhook");
    let job = Seed::job().build_in("default");
    let job = store.submit(&[job]).await.expect("a job")[0].job;
    longshore_core::store::note_all_changes(&**store)
        .await
        .expect("noted");
    let delivery = log(&scene).await.remove(0);

    let mut reader = logged_in(&scene, Role::Reader).await;
    let seen = reader.get("/webhooks").await;
    let seen = html(&seen);
    assert!(seen.contains(&format!("id=\"delivery-{}\"", delivery.id)));
    assert!(seen.contains("waiting") && seen.contains("ci"));
    for hidden in ["secret-path", "the-key", "Send again", "Disable"] {
        assert!(!seen.contains(hidden), "{hidden}");
    }
    // The page of the job leads there.
    let of_job = reader.get(&format!("/jobs/{job}")).await;
    assert!(html(&of_job).contains(&format!("/webhooks?job={job}")));
    let other = reader.get("/webhooks?job=99").await;
    assert!(html(&other).contains("There is no delivery here"));

    let mut operator = logged_in(&scene, Role::Operator).await;
    let seen = operator.get("/webhooks").await;
    let sealed = seal(html(&seen));
    assert!(html(&seen).contains("secret-path") && !html(&seen).contains("the-key"));
    assert!(!html(&seen).contains("Disable"));
    let path = format!("/webhooks/{}/disable", webhook.id);
    let refused = operator.form(&path, &[("seal", &sealed)]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let due = store
        .take_deliveries(1, &[], std::time::Duration::from_hours(1))
        .await;
    assert_eq!(due.expect("a look").len(), 1);
    let path = format!("/webhooks/deliveries/{}/send", delivery.id);
    let sent = operator.form(&path, &[("seal", &sealed)]).await;
    assert_eq!(
        sent.headers[LOCATION],
        format!("/webhooks?webhook={}", webhook.id)
    );
    let again = log(&scene).await.remove(0);
    assert_eq!(again.delivery, DeliveryState::Waiting);
    let now = store.now().await.expect("now");
    assert!(again.next_at.is_some_and(|at| at <= now), "due now");

    let mut admin = logged_in(&scene, Role::Admin).await;
    let seen = admin.get("/webhooks").await;
    let sealed = seal(html(&seen));
    for (action, enabled) in [("disable", false), ("enable", true)] {
        let path = format!("/webhooks/{}/{action}", webhook.id);
        let done = admin.form(&path, &[("seal", &sealed)]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
        let webhooks = store.webhooks().await.expect("webhooks");
        assert_eq!(webhooks[0].enabled, enabled);
    }
    let unsealed = admin.form(&path, &[("seal", "guessed")]).await;
    assert!(unsealed.status.is_client_error(), "{unsealed:?}");
    scene.close().await;
}
