//! What is known of engines and decides correctness, each as a test against a real one.

mod support;

use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::InspectContainerOptions;
use longshore_core::JobSpec;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Ensured, Executor, Handle, Phase};
use longshore_core::output::ResumePoint;
use longshore_core::spec::{Mount, MountKind, Network, PullPolicy};
use longshore_docker::connect::Connection;
use longshore_docker::{AllowList, DockerConfig, DockerExecutor};
use longshore_testkit::executor::ExecutorHarness;
use longshore_testkit::executor::scene::{Scene, collect, in_time};

use support::{Containers, on_an_engine, on_an_engine_with};

async fn inspected(containers: &Containers, handle: &Handle) -> ContainerInspectResponse {
    let client = containers.client();
    let inspected = client.inspect_container(&handle.0, None::<InspectContainerOptions>);
    inspected.await.expect("it is there")
}

fn bind(source: &str) -> Mount {
    Mount {
        kind: MountKind::Bind,
        source: Some(source.to_owned()),
        target: "/mnt".to_owned(),
        read_only: true,
    }
}

fn network(name: &str) -> Network {
    Network {
        name: name.to_owned(),
        aliases: vec![],
    }
}

/// What `ensure` or `start` says, whichever refuses; and nothing is left.
async fn refused(scene: &Scene, spec: JobSpec) -> String {
    let request = scene.request(spec);
    let error = match in_time("ensure", scene.executor.ensure(&request)).await {
        Err(error) => error,
        Ok(Ensured::Created(handle)) => {
            let started = in_time("start", scene.executor.start(&handle)).await;
            started.expect_err("it can't be started")
        }
        Ok(other) => panic!("{other:?}"),
    };
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
    assert_eq!(scene.list().await, [], "nothing is left behind");
    error.to_string()
}

#[test]
fn a_container_has_the_name_and_the_labels_of_its_attempt() {
    on_an_engine(async |containers, scene| {
        let created = scene.prepare(scene.shell(":")).await;
        let found = inspected(containers, &created.handle).await;
        let name = found.name.expect("it has one");
        assert_eq!(name, format!("/{}", created.identity.container_name()));
        let labels = found.config.and_then(|config| config.labels);
        let labels = labels.expect("it has some");
        let identity = &created.identity;
        for (label, value) in [
            ("longshore.instance", identity.instance.to_string()),
            ("longshore.job", identity.job.to_string()),
            ("longshore.attempt", identity.attempt.to_string()),
            ("longshore.token", identity.token.to_string()),
        ] {
            assert_eq!(labels.get(label), Some(&value), "{label}");
        }
    });
}

#[test]
fn a_container_is_made_with_the_least_privilege_and_is_not_removed_by_the_engine() {
    on_an_engine(async |containers, scene| {
        let created = scene.prepare(scene.shell(":")).await;
        let host = inspected(containers, &created.handle).await.host_config;
        let host = host.expect("it has one");
        assert_eq!(host.auto_remove, Some(false));
        assert_eq!(host.init, Some(true));
        assert_eq!(host.privileged, Some(false));
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        let options = host.security_opt.unwrap_or_default();
        assert!(
            options.contains(&"no-new-privileges".to_owned()),
            "{options:?}"
        );
        let log = host.log_config.expect("it has one");
        assert_eq!(log.typ.as_deref(), Some("local"));
        let files = log
            .config
            .and_then(|config| config.get("max-file").cloned());
        assert!(files.is_some_and(|files| files.parse::<u32>().is_ok_and(|files| files >= 2)));
    });
}

#[test]
fn a_job_has_no_capabilities_and_gets_none() {
    on_an_engine(async |_, scene| {
        let finished = scene
            .run(scene.shell("grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status"))
            .await;
        let text = finished.text().replace('\t', " ");
        assert!(text.contains("CapEff: 0000000000000000"), "{text}");
        assert!(text.contains("CapBnd: 0000000000000000"), "{text}");
        assert!(text.contains("NoNewPrivs: 1"), "{text}");
    });
}

#[test]
fn a_job_that_handles_no_signal_ends_at_once_when_it_is_stopped() {
    on_an_engine(async |_, scene| {
        let launched = scene.launch(scene.command(&["sleep", "1000"])).await;
        // Without an init it would ignore the signal, as process 1.
        scene.stop(&launched.handle, Duration::from_mins(10)).await;
        assert_eq!(launched.finish().await.code(), 128 + 15);
    });
}

