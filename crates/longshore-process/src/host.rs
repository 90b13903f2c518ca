//! Which machine this is.

use std::fs;
use std::io;

use longshore_core::host::HostFacts;

use crate::procfs;

/// What a store is told of this machine.
pub fn facts(executor: &str) -> io::Result<HostFacts> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname")?
        .trim()
        .to_owned();
    Ok(HostFacts {
        executor: executor.to_owned(),
        identity: identity(&machine(&name), procfs::pid_namespace()?),
        boot_id: procfs::boot_id()?,
        name,
    })
}

/// A PID namespace (a container) is a host of its own: from one no process of another can be seen,
/// and so none be proved dead.
fn identity(machine: &str, pid_namespace: u64) -> String {
    match pid_namespace {
        procfs::INITIAL_PID_NAMESPACE => machine.to_owned(),
        other => format!("{machine}/pid-namespace:{other}"),
    }
}

/// `/etc/machine-id` (`machine-id(5)`). A machine without one goes by `hostname:<name>`, which is
/// only as unique as its name; the prefix says so.
fn machine(name: &str) -> String {
    let machine_id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match machine_id.trim() {
        // The second is what an image holds before its first boot.
        "" | "uninitialized" => format!("hostname:{name}"),
        id => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_an_identity_a_boot_and_a_name() {
        let facts = facts("process").expect("/proc is readable");
        assert_eq!(facts.executor, "process");
        assert!(!facts.identity.is_empty() && !facts.name.is_empty());
        assert_eq!(facts.boot_id.len(), 36, "{}", facts.boot_id);
    }

    #[test]
    fn two_pid_namespaces_of_a_machine_are_two_hosts() {
        assert_eq!(identity("m", procfs::INITIAL_PID_NAMESPACE), "m");
        assert_ne!(identity("m", 4_026_532_001), identity("m", 4_026_532_002));
    }
}
