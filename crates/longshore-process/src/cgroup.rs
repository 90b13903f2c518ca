//! A control group for each job, where this user may make one: who is in it can't leave it.
//!
//! A process that leaves its session and cleans its environment is still its shim's to end; but if
//! the shim is killed, and the worker with it, nothing else would tell whose it is. So the shim puts
//! the job's first process into a group of its own, below the group that the shim itself is in
//! (version 2 of control groups, `cgroups(7)`), whose name says which container it is. No controller
//! is turned on in it: it bounds nothing, and what bounds the worker's own group bounds the job's.
//!
//! Root may make one, and whoever was given a group to manage (systemd's `Delegate=`); in most
//! containers nobody may. Then there is none, and what is said of it in [`crate::remains`] holds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use longshore_core::executor::ContainerIdentity;

use crate::handle::ProcessId;
use crate::labels;
use crate::procfs::Pid;

/// What each group's name begins with.
const PREFIX: &str = "longshore-process";

/// Groups are looked for no deeper than this: nobody nests workers so deep.
const DEEPEST: u32 = 12;

/// One job's group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group(PathBuf);

impl Group {
    /// Makes one for a container of this process's; none where that is not possible.
    pub fn make(shim: &ProcessId, identity: &ContainerIdentity) -> Option<Self> {
        let group = Self(own_folder()?.join(name(shim, identity)));
        fs::create_dir(&group.0).ok()?;
        Some(group)
    }

    /// The group of a container, if it has one.
    pub fn of(shim: &ProcessId) -> io::Result<Option<Self>> {
        let wanted = format!("{}@", shim_part(shim));
        let mut all = all()?.into_iter();
        let found = all.find(|(name, _)| name.starts_with(&wanted));
        Ok(found.map(|(_, group)| group))
    }

    /// Every group that a shim made: whose it is, and what is in it.
    pub fn all() -> io::Result<Vec<(ProcessId, ContainerIdentity, Self)>> {
        let all = all()?.into_iter();
        let known = all.filter_map(|(name, group)| {
            let (shim, identity) = read(&name)?;
            Some((shim, identity, group))
        });
        Ok(known.collect())
    }

    /// Puts a process into it, with all that it will start.
    pub fn add(&self, pid: Pid) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), pid.to_string())
    }

    /// Who is in it, and in the groups that a job (of root's) may have made below it. Ended ones that
    /// nobody waited for are left out by the kernel.
    pub fn processes(&self) -> io::Result<Vec<Pid>> {
        let mut found = Vec::new();
        for folder in self.folders()? {
            let list = match fs::read_to_string(folder.join("cgroup.procs")) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                list => list?,
            };
            found.extend(list.lines().filter_map(|line| line.parse::<Pid>().ok()));
        }
        Ok(found)
    }

    /// Removes it, if nobody is in it any more. What can't be removed does no harm: it is empty, or
    /// it still tells of somebody.
    pub fn remove(&self) {
        for folder in self.folders().unwrap_or_default().iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }

    /// It and those below it, the outer ones first.
    fn folders(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = vec![self.0.clone()];
        let mut at = 0;
        while at < found.len() {
            let below = folders_in(&found[at])?;
            found.extend(below);
            at += 1;
        }
        Ok(found)
    }
}

/// `longshore-process.<shim>@<label>`, without the `/` of a label.
fn name(shim: &ProcessId, identity: &ContainerIdentity) -> String {
    let label = labels::write(identity).replace('/', "@");
    format!("{}@{label}", shim_part(shim))
}

fn shim_part(shim: &ProcessId) -> String {
    format!("{PREFIX}.{shim}")
}

fn read(name: &str) -> Option<(ProcessId, ContainerIdentity)> {
    let rest = name.strip_prefix(PREFIX)?.strip_prefix('.')?;
    let (shim, label) = rest.split_once('@')?;
    let (name, token) = label.rsplit_once('@')?;
    Some((
        shim.parse().ok()?,
        labels::read(&format!("{name}/{token}"))?,
    ))
}

/// All groups of jobs on this machine, as far as this process sees it.
fn all() -> io::Result<Vec<(String, Group)>> {
    let mut found = Vec::new();
    let Some(root) = mount()? else {
        return Ok(found);
    };
    let mut folders = vec![(root, 0)];
    while let Some((folder, depth)) = folders.pop() {
        for below in folders_in(&folder)? {
            let name = below.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(PREFIX) {
                found.push((name.into_owned(), Group(below)));
            } else if depth < DEEPEST {
                folders.push((below, depth + 1));
            }
        }
    }
    Ok(found)
}

fn folders_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        // Removed just now; or another user's, who gives none of ours a group there.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(vec![]);
        }
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Where version 2 is mounted.
fn mount() -> io::Result<Option<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(mounts.lines().find_map(mount_in).map(PathBuf::from))
}

/// `proc_pid_mountinfo(5)`: the place is the fifth word, the kind the first after a lone `-`.
fn mount_in(line: &str) -> Option<&str> {
    let (place, kind) = line.split_once(" - ")?;
    if !kind.starts_with("cgroup2 ") {
        return None;
    }
    // Places with spaces are written with escapes; nobody mounts it there.
    place.split(' ').nth(4)
}

/// The folder of the group that this process is in.
fn own_folder() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // `..` leads out of what is mounted here.
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    Some(mount().ok()??.join(path))
}

#[cfg(test)]
mod tests {
    use longshore_core::{AttemptNumber, InstanceId, JobId, Token};

    use super::*;

    #[test]
    fn a_groups_name_says_whose_it_is() {
        let shim = ProcessId::of_child(std::process::id()).expect("/proc shows this process");
        let identity = ContainerIdentity {
            instance: InstanceId("abc".to_owned()),
            job: JobId(7),
            attempt: AttemptNumber(2),
            token: Token(99),
        };
        let name = name(&shim, &identity);
        assert!(!name.contains('/'));
        assert_eq!(read(&name), Some((shim, identity)));
        assert_eq!(read("longshore-process.x@longshore-abc-7-2@99"), None);
        assert_eq!(read("user.slice"), None);
    }

    #[test]
    fn version_2_is_found_among_mounts() {
        let line = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
        assert_eq!(mount_in(line), Some("/sys/fs/cgroup/unified"));
        let line = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu";
        assert_eq!(mount_in(line), None);
    }
}
