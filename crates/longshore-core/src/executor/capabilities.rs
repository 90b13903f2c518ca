//! What an executor can do, and the refusal by name of what a job asks beyond that.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::spec::JobSpec;

/// Something that an executor can do, or enforce.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Its containers go on when the worker dies, and can be adopted.
    SurvivesWorker,
    /// Its jobs are code of the worker's own process, and end with it at the latest: so there is nothing
    /// to find again, and a lease that died with its worker may have run, whatever is stored of it. For
    /// such an executor alone no handle is stored before the start.
    InProcess,
    /// Runs images.
    Images,
    /// Runs commands without an image.
    Commands,
    /// Enforces a memory limit.
    MemoryLimit,
    /// Enforces a CPU limit.
    CpuLimit,
    /// Enforces a limit on processes.
    PidsLimit,
    /// Runs as another user.
    User,
    /// Joins networks.
    Networks,
    /// Mounts things.
    Mounts,
    /// Gives containers devices of the host.
    Devices,
    /// Runs containers that may do whatever the host's root may.
    Privileged,
    /// A stop gives its grace to children too whose main process has ended meanwhile.
    GraceForChildren,
    /// Its listing names the containers of every worker on that host, so that what it lacks is
    /// proved absent.
    FullListing,
}

/// What an executor can do.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(pub BTreeSet<Capability>);

impl Capabilities {
    /// Exactly these.
    pub fn of(list: impl IntoIterator<Item = Capability>) -> Self {
        Self(list.into_iter().collect())
    }

    /// Whether the executor can do that.
    pub fn has(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }
}

/// Fields of a spec that an executor can't honour. They are refused, never ignored.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the {executor} executor can't honour {}: {advice}", fields.join(", "))]
pub struct Refusal {
    /// Which executor.
    pub executor: String,
    /// The fields' names.
    pub fields: Vec<&'static str>,
    /// What to do instead.
    pub advice: &'static str,
}

/// Names the fields of `spec` that `capabilities` do not cover.
pub fn check_capabilities(
    executor: &str,
    capabilities: &Capabilities,
    spec: &JobSpec,
) -> Result<(), Refusal> {
    use Capability as C;
    let asks = [
        ("image", C::Images, spec.image.is_some()),
        (
            "command without an image",
            C::Commands,
            spec.image.is_none(),
        ),
        ("pull", C::Images, spec.pull.is_some()),
        ("memory", C::MemoryLimit, spec.memory.is_some()),
        ("cpus", C::CpuLimit, spec.cpus.is_some()),
        ("pids_limit", C::PidsLimit, spec.pids_limit.is_some()),
        ("user", C::User, spec.user.is_some()),
        ("networks", C::Networks, !spec.networks.is_empty()),
        ("mounts", C::Mounts, !spec.mounts.is_empty()),
        ("devices", C::Devices, !spec.devices.is_empty()),
        ("privileged", C::Privileged, spec.privileged),
    ];
    let fields: Vec<_> = asks
        .into_iter()
        .filter(|(_, capability, asked)| *asked && !capabilities.has(*capability))
        .map(|(field, _, _)| field)
        .collect();
    if fields.is_empty() {
        return Ok(());
    }
    let advice = "leave them out, or submit to a queue whose executor can";
    Err(Refusal {
        executor: executor.to_owned(),
        fields,
        advice,
    })
}
