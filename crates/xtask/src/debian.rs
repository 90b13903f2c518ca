//! Missing tools: installed where that is ours to do, else a person is told what to install.
//!
//! Owns the one rule for that (root on Debian, as on a fresh CI machine, installs) and the calls
//! of apt-get. Never installs as anybody else, and nothing that its caller has not found missing.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process::check;

/// A tool that the chores need, and how one gets it.
pub struct Tool {
    /// What it is, as the subject of "… is missing".
    pub what: &'static str,
    /// Debian's packages which bring it.
    pub packages: &'static [&'static str],
    /// Advice for every other machine.
    pub elsewhere: &'static str,
}

/// The facts about this machine that decide what may be done about a missing tool.
#[derive(Clone, Copy)]
struct Machine {
    root: bool,
    debian: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    Install,
    Tell(String),
}

/// Installs the missing `tool`, or fails with the advice how to.
pub fn provide(tool: &Tool) -> Result<()> {
    let machine = Machine {
        root: nix::unistd::geteuid().is_root(),
        debian: Path::new("/etc/debian_version").exists(),
    };
    match remedy(tool, machine) {
        Remedy::Tell(advice) => bail!(advice),
        Remedy::Install => {
            eprintln!(
                "{} is missing: installing {} with apt-get",
                tool.what,
                tool.packages.join(" ")
            );
            // The lists of a fresh image are empty or old.
            check(apt_get().args(["-q", "update"]))?;
            check(
                apt_get()
                    .args(["-qy", "install", "--no-install-recommends"])
                    .args(tool.packages),
            )
        }
    }
}

fn remedy(tool: &Tool, machine: Machine) -> Remedy {
    let Tool {
        what,
        packages,
        elsewhere,
    } = tool;
    match machine {
        Machine {
            root: true,
            debian: true,
        } => Remedy::Install,
        Machine {
            root: false,
            debian: true,
        } => Remedy::Tell(format!(
            "{what} is missing: install it with `sudo apt-get install {}` and try again",
            packages.join(" ")
        )),
        Machine { debian: false, .. } => Remedy::Tell(format!("{what} is missing: {elsewhere}")),
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: Tool = Tool {
        what: "a crane",
        packages: &["crane", "rope"],
        elsewhere: "build one",
    };

    #[test]
    fn root_on_debian_installs() {
        assert_eq!(
            remedy(
                &TOOL,
                Machine {
                    root: true,
                    debian: true
                }
            ),
            Remedy::Install
        );
    }

    #[test]
    fn others_on_debian_are_told_the_packages() {
        let told =
            "a crane is missing: install it with `sudo apt-get install crane rope` and try again";
        assert_eq!(
            remedy(
                &TOOL,
                Machine {
                    root: false,
                    debian: true
                }
            ),
            Remedy::Tell(told.to_owned())
        );
    }

    #[test]
    fn elsewhere_nothing_is_installed_even_by_root() {
        for root in [true, false] {
            let told = "a crane is missing: build one".to_owned();
            assert_eq!(
                remedy(
                    &TOOL,
                    Machine {
                        root,
                        debian: false
                    }
                ),
                Remedy::Tell(told)
            );
        }
    }
}
