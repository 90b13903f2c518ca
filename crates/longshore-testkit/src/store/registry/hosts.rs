//! Machines and engines, and the database itself.

use std::sync::Arc;

use longshore_core::host::HostFacts;

use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::scene::{Scene, host_facts};

pub async fn the_same_machine_is_the_same_host_after_a_boot(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let facts = host_facts("machine-1");
    assert_eq!(
        scene.store.register_host(&facts).await.expect("seen"),
        scene.host
    );
    let booted = HostFacts {
        boot_id: "boot-2".to_owned(),
        name: "renamed".to_owned(),
        ..facts.clone()
    };
    assert_eq!(
        scene.store.register_host(&booted).await.expect("seen"),
        scene.host
    );
    let other = scene
        .store
        .register_host(&host_facts("machine-2"))
        .await
        .expect("new");
    let docker = HostFacts {
        executor: "docker".to_owned(),
        ..facts
    };
    let engine = scene.store.register_host(&docker).await.expect("new");
    assert!(scene.host != other && scene.host != engine && other != engine);
    let hosts = scene.store.hosts().await.expect("hosts");
    assert_eq!(hosts.len(), 3);
    let found = hosts
        .iter()
        .find(|host| host.id == scene.host)
        .expect("registered");
    assert_eq!(found.facts, booted, "what its executor said last");
    assert!(found.enabled);
}

pub async fn hosts_are_listed_by_name(h: &dyn StoreHarness) {
    let store = h.open().await;
    for machine in ["zebra", "ant", "Middle"] {
        store
            .register_host(&host_facts(machine))
            .await
            .expect("new");
    }
    let hosts = store.hosts().await.expect("hosts");
    let machines: Vec<_> = hosts.iter().map(|h| h.facts.identity.as_str()).collect();
    assert_eq!(machines, ["Middle", "ant", "zebra"]);
}

pub async fn twins_that_meet_a_new_machine_make_one_host(h: &dyn StoreHarness) {
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(h.open().await);
    }
    let store = Arc::clone(&handles[0]);
    let ids = all_at_once(handles, |store| async move {
        store
            .register_host(&host_facts("machine-9"))
            .await
            .expect("a host")
    })
    .await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(store.hosts().await.expect("hosts").len(), 1);
}

pub async fn a_database_has_one_name_and_one_clock(h: &dyn StoreHarness) {
    let (a, b) = (h.open().await, h.open().await);
    let name = a.instance().await.expect("written by the migration");
    assert!(!name.0.is_empty());
    assert_eq!(b.instance().await.expect("the same"), name);
    assert_eq!(a.kind(), b.kind());
    let (first, second) = (a.now().await.expect("now"), b.now().await.expect("now"));
    assert!(
        second.duration_since(first).as_millis() >= -1,
        "{first} then {second}"
    );
}
