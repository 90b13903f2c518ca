//! What an operator decides about an engine's containers.

use std::time::Duration;

use crate::images::Credentials;

/// How containers are made on one engine, and what they may ask for.
#[derive(Clone, Debug)]
pub struct DockerConfig {
    /// What jobs may ask for beyond the least privilege.
    pub allow: AllowList,
    /// The most processes and threads of a job that names no limit of its own.
    pub pids_limit: u32,
    /// The size of one file of the engine's log, in bytes. What a worker has not read when it dies
    /// is read from there by the next: `max-file` such files are kept.
    pub log_file_bytes: u64,
    /// How many such files are kept, at least 2: with one, following stalls at each rotation
    /// (moby#37646).
    pub log_files: u32,
    /// How long any single call to the engine may take.
    pub deadline: Duration,
    /// With what images are pulled.
    pub credentials: Credentials,
}

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            allow: AllowList::default(),
            pids_limit: 4096,
            log_file_bytes: 16 * 1024 * 1024,
            log_files: 4,
            deadline: Duration::from_mins(1),
            credentials: Credentials::default(),
        }
    }
}

/// What jobs may ask for that reaches beyond their containers. Nothing, unless the operator says so.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AllowList {
    /// Folders of the engine's host below which (and which themselves) may be mounted. Compared
    /// as text, after `.` and `..` are resolved: a symbolic link inside an allowed folder leads
    /// wherever it leads, because the engine's file system can't be looked at from here. So allow
    /// only folders in which no job's user can make links.
    pub bind_prefixes: Vec<String>,
    /// Whether jobs may share the host's network (the network named `host`).
    pub host_network: bool,
    /// Devices of the engine's host that jobs may have; a folder stands for all below it. Compared
    /// as text like `bind_prefixes`.
    pub devices: Vec<String>,
    /// Whether jobs may run privileged: as good as being root on the engine's host.
    pub privileged: bool,
}

impl AllowList {
    /// Whether a folder or file of the host may be mounted.
    pub fn allows_bind(&self, source: &str) -> bool {
        is_below(&self.bind_prefixes, source)
    }

    /// Whether a device of the host may be given to a job.
    pub fn allows_device(&self, source: &str) -> bool {
        is_below(&self.devices, source)
    }

    /// Whether a network of that name may be joined. `container:…` never: it would be another
    /// job's network.
    pub fn allows_network(&self, name: &str) -> bool {
        match name {
            "host" => self.host_network,
            _ => !name.contains(':'),
        }
    }
}

/// Whether a path is one of the prefixes, or lies below one.
fn is_below(prefixes: &[String], path: &str) -> bool {
    let Some(path) = normal(path) else {
        return false;
    };
    prefixes
        .iter()
        .any(|prefix| normal(prefix).is_some_and(|prefix| path.starts_with(prefix.as_slice())))
}

/// The parts of an absolute path with `.` and `..` resolved; none if it is not absolute.
fn normal(path: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    for part in path.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowing(prefix: &str) -> AllowList {
        AllowList {
            bind_prefixes: vec![prefix.to_owned()],
            ..AllowList::default()
        }
    }

    #[test]
    fn nothing_is_allowed_unless_it_is_said() {
        let none = AllowList::default();
        assert!(!none.allows_bind("/"));
        assert!(!none.allows_bind("/data"));
        assert!(!none.allows_network("host"));
        assert!(none.allows_network("backend"));
        assert!(!none.allows_device("/dev/null") && !none.privileged);
    }

    #[test]
    fn a_device_is_allowed_by_itself_or_by_its_folder_and_folders_to_mount_allow_none() {
        let allow = AllowList {
            bind_prefixes: vec!["/dev".to_owned()],
            devices: vec!["/dev/fuse".to_owned(), "/dev/snd".to_owned()],
            ..AllowList::default()
        };
        for path in ["/dev/fuse", "/dev/./fuse", "/dev/snd", "/dev/snd/timer"] {
            assert!(allow.allows_device(path), "{path}");
        }
        for path in [
            "/dev",
            "/dev/fuse2",
            "/dev/fuse/../sda",
            "/dev/snd/../sda",
            "fuse",
        ] {
            assert!(!allow.allows_device(path), "{path}");
        }
    }

    #[test]
    fn a_prefix_allows_itself_and_what_lies_below_it() {
        for path in ["/data", "/data/", "/data/in", "/data/./in", "/data/x/../in"] {
            assert!(allowing("/data").allows_bind(path), "{path}");
            assert!(allowing("/data/").allows_bind(path), "{path}");
        }
    }

    #[test]
    fn no_way_leads_out_of_a_prefix() {
        for path in [
            "/",
            "/etc",
            "/database",
            "/data/..",
            "/data/../etc",
            "/data/x/../../etc",
            "/../data/../etc",
            "data",
            "",
            "../data",
        ] {
            assert!(!allowing("/data").allows_bind(path), "{path}");
        }
    }

    #[test]
    fn another_containers_network_is_never_joined() {
        let all = AllowList {
            host_network: true,
            ..AllowList::default()
        };
        assert!(all.allows_network("host"));
        assert!(!all.allows_network("container:abc"));
    }
}
