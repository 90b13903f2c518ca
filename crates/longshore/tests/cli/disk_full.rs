//! A disk that is full: one clear error, nothing half-written, and work again once there is room.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Home, Ran, Running};

/// Room for an empty database and a few jobs.
const ROOM_KIB: u32 = 2048;

/// A folder that takes no more than [`ROOM_KIB`]: a file system of its own where this user may
/// mount one, else a bound on the size of each file of the process.
enum Tight {
    Mounted(PathBuf),
    Bounded(PathBuf),
}

impl Tight {
    fn new(home: &Home) -> Self {
        let folder = home.path().join("tight");
        std::fs::create_dir(&folder).expect("the home can be written");
        let size = format!("size={ROOM_KIB}k");
        if mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], &folder) {
            Self::Mounted(folder)
        } else {
            Self::Bounded(folder)
        }
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Mounted(folder) | Self::Bounded(folder) => folder,
        }
    }

    /// Runs the binary where there is little room.
    fn run(&self, home: &Home, args: &[&str]) -> Ran {
        match self {
            Self::Mounted(_) => home.run(args),
            Self::Bounded(_) => {
                // With the signal ignored, a write beyond the bound fails as it does on a full disk.
                let blocks = (ROOM_KIB * 2).to_string();
                let script = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
                let binary = home.command(args);
                let mut command = Command::new("sh");
                command
                    .args(["-c", script, &blocks])
                    .arg(binary.get_program())
                    .args(binary.get_args())
                    .current_dir(home.path())
                    .env("HOME", home.path())
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped());
                Running::start(&mut command).finish()
            }
        }
    }

    /// Makes room.
    fn widen(&mut self) {
        if let Self::Mounted(folder) = self {
            assert!(
                mount(&["-o", "remount,size=64m"], folder),
                "it was mounted before"
            );
        }
    }
}

impl Drop for Tight {
    fn drop(&mut self) {
        if let Self::Mounted(folder) = self {
            let _gone_with_the_machine = Command::new("umount").arg("--lazy").arg(folder).status();
        }
    }
}

fn mount(how: &[&str], folder: &Path) -> bool {
    let mut mount = Command::new("mount");
    let mounted = mount.args(how).arg(folder).stderr(Stdio::null()).status();
    mounted.is_ok_and(|status| status.success())
}

#[test]
fn a_full_disk_is_the_systems_fault_and_leaves_nothing_half_written() {
    let home = Home::new();
    let mut tight = Tight::new(&home);
    let address = format!("sqlite:{}/jobs.db", tight.folder().display());
    let database = ["--database", address.as_str()];
    let line = format!("{{\"command\": [\"true\", {:?}]}}\n", "x".repeat(1000));
    let many = home.file("many.jsonl", &line.repeat(5000));
    let submit_many = [&["submit", "-f", &many], &database[..]].concat();

    let first = tight.run(
        &home,
        &[&["submit"], &database[..], &["--", "true"]].concat(),
    );
    assert_eq!(first.code, 0, "{}", first.report());
    let refused = tight.run(&home, &submit_many);
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (3, ""),
        "{}",
        refused.report()
    );
    if let Tight::Mounted(_) = tight {
        for said in [
            "longshore: submit: ",
            "the disk is full",
            "hint: nothing was written",
        ] {
            assert!(refused.stderr.contains(said), "{}", refused.report());
        }
    }
    assert_eq!(
        refused
            .stderr
            .lines()
            .filter(|line| line.starts_with("longshore: "))
            .count(),
        1
    );

    let jobs = |home: &Home| home.json(&[&["stats"], &database[..]].concat());
    assert_eq!(
        jobs(&home)["metrics"]["queue_depth"],
        1,
        "all of the file or nothing"
    );
    let small = tight.run(
        &home,
        &[&["submit"], &database[..], &["--", "true"]].concat(),
    );
    assert_eq!(small.code, 0, "what fits goes on: {}", small.report());

    tight.widen();
    let ran = home.run(&submit_many);
    assert_eq!(
        (ran.code, ran.stdout.lines().count()),
        (0, 5000),
        "{}",
        ran.stderr
    );
    assert_eq!(jobs(&home)["metrics"]["queue_depth"], 5002);
    let said = home.run(&[&["doctor"], &database[..]].concat());
    assert!(!said.stdout.contains("PROBLEM"), "{}", said.report());
}
