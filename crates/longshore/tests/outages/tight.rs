//! A file system with little room.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use longshore_testkit::skip::skipped;

/// Such a file system, mounted for as long as this lives.
pub struct Tight {
    folder: PathBuf,
}

impl Tight {
    /// Of so many mebibytes, at this folder, which is made; none where this process may not mount one,
    /// and then it says that the test is skipped.
    pub fn mount(folder: &Path, mebibytes: u32) -> Option<Self> {
        fs::create_dir(folder).expect("its parent can be written");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            skipped("a disk of its own that can be full takes root");
            return None;
        }
        Some(Self {
            folder: folder.to_owned(),
        })
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("a file can be made");
        for size in [1 << 20, 1 << 12] {
            let block = vec![1_u8; size];
            while ballast.write_all(&block).is_ok() {}
        }
    }

    /// Gives it back.
    pub fn relieve(&self) {
        fs::remove_file(self.ballast()).expect("it was filled");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for Tight {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        // It goes with the machine at the latest.
        let _ = unmount.arg("--lazy").arg(&self.folder).status();
    }
}
