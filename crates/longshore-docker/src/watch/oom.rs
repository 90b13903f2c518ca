//! Whether something in a container was killed for memory, by the kernel's own count.
//!
//! The engine's flag is not to be relied upon: with version 2 of control groups it may miss a child
//! that was killed (nomad#13119), and podman has none. The kernel counts in the container's control
//! group: `memory.events` in version 2, `memory.oom_control` in version 1. The group is gone with
//! the container, so the count is read while it runs, and what was killed together with the whole
//! container only the engine can tell.
//!
//! Only an engine on this machine shares its control groups: the group found by the process id that
//! the engine names has to bear the container's own id, else the process is another machine's.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel shows processes.
const PROCESSES: &str = "/proc";
/// Where it shows control groups.
const GROUPS: &str = "/sys/fs/cgroup";

/// Whether the kernel has killed something of that container for memory. False where that can't be
/// seen.
pub(super) fn has_killed(id: &str, pid: i64) -> bool {
    has_killed_by(Path::new(PROCESSES), Path::new(GROUPS), id, pid)
}

fn has_killed_by(processes: &Path, groups: &Path, id: &str, pid: i64) -> bool {
    let membership = fs::read_to_string(processes.join(pid.to_string()).join("cgroup"));
    let files = membership.map(|text| count_files(&text, groups, id));
    files.unwrap_or_default().iter().any(|file| {
        let counts = fs::read_to_string(file);
        counts.is_ok_and(|counts| kills(&counts) > 0)
    })
}

/// The files that hold the count, by the lines of `/proc/PID/cgroup` (`cgroups(7)`):
/// `hierarchy:controllers:path`. Machines may have both versions, with memory in either.
fn count_files(membership: &str, groups: &Path, id: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in membership.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        // A path with `..` leads out of what is mounted here.
        if id.is_empty() || !path.contains(id) || path.split('/').any(|part| part == "..") {
            continue;
        }
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            files.push(groups.join(path).join("memory.events"));
        } else if controllers.split(',').any(|name| name == "memory") {
            files.push(groups.join("memory").join(path).join("memory.oom_control"));
        }
    }
    files
}

/// Both versions have a line `oom_kill COUNT`; version 1 since Linux 4.13.
fn kills(counts: &str) -> u64 {
    let lines = counts.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(name, _)| *name == "oom_kill")
        .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c0b7e8a";
    const PID: i64 = 4711;

    /// A machine's files, made of (path, text).
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("the folder is ours");
            fs::write(path, text).expect("the folder is ours");
        }
        folder
    }

    fn killed_on(files: &[(&str, &str)]) -> bool {
        let machine = machine(files);
        let [processes, groups] = ["proc", "sys"].map(|name| machine.path().join(name));
        has_killed_by(&processes, &groups, ID, PID)
    }

    const EVENTS: &str = "sys/system.slice/docker-4f1c0b7e8a.scope/memory.events";
    const MEMBER: (&str, &str) = (
        "proc/4711/cgroup",
        "0::/system.slice/docker-4f1c0b7e8a.scope\n",
    );

    #[test]
    fn with_version_2_the_kernels_count_of_the_containers_group_tells() {
        let after = "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n";
        assert!(killed_on(&[MEMBER, (EVENTS, after)]));
        // At its limit, and it got along.
        let before = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 0\noom_group_kill 0\n";
        assert!(!killed_on(&[MEMBER, (EVENTS, before)]));
    }

    #[test]
    fn with_version_1_it_is_in_the_memory_hierarchy() {
        let member = "12:cpu,cpuacct:/docker/4f1c0b7e8a\n4:memory:/docker/4f1c0b7e8a\n0::/\n";
        let control = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n";
        assert!(killed_on(&[
            ("proc/4711/cgroup", member),
            ("sys/memory/docker/4f1c0b7e8a/memory.oom_control", control),
        ]));
    }

    #[test]
    fn another_process_of_that_number_says_nothing_of_the_container() {
        let after = "oom_kill 1\n";
        assert!(!killed_on(&[
            ("proc/4711/cgroup", "0::/system.slice/docker-0ther.scope\n"),
            ("sys/system.slice/docker-0ther.scope/memory.events", after),
        ]));
        assert!(!killed_on(&[
            ("proc/4711/cgroup", "0::/../docker-4f1c0b7e8a.scope\n"),
            ("docker-4f1c0b7e8a.scope/memory.events", after),
        ]));
        assert!(!killed_on(&[(EVENTS, after)]), "the process is gone");
        assert!(!killed_on(&[MEMBER]), "the group is gone");
        assert!(!killed_on(&[MEMBER, (EVENTS, "no such lines")]));
    }
}
