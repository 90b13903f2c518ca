//! From a job to what an engine is asked to create. Pure: spec and configuration in, request out.
//!
//! Owns the least privilege: no capabilities, no new privileges, a bound on processes, no swap
//! beyond the memory limit, an init. What reaches beyond the container is taken from the
//! operator's list, and refused by name otherwise.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointSettings, HostConfig, HostConfigLogConfig,
    Mount as EngineMount, MountType, NetworkingConfig, RestartPolicy, RestartPolicyNameEnum,
};
use longshore_core::executor::{ExecutorError, LaunchRequest};
use longshore_core::spec::{Device, JobSpec, Mount, MountKind, Network};
use longshore_fault::bug;

use crate::allowed::{check_allowed, refused};
use crate::config::DockerConfig;
use crate::labels;

/// Where an engine keeps what containers write, for those who were not attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogDriver {
    /// Docker's own: binary, rotated without stalling those who follow it.
    Local,
    /// What every engine has, by this name; podman takes it for its `k8s-file`.
    JsonFile,
}

/// The files of one container's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LogFiles {
    file_bytes: u64,
    files: u32,
}

impl LogFiles {
    pub fn of(config: &DockerConfig) -> Self {
        Self {
            file_bytes: config.log_file_bytes,
            // With one, following stalls at each rotation (moby#37646).
            files: config.log_files.max(2),
        }
    }
}

impl LogDriver {
    /// The best of those that an engine names.
    pub fn of(plugins: &[String]) -> Self {
        if plugins.iter().any(|name| name == "local") {
            return Self::Local;
        }
        Self::JsonFile
    }

    /// A log of which less than so many bytes can be read, each entry with its time, has lost
    /// nothing.
    pub fn surely_keeps(self, log: &LogFiles) -> u64 {
        let full = log.file_bytes * u64::from(log.files - 1);
        match self {
            // With its time in words an entry is longer as it is read than in the file.
            Self::Local => full,
            // Escapes make up to six bytes of one (`\u0000`), and what stands around an entry is no
            // more than six times its time. Podman keeps one file, in which entries are less than
            // twice as long.
            Self::JsonFile => (full / 6).min(log.file_bytes / 2),
        }
    }

    fn config(self, config: &DockerConfig) -> HostConfigLogConfig {
        let log = LogFiles::of(config);
        let (size, files) = (log.file_bytes.to_string(), log.files.to_string());
        HostConfigLogConfig {
            typ: Some(
                match self {
                    Self::Local => "local",
                    Self::JsonFile => "json-file",
                }
                .to_owned(),
            ),
            config: Some(HashMap::from([
                ("max-size".to_owned(), size),
                ("max-file".to_owned(), files),
            ])),
        }
    }
}

/// What is asked of the engine for this launch, or why it is refused.
pub(crate) fn create_body(
    request: &LaunchRequest,
    config: &DockerConfig,
    epoch: Option<&str>,
    log: LogDriver,
) -> Result<ContainerCreateBody, ExecutorError> {
    let spec = &request.spec;
    check_allowed(spec, config)?;
    let list = |items: &[String]| (!items.is_empty()).then(|| items.to_vec());
    Ok(ContainerCreateBody {
        image: spec.image.clone(),
        cmd: list(&spec.command),
        entrypoint: list(&spec.entrypoint),
        env: Some(environment(request)),
        user: spec.user.clone(),
        working_dir: spec.working_directory.clone(),
        labels: Some(labels::of(&request.identity, epoch)),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        host_config: Some(host_config(spec, config, log)?),
        networking_config: spec.networks.first().map(|network| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network.name.clone(), endpoint(network))])),
        }),
        ..ContainerCreateBody::default()
    })
}

/// How a container is known in a network.
pub(crate) fn endpoint(network: &Network) -> EndpointSettings {
    EndpointSettings {
        aliases: (!network.aliases.is_empty()).then(|| network.aliases.clone()),
        ..EndpointSettings::default()
    }
}

fn environment(request: &LaunchRequest) -> Vec<String> {
    let own = request
        .env
        .iter()
        .map(|(name, value)| format!("{name}={}", value.reveal()));
    let ours = [
        format!("LONGSHORE_JOB_ID={}", request.identity.job),
        format!("LONGSHORE_ATTEMPT={}", request.identity.attempt),
    ];
    own.chain(ours).collect()
}

