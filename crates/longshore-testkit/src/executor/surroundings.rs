//! A job finds around it what its spec says; what can't be had is refused by name.

use longshore_core::classify::ErrorClass;
use longshore_core::executor::Capability;
use longshore_core::spec::{Device, JobSpec, Mount, MountKind, Network};

use super::scene::{Scene, in_time};

pub async fn environment_values_arrive_unchanged(scene: &Scene) {
    let awkward = "two words\n'quoted' \"twice\" $HOME `id` \\ = ünïcode";
    let mut spec = scene.shell("printf '%s' \"$AWKWARD|$EMPTY|${ABSENT-absent}\"");
    spec.env.insert("AWKWARD".into(), awkward.into());
    spec.env.insert("EMPTY".into(), "".into());
    let finished = scene.run(spec).await;
    assert_eq!(finished.text(), format!("{awkward}||absent"));
}

pub async fn a_job_knows_which_job_and_attempt_it_is(scene: &Scene) {
    let spec = scene.shell("echo $LONGSHORE_JOB_ID $LONGSHORE_ATTEMPT");
    let launched = scene.launch(spec).await;
    let expected = format!("{} {}\n", launched.identity.job, launched.identity.attempt);
    assert_eq!(launched.finish().await.text(), expected);
}

pub async fn a_path_of_its_own_is_where_programs_are_looked_for(scene: &Scene) {
    let mut spec = scene.command(&["sh", "-c", "echo found"]);
    spec.env.insert("PATH".into(), "/nowhere".into());
    let error = scene.fail_to_start(spec).await;
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
}

pub async fn arguments_arrive_unchanged(scene: &Scene) {
    let arguments = [
        "plain",
        "two words",
        "",
        "$HOME",
        "'q'",
        "\"d\"",
        "a\nb",
        "*",
        "ünï",
        "\\",
    ];
    let argv: Vec<&str> = ["printf", "%s|"].into_iter().chain(arguments).collect();
    let finished = scene.run(scene.command(&argv)).await;
    assert_eq!(
        finished.text(),
        arguments.map(|argument| format!("{argument}|")).concat()
    );
}

pub async fn the_entrypoint_goes_before_the_command(scene: &Scene) {
    let spec = JobSpec {
        entrypoint: ["echo", "entrypoint"].map(Into::into).into(),
        ..scene.command(&["command"])
    };
    assert_eq!(scene.run(spec).await.text(), "entrypoint command\n");
}

pub async fn a_job_runs_in_its_working_directory(scene: &Scene) {
    let spec = JobSpec {
        working_directory: Some("/dev".into()),
        ..scene.shell("pwd")
    };
    assert_eq!(scene.run(spec).await.text(), "/dev\n");
}

pub async fn standard_input_is_empty(scene: &Scene) {
    assert_eq!(
        scene.run(scene.shell("cat; echo end")).await.text(),
        "end\n"
    );
}

pub async fn a_job_runs_as_its_user_or_its_user_is_refused(scene: &Scene) {
    let script = "id -u; id -g; echo to the device > /dev/stdout";
    let spec = JobSpec {
        user: Some("12345:54321".into()),
        ..scene.shell(script)
    };
    if !scene.can(Capability::User) {
        eprintln!("not declared (for processes: not root), so only the refusal is tested");
        let ensured = in_time("ensure", scene.executor.ensure(&scene.request(spec))).await;
        let error = ensured.expect_err("a user that can't be had is never ignored");
        assert!(error.to_string().contains("user"), "{error}");
        return;
    }
    assert_eq!(
        scene.run(spec).await.text(),
        "12345\n54321\nto the device\n"
    );
}

pub async fn what_is_not_declared_is_refused_by_name(scene: &Scene) {
    let plain = || scene.shell("echo ran");
    let mount = Mount {
        kind: MountKind::Tmpfs,
        source: None,
        target: "/mnt".into(),
        read_only: false,
    };
    let network = Network {
        name: "some-network".into(),
        aliases: vec![],
    };
    let device = Device {
        source: "/dev/null".into(),
        target: None,
        permissions: None,
    };
    let cases = [
        (
            Capability::Images,
            "image",
            JobSpec {
                image: Some("busybox".into()),
                ..plain()
            },
        ),
        (
            Capability::Commands,
            "command",
            JobSpec {
                image: None,
                ..plain()
            },
        ),
        (
            Capability::MemoryLimit,
            "memory",
            JobSpec {
                memory: Some(1 << 30),
                ..plain()
            },
        ),
        (
            Capability::CpuLimit,
            "cpus",
            JobSpec {
                cpus: Some(1.0),
                ..plain()
            },
        ),
        (
            Capability::PidsLimit,
            "pids_limit",
            JobSpec {
                pids_limit: Some(100),
                ..plain()
            },
        ),
        (
            Capability::User,
            "user",
            JobSpec {
                user: Some("12345:54321".into()),
                ..plain()
            },
        ),
        (
            Capability::Networks,
            "networks",
            JobSpec {
                networks: vec![network],
                ..plain()
            },
        ),
        (
            Capability::Mounts,
            "mounts",
            JobSpec {
                mounts: vec![mount],
                ..plain()
            },
        ),
        (
            Capability::Devices,
            "devices",
            JobSpec {
                devices: vec![device],
                ..plain()
            },
        ),
        (
            Capability::Privileged,
            "privileged",
            JobSpec {
                privileged: true,
                ..plain()
            },
        ),
    ];
    for (capability, field, spec) in cases {
        if scene.can(capability) {
            continue;
        }
        let refused = in_time("ensure", scene.executor.ensure(&scene.request(spec))).await;
        let error = refused
            .err()
            .unwrap_or_else(|| panic!("{field} was not refused"));
        assert_eq!(error.class, ErrorClass::Permanent, "{error}");
        assert!(
            error.to_string().contains(field),
            "{field} is not named: {error}"
        );
    }
    assert_eq!(scene.list().await, [], "nothing was made");
}
