//! Devices and privileged mode: from the operator's list alone, and then in full.

mod support;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, LogsOptionsBuilder, RemoveContainerOptions,
    StartContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt;
use longshore_core::JobSpec;
use longshore_core::classify::ErrorClass;
use longshore_core::spec::Device;
use longshore_docker::AllowList;
use longshore_testkit::executor::scene::{Scene, in_time};

use support::{on_an_engine, on_an_engine_with};

/// Prints the capabilities that the job's own process has, in hexadecimal.
const CAPABILITIES: &str = "sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status";

fn device(source: &str, target: Option<&str>) -> Device {
    Device {
        source: source.to_owned(),
        target: target.map(str::to_owned),
        permissions: None,
    }
}

/// What a launch is refused with, nothing being left of it.
async fn refused(scene: &Scene, spec: JobSpec) -> String {
    let request = scene.request(spec);
    let error = in_time("ensure", scene.executor.ensure(&request)).await;
    let error = error.expect_err("it is refused");
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
    assert_eq!(scene.list().await, [], "nothing was made");
    error.to_string()
}

fn allowing_devices(devices: &[&str]) -> AllowList {
    AllowList {
        devices: devices.iter().map(|&path| path.to_owned()).collect(),
        ..AllowList::default()
    }
}

#[test]
fn an_allowed_device_is_there_under_the_jobs_name_for_it_and_under_no_other() {
    on_an_engine_with(
        |containers| containers.allowing(allowing_devices(&["/dev/zero", "/dev/kmsg"])),
        async |_, scene| {
            let script = "head -c 5 /dev/longshore-zero | wc -c; test -c /dev/longshore-zero && \
                          ! test -e /dev/kmsg && echo alone";
            let spec = JobSpec {
                devices: vec![device("/dev/zero", Some("/dev/longshore-zero"))],
                ..scene.shell(script)
            };
            assert_eq!(scene.run(spec).await.text(), "5\nalone\n");
        },
    );
}

#[test]
fn a_device_without_a_name_of_the_jobs_own_keeps_that_of_the_host() {
    on_an_engine_with(
        |containers| containers.allowing(allowing_devices(&["/dev/kmsg"])),
        async |_, scene| {
            let spec = JobSpec {
                devices: vec![device("/dev/kmsg", None)],
                ..scene.shell("test -c /dev/kmsg && echo there")
            };
            assert_eq!(scene.run(spec).await.text(), "there\n");
        },
    );
}

#[test]
fn a_device_that_is_not_allowed_is_refused_with_the_key_that_would() {
    on_an_engine_with(
        |containers| containers.allowing(allowing_devices(&["/dev/zero"])),
        async |_, scene| {
            let spec = JobSpec {
                devices: vec![device("/dev/zero", None), device("/dev/kmsg", None)],
                ..scene.shell(":")
            };
            let said = refused(scene, spec).await;
            assert!(said.starts_with("devices[1]"), "{said}");
            assert!(
                said.contains("/dev/kmsg") && said.contains("docker.devices"),
                "{said}"
            );
        },
    );
}

#[test]
fn a_device_that_the_host_has_not_fails_the_launch_with_the_engines_reason() {
    on_an_engine_with(
        |containers| containers.allowing(allowing_devices(&["/dev/no-such-device"])),
        async |_, scene| {
            let spec = JobSpec {
                devices: vec![device("/dev/no-such-device", None)],
                ..scene.shell(":")
            };
            let error = scene.fail_to_start(spec).await;
            // Engines say this with the status and the code of any fault of their runtime: so it is
            // tried again as often as what is unknown is, and no more.
            assert_ne!(error.class, ErrorClass::Transient, "{error}");
            assert!(error.to_string().contains("no-such-device"), "{error}");
            assert_eq!(scene.list().await, [], "nothing is left behind");
        },
    );
}

#[test]
fn a_privileged_job_is_asked_of_the_engine_with_nothing_held_back() {
    on_an_engine_with(
        |containers| containers.allowing(allowing_privileged()),
        async |containers, scene| {
            let request = scene.request(privileged(scene.shell(":")));
            let handle = scene.create(&request).await;
            let client = containers.client();
            let seen = client.inspect_container(&handle.0, None::<InspectContainerOptions>);
            let host = seen.await.expect("it is there").host_config;
            scene.forget(&handle).await;
            let host = host.expect("it is said");
            assert_eq!(host.privileged, Some(true));
            assert_eq!(host.cap_drop.unwrap_or_default(), [""; 0]);
            let options = host.security_opt.unwrap_or_default();
            assert!(!options.iter().any(|o| o.starts_with("no-new-privileges")));
        },
    );
}

#[test]
fn a_privileged_job_gets_what_the_engines_own_privileged_containers_get() {
    on_an_engine_with(
        |containers| containers.allowing(allowing_privileged()),
        async |containers, scene| {
            let script = format!("{CAPABILITIES}; ls /dev | wc -l");
            let spec = privileged(scene.shell(&script));
            match engines_own(&containers.client(), &script).await {
                Ok(own) => {
                    assert_eq!(scene.run(spec).await.text(), own);
                    assert!(!own.starts_with("0000000000000000\n"), "{own}");
                }
                // An engine that runs with less than all capabilities can give them to nobody; it
                // says so of a job as it does of its own.
                Err(reason) => {
                    let error = scene.fail_to_start(spec).await.to_string();
                    let last = reason.rsplit(": ").next().expect("there is a last part");
                    assert!(
                        error.contains(last),
                        "{error}, where the engine said {reason}"
                    );
                }
            }
            // The same operator's other jobs have as little as ever.
            let plain = scene.run(scene.shell(CAPABILITIES)).await;
            assert_eq!(plain.text(), "0000000000000000\n");
        },
    );
}

fn allowing_privileged() -> AllowList {
    AllowList {
        privileged: true,
        ..AllowList::default()
    }
}

fn privileged(spec: JobSpec) -> JobSpec {
    JobSpec {
        privileged: true,
        ..spec
    }
}

/// What a privileged container prints that the engine is asked for without us; or why the engine
/// can't start one.
async fn engines_own(client: &Docker, script: &str) -> Result<String, String> {
    let body = ContainerCreateBody {
        image: Some(support::IMAGE.to_owned()),
        cmd: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
        host_config: Some(HostConfig {
            privileged: Some(true),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let created = client.create_container(None::<CreateContainerOptions>, body);
    let id = created.await.expect("it can be made").id;
    let started = client
        .start_container(&id, None::<StartContainerOptions>)
        .await;
    let printed = match started {
        Ok(()) => Ok(output_of(client, &id).await),
        Err(error) => Err(error.to_string()),
    };
    let removed = client.remove_container(&id, None::<RemoveContainerOptions>);
    removed.await.expect("it has ended");
    printed
}

async fn output_of(client: &Docker, id: &str) -> String {
    let ended = client.wait_container(id, None::<WaitContainerOptions>);
    in_time("its end", ended.count()).await;
    let options = LogsOptionsBuilder::new().stdout(true).build();
    let mut logs = client.logs(id, Some(options));
    let mut text = String::new();
    while let Some(line) = logs.next().await {
        text.push_str(&line.expect("it is read").to_string());
    }
    text
}

#[test]
fn a_privileged_job_is_refused_unless_the_operator_allows_it() {
    on_an_engine(async |_, scene| {
        let said = refused(scene, privileged(scene.shell(":"))).await;
        assert!(
            said.starts_with("privileged") && said.contains("docker.privileged"),
            "{said}"
        );
    });
}