#[test]
fn the_end_of_a_container_that_was_never_started_is_not_taken_for_success() {
    on_an_engine(async |_, scene| {
        let created = scene.prepare(scene.shell("exit 3")).await;
        let mut end = created.end;
        // A whole other job: an engine that is asked wrongly answers "0" at once.
        scene.run(scene.shell(":")).await;
        let early = tokio::time::timeout(Duration::ZERO, &mut end).await;
        assert!(early.is_err(), "{early:?}");
        scene.start(&created.handle).await;
        let ended = in_time("the end", end).await;
        assert_eq!(ended.expect("it is seen").exit.code, Some(3));
    });
}

#[test]
fn the_quickest_jobs_end_with_their_own_codes() {
    on_an_engine(async |_, scene| {
        for code in 1..=10 {
            let finished = scene.run(scene.shell(&format!("exit {code}"))).await;
            assert_eq!(finished.code(), code);
        }
    });
}

#[test]
fn a_container_that_another_worker_started_is_not_started_again() {
    on_an_engine(async |containers, scene| {
        let finished = scene.run(scene.shell("echo once")).await;
        let other = containers.executor();
        let again = in_time("start", other.start(&finished.handle)).await;
        // The engine itself would run it again.
        again.expect_err("it has ended");
        assert_eq!(scene.phase(&finished.handle).await, Some(Phase::Exited));
        let watch = in_time("watch", other.watch(&finished.handle, None)).await;
        let mut watch = watch.expect("it can be harvested");
        let (stdout, _) = collect(&mut watch.output).await;
        assert_eq!(stdout, b"once\n");
    });
}

#[test]
fn an_image_that_is_not_there_is_a_permanent_error() {
    on_an_engine(async |_, scene| {
        let spec = JobSpec {
            image: Some("longshore.invalid/no-such-image:never".to_owned()),
            pull: Some(PullPolicy::Never),
            ..scene.shell(":")
        };
        let said = refused(scene, spec).await;
        assert!(said.contains("no-such-image"), "{said}");
    });
}

#[test]
fn an_image_that_went_away_after_it_was_made_ready_is_a_transient_error() {
    on_an_engine(async |_, scene| {
        let spec = JobSpec {
            image: Some("longshore.invalid/no-such-image:pruned".to_owned()),
            ..scene.shell(":")
        };
        let request = scene.request(spec);
        let error = in_time("ensure", scene.executor.ensure(&request)).await;
        let error = error.expect_err("it is not there");
        assert_eq!(error.class, ErrorClass::Transient, "{error}");
    });
}

#[test]
fn a_container_that_was_pruned_before_its_start_is_a_transient_error() {
    on_an_engine(async |containers, scene| {
        let handle = scene.create(&scene.request(scene.shell(":"))).await;
        let client = containers.client();
        let removed = client.remove_container(
            &handle.0,
            None::<bollard::query_parameters::RemoveContainerOptions>,
        );
        removed.await.expect("it can be removed");
        let error = in_time("watch", scene.executor.watch(&handle, None)).await;
        let error = error.err().expect("it is gone");
        assert_eq!(error.class, ErrorClass::Transient, "{error}");
        let error = in_time("start", scene.executor.start(&handle)).await;
        let error = error.expect_err("it is gone");
        assert_eq!(error.class, ErrorClass::Transient, "{error}");
    });
}

#[test]
fn nothing_is_remembered_of_a_container_whose_failed_start_left_nothing() {
    on_an_engine(async |containers, scene| {
        let connection = Connection {
            docker: containers.client(),
            address: containers.address().to_owned(),
        };
        let executor = DockerExecutor::new(connection, DockerConfig::default());
        let request = scene.request(scene.command(&["/no/such/program"]));
        let Ok(Ensured::Created(handle)) = executor.ensure(&request).await else {
            panic!("it can be created");
        };
        let watch = executor.watch(&handle, None).await;
        drop(watch.expect("it is there"));
        executor.start(&handle).await.expect_err("there is none");
        let shown = format!("{executor:?}");
        assert!(shown.contains("remembers: 0"), "{shown}");
    });
}

#[test]
fn a_network_that_is_not_there_is_a_permanent_error() {
    on_an_engine(async |_, scene| {
        for networks in [
            vec![network("no-such-network")],
            vec![network("bridge"), network("no-such-network")],
        ] {
            let spec = JobSpec {
                networks,
                ..scene.shell(":")
            };
            let said = refused(scene, spec).await;
            assert!(said.contains("no-such-network"), "{said}");
        }
    });
}

