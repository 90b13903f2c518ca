//! `cargo xtask release`: what is handed out of a version.
//!
//! Owns `target/dist`: an archive with a static binary and what belongs to it, its checksum, and the context
//! of the container image. It publishes nothing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::debian::{Tool, provide};
use crate::engine::tools::on_path;
use crate::metadata::cargo;
use crate::process::check;

/// `SQLite` and what encrypts are partly C.
const MUSL: Tool = Tool {
    what: "a C compiler for musl (`musl-gcc`)",
    packages: &["musl-tools"],
    elsewhere: "install musl's development tools, and try again",
};

/// Whom the binary in the image trusts.
const AUTHORITIES: Tool = Tool {
    what: "the certificates of public authorities",
    packages: &["ca-certificates"],
    elsewhere: "install them as /etc/ssl/certs/ca-certificates.crt, and try again",
};
const AUTHORITIES_AT: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What a person may say about it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also build the container image under this name, with the `docker` command.
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
}

/// Builds and packs.
pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let target = format!("{}-unknown-linux-musl", env::consts::ARCH);
    provide_target(&target)?;
    if on_path("musl-gcc").is_none() {
        provide(&MUSL)?;
    }
    if !Path::new(AUTHORITIES_AT).exists() {
        provide(&AUTHORITIES)?;
    }
    let words = [
        "build",
        "--release",
        "--locked",
        "-p",
        "longshore",
        "--target",
    ];
    check(
        Command::new(cargo())
            .args(words)
            .arg(&target)
            .current_dir(root),
    )?;
    let built = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let binary = built.join(&target).join("release/longshore");
    let bytes = fs::read(&binary).context("cannot read the binary")?;
    ensure!(
        !has_interpreter(&bytes),
        "{} needs a dynamic linker: it is not static",
        binary.display()
    );
    let dist = built.join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).context("cannot take the last release away")?;
    }
    let archive = pack(root, &dist, &binary, &target)?;
    lay_out_image(&dist.join("image"), &binary)?;
    if let Some(name) = &arguments.image {
        build_image(root, &dist.join("image"), name)?;
    }
    eprintln!("{} and SHA256SUMS are in {}", archive, dist.display());
    Ok(())
}

fn provide_target(target: &str) -> Result<()> {
    if on_path("rustup").is_some() {
        return check(Command::new("rustup").args(["target", "add", target]));
    }
    let asked = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    if !Path::new(&folder).is_dir() {
        bail!("Rust's libraries for {target} are not installed: install them, and try again");
    }
    Ok(())
}

/// The archive's name. The same files give the same bytes: no owner, no time but the commit's.
fn pack(root: &Path, dist: &Path, binary: &Path, target: &str) -> Result<String> {
    let name = format!("longshore-{}-{target}", env!("CARGO_PKG_VERSION"));
    let folder = dist.join(&name);
    fs::create_dir_all(&folder).context("cannot make the release's folder")?;
    copy(binary, &folder.join("longshore"))?;
    for file in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root.join(file), &folder.join(file))?;
    }
    let deploy = ["-r", "deploy"];
    check(
        Command::new("cp")
            .args(deploy)
            .arg(&folder)
            .current_dir(root),
    )?;
    check(
        Command::new(binary)
            .args(["man", "--out"])
            .arg(folder.join("man")),
    )?;
    let completions = folder.join("completions");
    fs::create_dir(&completions).context("cannot make a folder")?;
    for shell in ["bash", "zsh", "fish"] {
        let file = fs::File::create(completions.join(format!("longshore.{shell}")));
        let mut command = Command::new(binary);
        command.args(["completions", shell]);
        check(command.stdout(file.context("cannot write completions")?))?;
    }
    let archive = format!("{name}.tar.gz");
    let words = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner"];
    let mut tar = Command::new("tar");
    tar.args(words)
        .arg(format!("--mtime=@{}", committed_at(root)))
        .args(["--use-compress-program", "gzip -9n", "-cf", &archive, &name])
        .current_dir(dist);
    check(&mut tar)?;
    let sums = fs::File::create(dist.join("SHA256SUMS")).context("cannot write SHA256SUMS")?;
    let mut sum = Command::new("sha256sum");
    check(sum.arg(&archive).current_dir(dist).stdout(sums))?;
    Ok(archive)
}

/// When the commit was made that is built, in seconds since 1970; 0 outside of a repository.
fn committed_at(root: &Path) -> u64 {
    let asked = Command::new("git")
        .args(["log", "-1", "--format=%ct"])
        .current_dir(root)
        .output();
    let said = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).trim().to_owned());
    said.ok().and_then(|said| said.parse().ok()).unwrap_or(0)
}

/// What `deploy/docker/Dockerfile` copies.
fn lay_out_image(context: &Path, binary: &Path) -> Result<()> {
    fs::create_dir_all(context.join("data")).context("cannot make the image's folder")?;
    copy(binary, &context.join("longshore"))?;
    copy(
        Path::new(AUTHORITIES_AT),
        &context.join("ca-certificates.crt"),
    )
}

fn build_image(root: &Path, context: &Path, name: &str) -> Result<()> {
    let mut docker = Command::new("docker");
    docker.args(["build", "--quiet", "--tag", name, "--file"]);
    docker.arg(root.join("deploy/docker/Dockerfile"));
    check(docker.arg(context))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::copy(from, to);
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Whether a 64-bit little-endian ELF file asks for a dynamic linker (a program header `PT_INTERP`); one that
/// is no such file counts as asking.
fn has_interpreter(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let word = |at: usize, bytes: usize| -> Option<u64> {
        let field = elf.get(at..at + bytes)?;
        let digits = field.iter().rev();
        Some(digits.fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let headers = || -> Option<bool> {
        if elf.get(..6)? != b"\x7fELF\x02\x01" {
            return None;
        }
        let first = usize::try_from(word(32, 8)?).ok()?;
        let (size, count) = (word(54, 2)?, word(56, 2)?);
        for nth in 0..count {
            let at = first + usize::try_from(nth * size).ok()?;
            if word(at, 4)? == u64::from(PT_INTERP) {
                return Some(true);
            }
        }
        Some(false)
    };
    headers().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_asks_for_a_linker_is_told_from_one_that_does_not() {
        let own = fs::read(env::current_exe().expect("it runs")).expect("it can be read");
        assert!(has_interpreter(&own), "tests are linked dynamically");
        assert!(has_interpreter(b"#!/bin/sh"));
        // A header with one program header, of another kind.
        let mut elf = vec![0; 64 + 56];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (elf[32], elf[54], elf[56], elf[64]) = (64, 56, 1, 1);
        assert!(!has_interpreter(&elf));
        elf[64] = 3;
        assert!(has_interpreter(&elf));
    }
}
