//! Finds the programs of the engines and of the tests beside them, and installs what is missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Result, bail};

use crate::debian::{Tool, provide};

/// Folders of programs for root, which the path of a person who became root may lack.
const FOR_ROOT: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Every program that is started, and what brings it on Debian.
const DOCKER: &[(&str, Tool)] = &[
    ("dockerd", brought_by(&["docker.io"])),
    ("docker", brought_by(&["docker.io"])),
    // What a container with `Init: true` starts as its first process, and what reaps the orphans
    // of our engines.
    ("docker-init", brought_by(&["docker.io", "tini"])),
    ("tini", brought_by(&["tini"])),
    // Docker's resolver in networks of one's own, even where it must not touch the firewall.
    ("iptables", brought_by(&["iptables"])),
    ("ip", brought_by(&["iproute2"])),
    // The image.
    ("busybox", brought_by(&["busybox-static"])),
    ("tar", brought_by(&["tar"])),
    // Tests of pulls and of passwords start their own.
    ("docker-registry", brought_by(&["docker-registry"])),
    // The cages.
    ("unshare", brought_by(&["util-linux"])),
    ("setpriv", brought_by(&["util-linux"])),
];

const PODMAN: Tool = Tool {
    what: "podman",
    packages: &["podman", "containernetworking-plugins"],
    elsewhere: "install it and try again",
};

const fn brought_by(packages: &'static [&'static str]) -> Tool {
    Tool {
        what: "a program of the tests' container engine",
        packages,
        elsewhere: "install Docker, docker-registry, tini, a static busybox, iproute2 and util-linux, and try again",
    }
}

/// Makes sure that Docker can be run, and says whether podman can; it must, if `podman` insists.
pub fn find_or_install(podman: bool) -> Result<bool> {
    if !nix::unistd::geteuid().is_root() {
        bail!("a private container engine needs root");
    }
    for (program, tool) in DOCKER {
        if on_path(program).is_none() {
            without_services(|| provide(tool))?;
        }
    }
    if podman && on_path("podman").is_none() {
        without_services(|| provide(&PODMAN))?;
    }
    Ok(on_path("podman").is_some())
}

/// Debian's packages start an engine, a registry or a pooler of the system, which nobody here asked
/// for. This file forbids it while they are installed; one that is there stays as it is.
pub fn without_services(install: impl FnOnce() -> Result<()>) -> Result<()> {
    const POLICY: &str = "/usr/sbin/policy-rc.d";
    let written = !Path::new(POLICY).exists() && write_policy(Path::new(POLICY)).is_ok();
    let installed = install();
    if written && let Err(error) = fs::remove_file(POLICY) {
        eprintln!("cannot remove {POLICY}, which keeps services from starting: {error}");
    }
    installed
}

fn write_policy(policy: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(policy, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(policy, fs::Permissions::from_mode(0o755))
}

/// Where a program is.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = search_path();
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// A command that also finds what only root needs.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(on_path(program).unwrap_or_else(|| program.into()));
    command.env("PATH", search_path());
    command
}

fn search_path() -> std::ffi::OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(FOR_ROOT.iter().map(PathBuf::from));
    env::join_paths(folders).unwrap_or(path)
}
