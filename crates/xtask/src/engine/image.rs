//! The image `busybox:local`, made from Debian's static busybox: no registry is asked.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::tools::on_path;
use crate::process::check;

/// What the tests call it.
pub const NAME: &str = "busybox:local";

/// The accounts that images commonly have.
const FILES: &[(&str, &str)] = &[
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    ),
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
];

/// Writes the image's files as an archive in `folder`, and returns where.
pub fn write(folder: &Path) -> Result<PathBuf> {
    let archive = folder.join("image.tar");
    let tree = folder.join("image");
    lay_out(&tree).context("cannot lay out the files of the tests' image")?;
    check(
        Command::new("tar")
            .args(["--numeric-owner", "--owner=0", "--group=0", "-cf"])
            .arg(&archive)
            .arg("-C")
            .arg(&tree)
            .arg("."),
    )?;
    Ok(archive)
}

fn lay_out(tree: &Path) -> Result<()> {
    for (name, mode) in [
        ("bin", 0o755),
        ("etc", 0o755),
        ("root", 0o700),
        ("tmp", 0o1777),
    ] {
        let made = tree.join(name);
        fs::create_dir_all(&made)?;
        fs::set_permissions(&made, fs::Permissions::from_mode(mode))?;
    }
    for (name, text) in FILES {
        fs::write(tree.join(name), text)?;
    }
    let busybox = on_path("busybox").context("busybox is not there any more")?;
    fs::copy(&busybox, tree.join("bin/busybox"))?;
    let listed = Command::new(&busybox).arg("--list").output()?;
    if !listed.status.success() {
        bail!("`busybox --list` failed ({})", listed.status);
    }
    for applet in applets(&String::from_utf8_lossy(&listed.stdout)) {
        symlink("busybox", tree.join("bin").join(applet))?;
    }
    Ok(())
}

/// The names to link. Busybox lists itself, too: that link would replace the program.
fn applets(listed: &str) -> Vec<&str> {
    let names = listed.lines().map(str::trim);
    names
        .filter(|name| !name.is_empty() && *name != "busybox")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_not_replaced_by_a_link_to_itself() {
        assert_eq!(applets("[\nash\nbusybox\ncat\n\n"), ["[", "ash", "cat"]);
    }
}
