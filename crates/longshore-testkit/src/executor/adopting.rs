//! One container per attempt, whoever asks for it; the highest token has it.

use std::time::Duration;

use futures_util::future::join;
use longshore_core::Token;
use longshore_core::executor::{Ensured, LaunchRequest};

use super::scene::{Scene, in_time};

fn with_token(request: &LaunchRequest, token: i64) -> LaunchRequest {
    let mut request = request.clone();
    request.identity.token = Token(token);
    request
}

async fn ensure(scene: &Scene, request: &LaunchRequest) -> Ensured {
    let ensured = in_time("ensure", scene.executor.ensure(request)).await;
    ensured.unwrap_or_else(|error| panic!("{error}"))
}

pub async fn a_container_that_was_never_started_is_made_anew(scene: &Scene) {
    let request = scene.request(scene.shell("echo ran"));
    let first = scene.create(&request).await;
    let second = scene.create(&with_token(&request, 101)).await;
    assert_eq!(scene.list().await.len(), 1, "there is one container");
    assert!(
        in_time("start", scene.executor.start(&first))
            .await
            .is_err(),
        "the first is gone"
    );
    let launched = scene.watch(second.clone(), request.identity).await;
    scene.start(&second).await;
    assert_eq!(launched.finish().await.text(), "ran\n");
}

pub async fn a_running_container_is_adopted(scene: &Scene) {
    let request = scene.request(scene.shell("echo ready; exec sleep 1000"));
    let handle = scene.create(&request).await;
    let mut launched = scene.watch(handle.clone(), request.identity.clone()).await;
    scene.start(&handle).await;
    launched.await_output("ready\n").await;
    for token in [100, 101] {
        let ensured = ensure(scene, &with_token(&request, token)).await;
        assert_eq!(ensured, Ensured::Running(handle.clone()));
    }
    assert_eq!(scene.list().await.len(), 1, "there is no second one");
    scene.stop(&handle, Duration::ZERO).await;
    assert_eq!(
        launched.finish().await.text(),
        "",
        "nor was it started again"
    );
}

pub async fn a_container_that_has_ended_is_harvested(scene: &Scene) {
    let request = scene.request(scene.shell("echo once"));
    let handle = scene.create(&request).await;
    let launched = scene.watch(handle.clone(), request.identity.clone()).await;
    scene.start(&handle).await;
    assert_eq!(launched.finish().await.text(), "once\n");
    assert_eq!(
        ensure(scene, &with_token(&request, 101)).await,
        Ensured::Exited(handle)
    );
}

pub async fn a_higher_token_supersedes(scene: &Scene) {
    let request = scene.request(scene.shell("echo ran"));
    let handle = scene.create(&request).await;
    assert_eq!(
        ensure(scene, &with_token(&request, 99)).await,
        Ensured::Superseded
    );
    let launched = scene.watch(handle.clone(), request.identity.clone()).await;
    scene.start(&handle).await;
    assert_eq!(
        ensure(scene, &with_token(&request, 99)).await,
        Ensured::Superseded
    );
    assert_eq!(launched.finish().await.text(), "ran\n", "it was left alone");
    assert_eq!(
        ensure(scene, &with_token(&request, 99)).await,
        Ensured::Superseded
    );
}

pub async fn two_that_ensure_at_once_run_the_job_once(scene: &Scene) {
    let request = scene.request(scene.shell("sleep 1000"));
    let later = with_token(&request, 101);
    let attempt =
        async |request: LaunchRequest| match in_time("ensure", scene.executor.ensure(&request))
            .await
        {
            Ok(Ensured::Created(handle)) => scene.executor.start(&handle).await.is_ok(),
            Ok(Ensured::Running(_) | Ensured::Exited(_) | Ensured::Superseded) | Err(_) => false,
        };
    let (first, second) = join(attempt(request), attempt(later)).await;
    assert!(
        first ^ second,
        "exactly one start is good: {first}, {second}"
    );
    scene.await_live_processes(1).await;
    assert_eq!(scene.list().await.len(), 1);
}

pub async fn attempts_of_one_job_are_apart(scene: &Scene) {
    let first = scene.request(scene.shell("echo $LONGSHORE_ATTEMPT"));
    let mut second = first.clone();
    second.identity.attempt.0 += 1;
    for (request, expected) in [(first, "1\n"), (second, "2\n")] {
        let handle = scene.create(&request).await;
        let launched = scene.watch(handle.clone(), request.identity).await;
        scene.start(&handle).await;
        assert_eq!(launched.finish().await.text(), expected);
    }
    assert_eq!(scene.list().await.len(), 2);
}
