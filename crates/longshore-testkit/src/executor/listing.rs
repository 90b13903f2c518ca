//! What there is can be found, and is there until it is removed.

use std::time::Duration;

use longshore_core::InstanceId;
use longshore_core::executor::{Listed, Phase};

use super::scene::{Scene, in_time};

pub async fn a_container_is_listed_in_each_phase_until_it_is_forgotten(scene: &Scene) {
    let launched = scene.prepare(scene.shell("exec sleep 1000")).await;
    let (handle, identity) = (launched.handle.clone(), launched.identity.clone());
    let listed = |phase| {
        vec![Listed {
            handle: handle.clone(),
            identity: identity.clone(),
            phase,
        }]
    };
    assert_eq!(scene.list().await, listed(Phase::Created));
    scene.start(&handle).await;
    assert_eq!(scene.list().await, listed(Phase::Running));
    scene.stop(&handle, Duration::ZERO).await;
    assert_eq!(scene.list().await, listed(Phase::Exited));
    scene.forget(&handle).await;
    assert_eq!(scene.list().await, []);
}

pub async fn another_instance_sees_nothing_of_this_one(scene: &Scene) {
    scene.prepare(scene.shell(":")).await;
    let other = InstanceId(format!("{}x", scene.instance));
    let listed = in_time("list", scene.executor.list(&other)).await;
    assert_eq!(listed.unwrap_or_else(|error| panic!("{error}")), []);
}

pub async fn a_running_container_is_not_forgotten(scene: &Scene) {
    let launched = scene.launch(scene.shell("exec sleep 1000")).await;
    let forgotten = in_time("forget", scene.executor.forget(&launched.handle)).await;
    assert!(forgotten.is_err(), "it runs");
    assert_eq!(scene.phase(&launched.handle).await, Some(Phase::Running));
    scene.await_live_processes(1).await; // it was left alone
    scene.stop(&launched.handle, Duration::ZERO).await;
}

pub async fn a_container_that_was_never_started_can_be_forgotten(scene: &Scene) {
    let created = scene.prepare(scene.shell("echo ran")).await;
    scene.forget(&created.handle).await;
    assert_eq!(scene.list().await, []);
    let started = in_time("start", scene.executor.start(&created.handle)).await;
    assert!(started.is_err(), "it is gone");
}

pub async fn what_was_forgotten_can_be_forgotten_again(scene: &Scene) {
    let finished = scene.run(scene.shell(":")).await;
    scene.forget(&finished.handle).await;
    scene.forget(&finished.handle).await;
}

pub async fn the_host_is_the_same_whenever_it_is_asked(scene: &Scene) {
    let ask = async || {
        let host = in_time("host", scene.executor.host()).await;
        host.unwrap_or_else(|error| panic!("{error}"))
    };
    let host = ask().await;
    assert_eq!(host, ask().await);
    assert_eq!(host.executor, scene.executor.kind());
    for fact in [&host.identity, &host.boot_id, &host.name] {
        assert!(!fact.is_empty(), "{host:?}");
    }
}
