//! Queues, workers and hosts are changed.

use std::time::Duration;

use longshore_core::JobSpec;
use longshore_core::access::Role;
use longshore_core::host::{HostChange, HostFacts};
use longshore_core::limit::Limit;
use longshore_core::queue::{OnHostLost, QueueChange};
use longshore_testkit::store::scene::Scene as Work;

use super::{hidden, led_to};
use crate::scene::{Same, Scene};
use crate::visiting::{Browser, html, logged_in, seal};

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_made_changed_paused_and_resumed() {
    let scene = Scene::by_tokens().await;
    let mut browser = logged_in(&scene, Role::Operator).await;
    let got = browser.get("/queues").await;
    let sealed = seal(html(&got));
    let new = [
        ("seal", &*sealed),
        ("name", "reports"),
        ("executor", "docker"),
        ("max_concurrent", "3"),
    ];
    let got = browser.form("/queues", &new).await;
    assert_eq!(led_to(&got), "/queues/reports");
    let got = browser.form("/queues", &new).await;
    assert_eq!(got.status, 409, "it is there");
    html(&got);
    let queue = async || scene.store.queue("reports").await.expect("a queue");
    assert_eq!(queue().await.max_concurrent, Some(Limit(3)));

    let change = [
        ("seal", &*sealed),
        ("max_concurrent", ""),
        ("ageing", "1h"),
        ("on_host_lost", "retry"),
    ];
    let got = browser.form("/queues/reports", &change).await;
    assert_eq!(led_to(&got), "/queues/reports");
    let changed = queue().await;
    assert_eq!(changed.max_concurrent, None);
    assert_eq!(changed.ageing, Some(Duration::from_hours(1)));
    assert_eq!(changed.on_host_lost, OnHostLost::Retry);
    let page = browser.get("/queues/reports").await;
    assert!(html(&page).contains("value=\"1h\""), "{page:?}");
    for (button, paused) in [("pause", true), ("resume", false)] {
        let path = format!("/queues/reports/{button}");
        let got = browser.form(&path, &[("seal", &sealed)]).await;
        assert_eq!(led_to(&got), "/queues/reports");
        assert_eq!(queue().await.paused, paused);
    }
    // What the page says, sent back as it is, changes nothing.
    let length = Duration::from_millis(91_800_500);
    let precise = QueueChange {
        ageing: Some(Some(length)),
        ..QueueChange::default()
    };
    let precise = scene.store.change_queue("reports", &precise).await;
    let shown = browser.get("/queues/reports").await;
    let typed = hidden(html(&shown), "ageing");
    let same = [
        ("seal", &*sealed),
        ("max_concurrent", ""),
        ("ageing", &*typed),
        ("on_host_lost", "retry"),
    ];
    browser.form("/queues/reports", &same).await;
    assert_eq!(queue().await.ageing, precise.expect("changed").ageing);
    browser.form("/queues/reports", &change).await;
    let wrong = [
        ("seal", &*sealed),
        ("max_concurrent", "many"),
        ("ageing", ""),
        ("on_host_lost", "wait"),
    ];
    let got = browser.form("/queues/reports", &wrong).await;
    assert_eq!(got.status, 422);
    assert!(html(&got).contains("must be a whole number"));
    assert_eq!(
        queue().await.ageing,
        Some(Duration::from_hours(1)),
        "as it was"
    );
    assert_eq!(browser.get("/queues/nowhere").await.status, 404);

    let mut submitter = logged_in(&scene, Role::Submitter).await;
    let got = submitter.get("/queues/reports").await;
    assert!(!html(&got).contains("/queues/reports/pause"), "no buttons");
    let own = seal(html(&got));
    let got = submitter
        .form("/queues/reports/pause", &[("seal", &own)])
        .await;
    assert_eq!(got.status, 403);
    assert!(!queue().await.paused);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_drained_and_hosts_get_room_and_rest_and_are_forgotten() {
    let scene = Scene::by_tokens().await;
    let work = Work::open(&Same::of(&scene)).await;
    let host = scene
        .store
        .register_host(&HostFacts {
            executor: "docker".to_owned(),
            identity: "engine".to_owned(),
            boot_id: "boot".to_owned(),
            name: "harbour".to_owned(),
        })
        .await
        .expect("a host");
    let mut browser = logged_in(&scene, Role::Operator).await;
    let worker = work.worker;
    let path = format!("/workers/{worker}/drain");
    let asked = browser.get(&path).await;
    let sealed = seal(html(&asked));
    assert!(html(&asked).contains("Drain it"));
    assert_eq!(
        led_to(&browser.form(&path, &[("seal", &sealed)]).await),
        "/workers"
    );
    let workers = scene.store.workers(false).await.expect("workers");
    assert!(workers.iter().all(|worker| worker.draining));

    let page = format!("/hosts/{host}");
    let got = browser.get(&page).await;
    assert!(html(&got).contains("harbour"));
    let room = [
        ("seal", &*sealed),
        ("slots", "4"),
        ("memory", "8g"),
        ("cpus", "7.5"),
        ("weight", "3"),
    ];
    assert_eq!(led_to(&browser.form(&page, &room).await), page);
    let found = async || {
        let hosts = scene.store.hosts().await.expect("hosts");
        hosts
            .into_iter()
            .find(|found| found.id == host)
            .expect("it")
    };
    let changed = found().await;
    assert_eq!(changed.capacity.slots, Some(4));
    assert_eq!(changed.capacity.memory_bytes, Some(8 << 30));
    assert_eq!(changed.capacity.millicpus, Some(7500));
    assert_eq!(changed.weight, 3);
    let shown = browser.get(&page).await;
    assert!(html(&shown).contains("value=\"7.5\""), "{shown:?}");
    // What the page says, sent back as it is, changes nothing.
    let precise = HostChange {
        memory_bytes: Some(Some(1_234_567_890)),
        millicpus: Some(Some(2007)),
        ..HostChange::default()
    };
    let precise = scene.store.change_host(host, &precise).await;
    let shown = browser.get(&page).await;
    let typed = |name| hidden(html(&shown), name);
    let (memory, cpus) = (typed("memory"), typed("cpus"));
    let same = [
        ("seal", &*sealed),
        ("slots", "4"),
        ("memory", &*memory),
        ("cpus", &*cpus),
        ("weight", "3"),
    ];
    browser.form(&page, &same).await;
    let changed = found().await;
    assert_eq!(changed.capacity, precise.expect("changed").capacity);
    let wrong = [
        ("seal", &*sealed),
        ("slots", "some"),
        ("memory", ""),
        ("cpus", ""),
        ("weight", "3"),
    ];
    assert_eq!(browser.form(&page, &wrong).await.status, 422);
    assert_eq!(found().await.capacity, changed.capacity, "as it was");
    for (button, enabled) in [("disable", false), ("enable", true)] {
        let got = browser
            .form(&format!("{page}/{button}"), &[("seal", &sealed)])
            .await;
        assert_eq!(led_to(&got), page);
        assert_eq!(found().await.enabled, enabled);
    }
    let forget = format!("{page}/forget");
    assert!(
        !html(&browser.get(&page).await).contains(&forget),
        "it is well"
    );
    scene
        .store
        .note_host_problem(host, "connection refused")
        .await
        .expect("noted");
    assert!(html(&browser.get(&page).await).contains(&forget));
    let asked = browser.get(&forget).await;
    assert!(html(&asked).contains("gone for good"));
    assert_eq!(found().await.forgotten_at, None);
    assert_eq!(
        led_to(&browser.form(&forget, &[("seal", &sealed)]).await),
        page
    );
    assert!(found().await.forgotten_at.is_some());

    let mut stranger = Browser::new(&scene);
    let got = stranger.form(&forget, &[("seal", &sealed)]).await;
    assert_eq!(led_to(&got), format!("/login?next={forget}"));
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_is_given_another_priority() {
    let scene = Scene::by_tokens().await;
    let spec = JobSpec::process(["true"]).validate().expect("a valid spec");
    let submitted = scene.store.submit(&[spec]).await.expect("submit");
    let job = submitted[0].job;
    let mut browser = logged_in(&scene, Role::Submitter).await;
    let page = format!("/jobs/{job}");
    let got = browser.get(&page).await;
    let sealed = seal(html(&got));
    let path = format!("{page}/priority");
    for (typed, problem) in [
        ("101", "0 to 100"),
        ("soon", "must be a number from 0 to 100"),
        ("", "must be a number from 0 to 100"),
    ] {
        let wrong = [("seal", &*sealed), ("priority", typed)];
        let got = browser.form(&path, &wrong).await;
        assert_eq!(got.status, 422, "{got:?}");
        assert!(html(&got).contains(problem), "{got:?}");
    }
    let got = browser
        .form(&path, &[("seal", &*sealed), ("priority", "80")])
        .await;
    assert_eq!(led_to(&got), page);
    let shown = scene.store.show_job(job).await.expect("a job");
    assert_eq!(shown.summary.priority.get(), 80);
    let unsealed = browser
        .form(&path, &[("seal", "x"), ("priority", "20")])
        .await;
    assert_eq!(unsealed.status, 403, "{unsealed:?}");
}