fn host_config(
    spec: &JobSpec,
    config: &DockerConfig,
    log: LogDriver,
) -> Result<HostConfig, ExecutorError> {
    let memory = spec.memory.map(i64::try_from).transpose();
    let memory =
        memory.map_err(|_| refused("memory", "is more than an engine can count".to_owned()))?;
    Ok(HostConfig {
        // It would remove the container before its exit and its output are stored.
        auto_remove: Some(bug!("removed_by_engine")),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        // So that a signal ends what handles none, and orphans are reaped.
        init: Some(true),
        // What is privileged has all of these, as with docker: nothing is left to hold back.
        cap_drop: (!spec.privileged).then(|| vec!["ALL".to_owned()]),
        security_opt: (!spec.privileged).then(|| vec!["no-new-privileges".to_owned()]),
        privileged: Some(spec.privileged),
        devices: (!spec.devices.is_empty()).then(|| spec.devices.iter().map(device).collect()),
        pids_limit: Some(i64::from(spec.pids_limit.unwrap_or(config.pids_limit))),
        memory,
        // Memory and swap together: no swap.
        memory_swap: memory,
        nano_cpus: spec.cpus.map(nano_cpus),
        network_mode: spec.networks.first().map(|network| network.name.clone()),
        mounts: (!spec.mounts.is_empty()).then(|| spec.mounts.iter().map(mount).collect()),
        log_config: Some(log.config(config)),
        ..HostConfig::default()
    })
}

fn nano_cpus(cpus: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a valid spec has at most 4096 CPUs"
    )]
    let nanos = (cpus * 1e9).round() as i64;
    nanos
}

fn mount(mount: &Mount) -> EngineMount {
    EngineMount {
        target: Some(mount.target.clone()),
        source: mount.source.clone(),
        typ: Some(match mount.kind {
            MountKind::Bind => MountType::BIND,
            MountKind::Volume => MountType::VOLUME,
            MountKind::Tmpfs => MountType::TMPFS,
        }),
        read_only: Some(mount.read_only),
        ..EngineMount::default()
    }
}

