//! Finds PostgreSQL's server programs, and installs them where that is ours to do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, anyhow};

use crate::debian::{Tool, provide};

/// The oldest major version that Longshore's statements are written for.
const OLDEST_MAJOR: u32 = 15;

/// Where Debian keeps the server programs of each major version, outside of the path.
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";

/// Where Debian's packages read, before they install a server, whether to create a cluster.
const DEBIAN_CLUSTER_SETTINGS: &str = "/etc/postgresql-common/createcluster.d";

const POSTGRESQL: Tool = Tool {
    what: "PostgreSQL's server (`initdb` and `postgres`, version 15 or newer)",
    packages: &["postgresql"],
    elsewhere: "install PostgreSQL, put the folder of its `initdb` on the PATH, and try again",
};

/// The folder of the server programs: the first on the path, else the newest of Debian's, else
/// freshly installed.
pub fn find_or_install() -> Result<PathBuf> {
    if let Some(bin) = find() {
        return Ok(bin);
    }
    without_system_cluster(|| provide(&POSTGRESQL))?;
    find().with_context(|| {
        format!("PostgreSQL was installed, but not in version {OLDEST_MAJOR} or newer")
    })
}

fn find() -> Option<PathBuf> {
    candidates()
        .into_iter()
        .find(|bin| major_version(bin).is_some_and(|major| major >= OLDEST_MAJOR))
}

fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter(|bin| bin.join("initdb").is_file());
    // Absolute, because the programs run with another working folder than ours.
    on_path
        .filter_map(|bin| bin.canonicalize().ok())
        .chain(debian_bins(Path::new(DEBIAN_VERSIONS)))
        .collect()
}

/// `versions/*/bin`, the newest version first; by number, as 9 is older than 15.
fn debian_bins(versions: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(versions).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            Some((
                leading_number(entry.file_name().to_str()?)?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, bin)| bin).collect()
}

fn major_version(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

/// The major version in what `postgres --version` prints: `postgres (PostgreSQL) 15.14 (Debian …)`.
fn parse_major(printed: &str) -> Option<u32> {
    leading_number(printed.split_once("(PostgreSQL) ")?.1)
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Debian's package creates and starts a cluster of the system, which nobody here asked for. A
/// setting beside the package's own keeps it from that; it is taken away again afterwards, so
/// that a person who later wants such a cluster gets one.
fn without_system_cluster(install: impl FnOnce() -> Result<()>) -> Result<()> {
    let setting = Path::new(DEBIAN_CLUSTER_SETTINGS).join("longshore-xtask.conf");
    // Best effort: with a cluster of the system, ours only takes another port.
    let written = nix::unistd::geteuid().is_root()
        && fs::create_dir_all(DEBIAN_CLUSTER_SETTINGS).is_ok()
        && fs::write(&setting, "create_main_cluster = false\n").is_ok();
    let installed = install();
    let removed = if written {
        fs::remove_file(&setting).with_context(|| format!("cannot remove {}", setting.display()))
    } else {
        Ok(())
    };
    both(installed, removed)
}

/// Success of both, else what failed: the second failure is said beside the first, not instead.
fn both(first: Result<()>, second: Result<()>) -> Result<()> {
    match (first, second) {
        (Err(first), Err(second)) => Err(anyhow!("{first:#}; besides, {second:#}")),
        (first, second) => first.and(second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_every_form_that_is_printed() {
        assert_eq!(
            parse_major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(parse_major("postgres (PostgreSQL) 17beta1\n"), Some(17));
        assert_eq!(parse_major("postgres (PostgreSQL) 9.6.24\n"), Some(9));
        assert_eq!(parse_major("postgres: command not found\n"), None);
    }

    #[test]
    fn a_failed_clean_up_does_not_hide_why_the_install_failed() {
        let failed = |why: &'static str| Err(anyhow!(why));
        let said = |first, second| both(first, second).map_err(|error| error.to_string());
        let left = "cannot remove the setting";
        assert_eq!(
            said(failed("no such package"), failed(left)),
            Err("no such package; besides, cannot remove the setting".to_owned())
        );
        assert_eq!(
            said(failed("no such package"), Ok(())),
            Err("no such package".to_owned())
        );
        assert_eq!(said(Ok(()), failed(left)), Err(left.to_owned()));
        assert_eq!(said(Ok(()), Ok(())), Ok(()));
    }

    #[test]
    fn newest_of_debians_versions_comes_first() {
        let versions = tempfile::tempdir().expect("tests may write temporary files");
        for version in ["15", "9.6", "17", "README"] {
            fs::create_dir(versions.path().join(version)).expect("the folder is new");
        }
        let wanted = ["17", "15", "9.6"].map(|version| versions.path().join(version).join("bin"));
        assert_eq!(debian_bins(versions.path()), wanted);
    }

    #[test]
    fn no_folder_of_versions_means_none_found() {
        assert_eq!(
            debian_bins(Path::new("/nowhere/at/all")),
            [""; 0].map(PathBuf::from)
        );
    }
}
