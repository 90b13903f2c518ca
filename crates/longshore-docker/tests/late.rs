//! An engine that does not answer yet, and then does.

mod support;

use std::os::unix::fs::symlink;

use longshore_core::classify::ErrorClass;
use longshore_core::executor::Executor as _;
use longshore_docker::{DockerConfig, LateDockerExecutor};

use support::on_an_engine;

#[test]
fn an_engine_that_comes_late_is_connected_to_and_used() {
    on_an_engine(async |containers, scene| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let socket = folder.path().join("late.sock");
        let address = format!("unix://{}", socket.display());
        let late = LateDockerExecutor::new(Some(address.clone()), DockerConfig::default());
        assert_eq!(late.capabilities(), scene.executor.capabilities());

        let error = late.host().await.expect_err("nothing is there");
        assert_eq!(error.class, ErrorClass::Transient, "{error}");
        assert!(error.to_string().contains(&address), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        let error = late
            .list(&scene.instance)
            .await
            .expect_err("nothing is there");
        assert_eq!(error.class, ErrorClass::Transient, "{error}");

        let real = containers.address().strip_prefix("unix://");
        symlink(real.expect("it is a socket's address"), &socket).expect("the folder is ours");
        let host = late.host().await.expect("it is there now");
        let known = scene.executor.host().await.expect("the engine answers");
        assert_eq!(host, known);
        let handle = scene.create(&scene.request(scene.shell(":"))).await;
        let listed = late.list(&scene.instance).await.expect("it is there now");
        let listed: Vec<_> = listed.into_iter().map(|found| found.handle).collect();
        assert_eq!(listed, [handle]);
    });
}