fn device(device: &Device) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(device.source.clone()),
        path_in_container: Some(device.path_inside().to_owned()),
        cgroup_permissions: Some(device.granted().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::classify::ErrorClass;
    use longshore_core::executor::ContainerIdentity;
    use longshore_core::{AttemptNumber, InstanceId, JobId, Token};

    fn body(spec: JobSpec, config: &DockerConfig) -> Result<ContainerCreateBody, ExecutorError> {
        let request = LaunchRequest {
            identity: ContainerIdentity {
                instance: InstanceId("i".to_owned()),
                job: JobId(7),
                attempt: AttemptNumber(1),
                token: Token(9),
            },
            env: spec.env.clone(),
            spec,
        };
        create_body(&request, config, None, LogDriver::Local)
    }

    fn image() -> JobSpec {
        JobSpec {
            image: Some("busybox".to_owned()),
            ..JobSpec::default()
        }
    }

    #[test]
    fn a_log_counts_as_whole_only_while_even_its_longest_entries_fit() {
        let log = LogFiles {
            file_bytes: 1200,
            files: 4,
        };
        assert_eq!(LogDriver::Local.surely_keeps(&log), 3600);
        // Of 600 bytes that are read, all escaped, 3600 are written: three files of 1200.
        assert_eq!(LogDriver::JsonFile.surely_keeps(&log), 600);
        let many = LogFiles { files: 100, ..log };
        assert_eq!(
            LogDriver::JsonFile.surely_keeps(&many),
            600,
            "podman has one file"
        );
    }

    #[test]
    fn every_container_has_the_least_privilege() {
        let body = body(image(), &DockerConfig::default()).expect("nothing is refused");
        let host = body.host_config.expect("it is said");
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(
            host.security_opt,
            Some(vec!["no-new-privileges".to_owned()])
        );
        assert_eq!(host.pids_limit, Some(4096));
        assert_eq!(
            (host.privileged, host.init, host.auto_remove),
            (Some(false), Some(true), Some(false))
        );
    }

    #[test]
    fn the_log_is_kept_in_several_files_by_the_best_driver_that_there_is() {
        for (plugins, driver, name) in [
            (&["json-file", "local"][..], LogDriver::Local, "local"),
            (&["k8s-file", "none"], LogDriver::JsonFile, "json-file"),
            (&[], LogDriver::JsonFile, "json-file"),
        ] {
            let plugins: Vec<String> = plugins.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(LogDriver::of(&plugins), driver);
            let asked = driver.config(&DockerConfig {
                log_files: 1,
                ..DockerConfig::default()
            });
            assert_eq!(asked.typ.as_deref(), Some(name));
            let options = asked.config.expect("it is said");
            assert_eq!(options["max-file"], "2", "one file would stall followers");
        }
    }

    #[test]
    fn memory_is_bound_with_its_swap_and_cpus_to_the_thousandth() {
        let spec = JobSpec {
            memory: Some(64 << 20),
            cpus: Some(0.125),
            pids_limit: Some(5),
            ..image()
        };
        let body = body(spec, &DockerConfig::default()).expect("nothing is refused");
        let host = body.host_config.expect("it is said");
        assert_eq!(
            (host.memory, host.memory_swap),
            (Some(64 << 20), Some(64 << 20))
        );
        assert_eq!(host.nano_cpus, Some(125_000_000));
        assert_eq!(host.pids_limit, Some(5));
    }

    #[test]
    fn what_the_operator_does_not_allow_is_refused_by_name() {
        let bind = JobSpec {
            mounts: vec![Mount {
                kind: MountKind::Bind,
                source: Some("/etc".to_owned()),
                target: "/x".to_owned(),
                read_only: true,
            }],
            ..image()
        };
        let host_network = JobSpec {
            networks: vec![Network {
                name: "host".to_owned(),
                aliases: vec![],
            }],
            ..image()
        };
        let privileged = JobSpec {
            privileged: true,
            ..image()
        };
        for (spec, field, key) in [
            (bind, "mounts[0]", "docker.binds"),
            (host_network, "networks[0]", "docker.host_network"),
            (with_devices(), "devices[0]", "docker.devices"),
            (privileged, "privileged", "docker.privileged"),
        ] {
            let error = body(spec, &DockerConfig::default()).expect_err("it is refused");
            assert_eq!(error.class, ErrorClass::Permanent);
            let text = error.to_string();
            assert!(text.starts_with(field) && text.contains(key), "{text}");
        }
    }

    fn with_devices() -> JobSpec {
        let device = |source: &str, target: Option<&str>, permissions: Option<&str>| Device {
            source: source.to_owned(),
            target: target.map(str::to_owned),
            permissions: permissions.map(str::to_owned),
        };
        JobSpec {
            devices: vec![
                device("/dev/fuse", None, None),
                device("/dev/sda", Some("/dev/disk"), Some("r")),
            ],
            ..image()
        }
    }

    #[test]
    fn each_device_has_to_be_allowed_and_keeps_its_name_and_permissions() {
        let allowing = |devices: &[&str]| DockerConfig {
            allow: crate::config::AllowList {
                devices: devices.iter().map(|&path| path.to_owned()).collect(),
                ..crate::config::AllowList::default()
            },
            ..DockerConfig::default()
        };
        let error = body(with_devices(), &allowing(&["/dev/fuse"])).expect_err("one of two");
        assert!(error.to_string().starts_with("devices[1]"), "{error}");
        let made = body(with_devices(), &allowing(&["/dev/fuse", "/dev/sda"]));
        let host = made
            .expect("both are allowed")
            .host_config
            .expect("it is said");
        let mapping = |source: &str, target: &str, permissions: &str| DeviceMapping {
            path_on_host: Some(source.to_owned()),
            path_in_container: Some(target.to_owned()),
            cgroup_permissions: Some(permissions.to_owned()),
        };
        let expected = vec![
            mapping("/dev/fuse", "/dev/fuse", "rwm"),
            mapping("/dev/sda", "/dev/disk", "r"),
        ];
        assert_eq!(host.devices, Some(expected));
        // Beside them, as little as ever.
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(host.privileged, Some(false));
    }
}
