//! Networks, volumes and the engine's log, which only a real engine has.

mod support;

use bollard::models::{NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::RemoveVolumeOptions;
use futures_util::StreamExt;
use longshore_core::JobSpec;
use longshore_core::spec::{Mount, MountKind, Network};
use longshore_testkit::executor::ExecutorHarness;
use longshore_testkit::executor::scene::in_time;

use support::{on_an_engine, on_an_engine_with};

#[test]
fn a_job_is_known_by_its_aliases_in_each_of_its_networks() {
    on_an_engine(async |containers, scene| {
        let client = containers.client();
        let names = ["one", "two"].map(|name| format!("{}-{name}", scene.instance));
        for name in &names {
            let request = NetworkCreateRequest {
                name: name.clone(),
                ..NetworkCreateRequest::default()
            };
            let made = client.create_network(request).await;
            made.expect("a network can be made");
        }
        let networks = |alias: &str| {
            let network = |name: &String| Network {
                name: name.clone(),
                aliases: vec![alias.to_owned()],
            };
            names.iter().map(network).collect()
        };
        let server = scene
            .launch(JobSpec {
                networks: networks("server"),
                ..scene.shell("exec sleep 1000")
            })
            .await;
        let looked_up = scene
            .run(JobSpec {
                networks: networks("client"),
                ..scene.shell(
                    "ls /sys/class/net | grep -c eth; nslookup server > /dev/null && echo known",
                )
            })
            .await;
        let text = looked_up.text().to_owned();
        for handle in [&server.handle, &looked_up.handle] {
            scene.stop(handle, std::time::Duration::ZERO).await;
            scene.forget(handle).await;
        }
        for name in &names {
            let removed = client.remove_network(name).await;
            removed.expect("the network can be removed");
        }
        assert_eq!(text, "2\nknown\n");
    });
}

#[test]
fn a_volume_is_shared_and_kept() {
    on_an_engine(async |containers, scene| {
        let client = containers.client();
        let name = format!("{}-volume", scene.instance);
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            ..VolumeCreateRequest::default()
        };
        let made = client.create_volume(request).await;
        made.expect("a volume can be made");
        let with = |script: &str, read_only| JobSpec {
            mounts: vec![Mount {
                kind: MountKind::Volume,
                source: Some(name.clone()),
                target: "/data".to_owned(),
                read_only,
            }],
            ..scene.shell(script)
        };
        let written = scene.run(with("echo kept > /data/file", false)).await;
        let read = scene
            .run(with(
                "cat /data/file; touch /data/other || echo refused",
                true,
            ))
            .await;
        let text = read.text().to_owned();
        for handle in [&written.handle, &read.handle] {
            scene.forget(handle).await;
        }
        let removed = client
            .remove_volume(&name, None::<RemoveVolumeOptions>)
            .await;
        removed.expect("a named volume outlives its containers");
        assert_eq!(text, "kept\nrefused\n");
    });
}

#[test]
fn output_that_the_log_has_dropped_is_an_error_and_not_a_gap() {
    let small = |containers: support::Containers| {
        containers.with(|config| {
            config.log_file_bytes = 64 * 1024;
            config.log_files = 2;
        })
    };
    on_an_engine_with(small, async |containers, scene| {
        let script = "seq 1 1000; sleep 0.5; seq 1 200000";
        let mut launched = scene.launch(scene.shell(script)).await;
        let first = in_time("a chunk", launched.output.next()).await;
        let first = first.expect("it writes").expect("it is read");
        let finished = launched.finish().await;
        let other = containers.executor();
        let watch = in_time(
            "watch",
            other.watch(&finished.handle, first.resume.as_ref()),
        )
        .await;
        let mut watch = watch.expect("it can be harvested");
        let next = in_time("the rest", watch.output.next()).await;
        let error = next
            .expect("something is said")
            .expect_err("it is not whole");
        assert!(error.to_string().contains("log"), "{error}");
        let ended = in_time("the end", watch.end).await;
        assert_eq!(ended.expect("it is known").exit.code, Some(0));
    });
}