#[test]
fn what_the_operator_does_not_allow_is_refused_by_name() {
    on_an_engine(async |_, scene| {
        let spec = JobSpec {
            mounts: vec![bind("/etc")],
            ..scene.shell(":")
        };
        let said = refused(scene, spec).await;
        assert!(
            said.contains("mounts[0]") && said.contains("/etc"),
            "{said}"
        );
        let spec = JobSpec {
            networks: vec![network("host")],
            ..scene.shell(":")
        };
        let said = refused(scene, spec).await;
        assert!(
            said.contains("networks[0]") && said.contains("host"),
            "{said}"
        );
    });
}

#[test]
fn a_mount_whose_source_is_not_there_is_a_permanent_error() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let source = folder.path().join("missing");
    let source = source.to_str().expect("its path is text");
    let allow = AllowList {
        bind_prefixes: vec![source.to_owned()],
        ..AllowList::default()
    };
    on_an_engine_with(
        |containers| containers.allowing(allow),
        async |_, scene| {
            let spec = JobSpec {
                mounts: vec![bind(source)],
                ..scene.shell(":")
            };
            let said = refused(scene, spec).await;
            assert!(said.contains(source), "{said}");
        },
    );
}

#[test]
fn an_allowed_folder_is_mounted_and_only_read() {
    let allow = AllowList {
        bind_prefixes: vec!["/etc".to_owned()],
        ..AllowList::default()
    };
    on_an_engine_with(
        |containers| containers.allowing(allow),
        async |_, scene| {
            let spec = JobSpec {
                mounts: vec![bind("/etc")],
                ..scene.shell("test -f /mnt/passwd && ! touch /mnt/longshore && echo fine")
            };
            assert_eq!(scene.run(spec).await.text(), "fine\n");
        },
    );
}

#[test]
fn a_job_without_a_network_has_none() {
    on_an_engine(async |_, scene| {
        let spec = JobSpec {
            networks: vec![network("none")],
            ..scene.shell("ls /sys/class/net")
        };
        assert_eq!(scene.run(spec).await.text(), "lo\n");
    });
}

#[test]
fn a_resume_point_of_another_executor_is_refused() {
    on_an_engine(async |_, scene| {
        let finished = scene.run(scene.shell(":")).await;
        let point = ResumePoint("17".to_owned());
        let watch = in_time(
            "watch",
            scene.executor.watch(&finished.handle, Some(&point)),
        )
        .await;
        assert!(watch.is_err_and(|error| error.class == ErrorClass::Permanent));
    });
}

#[test]
fn an_engine_that_is_not_there_is_a_transient_error() {
    let docker =
        bollard::Docker::connect_with_http("tcp://127.0.0.1:1", 5, bollard::API_DEFAULT_VERSION);
    let docker = docker.expect("the address is one");
    let connection = Connection {
        docker,
        address: "tcp://127.0.0.1:1".to_owned(),
    };
    let executor = DockerExecutor::new(connection, DockerConfig::default());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let error = runtime
        .block_on(executor.host())
        .expect_err("nobody listens there");
    assert_eq!(error.class, ErrorClass::Transient, "{error}");
}

#[test]
fn a_name_that_is_somebody_elses_is_left_alone() {
    on_an_engine(async |containers, scene| {
        let request = scene.request(scene.shell(":"));
        let name = request.identity.container_name();
        let client = containers.client();
        let body = bollard::models::ContainerCreateBody {
            image: Some(support::IMAGE.to_owned()),
            cmd: Some(vec!["true".to_owned()]),
            ..Default::default()
        };
        let options = bollard::query_parameters::CreateContainerOptionsBuilder::new()
            .name(&name)
            .build();
        let theirs = client.create_container(Some(options), body).await;
        let theirs = theirs.expect("it can be created").id;
        let ensured = in_time("ensure", scene.executor.ensure(&request)).await;
        let still_there = client
            .inspect_container(&theirs, None::<InspectContainerOptions>)
            .await;
        let removed = client
            .remove_container(
                &theirs,
                None::<bollard::query_parameters::RemoveContainerOptions>,
            )
            .await;
        let error = ensured.expect_err("the name is taken");
        assert_eq!(error.class, ErrorClass::Permanent, "{error}");
        still_there.expect("it was left alone");
        removed.expect("it can be removed");
    });
}
