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
        identity: identity(&name),
        boot_id: procfs::boot_id()?,
        name,
    })
}

/// `/etc/machine-id` (`machine-id(5)`). A machine without one goes by `hostname:<name>`, which is
/// only as unique as its name; the prefix says so.
fn identity(name: &str) -> String {
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
}
