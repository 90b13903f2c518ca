//! What reaches beyond a container is taken from the operator's list, and refused by name otherwise:
//! binds, networks that are not the job's own, devices, privileged mode.

use longshore_core::classify::ErrorClass;
use longshore_core::executor::ExecutorError;
use longshore_core::spec::{JobSpec, MountKind};

use crate::config::DockerConfig;

/// Refuses, for good, what the operator does not allow.
pub(crate) fn check_allowed(spec: &JobSpec, config: &DockerConfig) -> Result<(), ExecutorError> {
    for (index, mount) in spec.mounts.iter().enumerate() {
        let source = mount.source.as_deref().unwrap_or_default();
        if mount.kind == MountKind::Bind && !config.allow.allows_bind(source) {
            return Err(refused(
                &format!("mounts[{index}]"),
                format!(
                    "{source:?} is not below a folder that the operator allows to be mounted: \
                     docker.binds in the worker's configuration lists them"
                ),
            ));
        }
    }
    for (index, network) in spec.networks.iter().enumerate() {
        if !config.allow.allows_network(&network.name) {
            return Err(refused(
                &format!("networks[{index}]"),
                match network.name.as_str() {
                    "host" => "the operator does not allow the host's network: \
                               docker.host_network in the worker's configuration does"
                        .to_owned(),
                    other => format!("network {other:?} would be another container's own"),
                },
            ));
        }
    }
    for (index, device) in spec.devices.iter().enumerate() {
        if !config.allow.allows_device(&device.source) {
            return Err(refused(
                &format!("devices[{index}]"),
                format!(
                    "the operator allows no such device: {:?} is not in docker.devices \
                     of the worker's configuration",
                    device.source
                ),
            ));
        }
    }
    if spec.privileged && !config.allow.privileged {
        return Err(refused(
            "privileged",
            "the operator does not allow it: docker.privileged in the worker's configuration does"
                .to_owned(),
        ));
    }
    Ok(())
}

/// A field that an engine will never honour here.
pub(crate) fn refused(field: &str, problem: String) -> ExecutorError {
    ExecutorError::new(ErrorClass::Permanent, field, problem)
}
