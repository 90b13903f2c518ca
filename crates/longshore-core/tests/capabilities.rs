//! What a spec asks of an executor: refused by name where it can't be honoured, never ignored.

use longshore_core::JobSpec;
use longshore_core::executor::{Capabilities, Capability, check_capabilities};
use longshore_core::spec::{Device, Mount, MountKind, Network, PullPolicy};

use Capability as C;

const ALL: [Capability; 12] = [
    C::SurvivesWorker,
    C::InProcess,
    C::Images,
    C::Commands,
    C::MemoryLimit,
    C::CpuLimit,
    C::PidsLimit,
    C::User,
    C::Networks,
    C::Mounts,
    C::Devices,
    C::Privileged,
];

fn image() -> JobSpec {
    JobSpec {
        image: Some("busybox".to_owned()),
        ..JobSpec::default()
    }
}

fn command() -> JobSpec {
    JobSpec::process(["true"])
}

/// One thing that a spec can ask, what it takes, and how a refusal names it.
fn asks() -> Vec<(&'static str, Capability, JobSpec)> {
    let mount = Mount {
        kind: MountKind::Tmpfs,
        source: None,
        target: "/tmp".to_owned(),
        read_only: false,
    };
    let network = Network {
        name: "backend".to_owned(),
        aliases: Vec::new(),
    };
    let device = Device {
        source: "/dev/fuse".to_owned(),
        target: None,
        permissions: None,
    };
    vec![
        ("image", C::Images, image()),
        ("command without an image", C::Commands, command()),
        (
            "pull",
            C::Images,
            JobSpec {
                pull: Some(PullPolicy::Always),
                ..command()
            },
        ),
        (
            "memory",
            C::MemoryLimit,
            JobSpec {
                memory: Some(1),
                ..command()
            },
        ),
        (
            "cpus",
            C::CpuLimit,
            JobSpec {
                cpus: Some(1.0),
                ..command()
            },
        ),
        (
            "pids_limit",
            C::PidsLimit,
            JobSpec {
                pids_limit: Some(1),
                ..command()
            },
        ),
        (
            "user",
            C::User,
            JobSpec {
                user: Some("root".to_owned()),
                ..command()
            },
        ),
        (
            "networks",
            C::Networks,
            JobSpec {
                networks: vec![network],
                ..command()
            },
        ),
        (
            "mounts",
            C::Mounts,
            JobSpec {
                mounts: vec![mount],
                ..command()
            },
        ),
        (
            "devices",
            C::Devices,
            JobSpec {
                devices: vec![device],
                ..command()
            },
        ),
        (
            "privileged",
            C::Privileged,
            JobSpec {
                privileged: true,
                ..command()
            },
        ),
    ]
}

#[test]
fn each_ask_is_refused_by_name_without_its_capability_and_granted_with_it() {
    for (field, capability, spec) in asks() {
        let all_but = Capabilities::of(ALL.into_iter().filter(|other| *other != capability));
        let refusal = check_capabilities("process", &all_but, &spec).expect_err(field);
        assert_eq!(refusal.fields, [field]);
        assert!(refusal.to_string().contains(field), "{refusal}");
        check_capabilities("process", &Capabilities::of(ALL), &spec).expect(field);
    }
}

#[test]
fn all_that_cannot_be_honoured_is_named_at_once() {
    let spec = JobSpec {
        memory: Some(1),
        pull: Some(PullPolicy::Never),
        ..image()
    };
    let refusal = check_capabilities("process", &Capabilities::of([C::Commands]), &spec)
        .expect_err("no images here");
    assert_eq!(refusal.fields, ["image", "pull", "memory"]);
}

#[test]
fn every_capability_is_asked_for_by_some_field_but_those_that_say_where_jobs_live() {
    let of_life = [C::SurvivesWorker, C::InProcess];
    for capability in ALL {
        let asked = asks().iter().any(|(_, needed, _)| *needed == capability);
        assert_eq!(asked, !of_life.contains(&capability), "{capability:?}");
    }
}
