//! A container engine of one test's own.
//!
//! It lives in a cage of its own (processes, mounts, network), so that it takes nothing away from
//! another engine and everything of it ends with the cage.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::skip::skipped;
use crate::wait::eventually;

/// Runs `dockerd`, and again whenever it has ended, unless the file `stay-down` is there.
const KEEPER: &str = r#"
mount -t tmpfs tmpfs /run
while :; do
  if [ -e "$1/stay-down" ]; then sleep 0.05; continue; fi
  rm -f "$1/docker.pid"
  dockerd --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/docker.pid" \
    --host "unix://$1/docker.sock" --iptables=false --ip-masq=false \
    --exec-opt native.cgroupdriver=cgroupfs $2 >>"$1/log" 2>&1
done
"#;

/// How long it may take until it answers: it may wait for containers that it ends.
const STARTS_WITHIN: Duration = Duration::from_mins(2);

/// Such an engine; ended with everything in it when dropped.
pub struct Engine {
    folder: TempDir,
    cage: Child,
    options: String,
}

impl Engine {
    /// Starts one with this image of the engine at `from`, and these options of `dockerd`; none where
    /// this process may not, and then it says which test is skipped.
    ///
    /// # Panics
    /// If it does not answer in time.
    pub async fn start(from: &str, image: &str, options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        if !may_cage() {
            skipped("an engine of its own takes root");
            return None;
        }
        let cage = cage(folder.path(), options);
        let engine = Self {
            folder,
            cage,
            options: options.to_owned(),
        };
        engine.await_answer().await;
        engine.load_from(from, image);
        Some(engine)
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    /// Sends the daemon a signal, and no other process of it.
    pub fn signal(&self, name: &str) {
        let pid = self.daemon().expect("the daemon runs");
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.expect("there is a kill").success(), "signal {name}");
    }

    /// Ends the daemon by that signal, and sees to it that it stays down.
    pub async fn end_by(&self, name: &str) {
        File::create(self.path("stay-down")).expect("the folder is ours");
        self.signal(name);
        eventually("the end of the daemon", async || {
            self.daemon().is_none().then_some(())
        })
        .await;
    }

    /// Ends it and everything in it at once, as a host's power does, and starts it on what is on its disk.
    ///
    /// # Panics
    /// If it does not answer in time.
    pub async fn reboot(&mut self) {
        self.end_cage();
        // What a start of the host clears, its daemon included.
        for left in ["docker.pid", "docker.sock", "exec"] {
            let left = self.path(left);
            let _not_there = fs::remove_file(&left).or_else(|_| fs::remove_dir_all(&left));
        }
        self.cage = cage(self.folder.path(), &self.options);
        self.await_answer().await;
    }

    /// Takes its socket away, so that nobody can connect; who is connected stays so.
    pub fn hide_socket(&self) {
        fs::rename(self.path("docker.sock"), self.path("hidden.sock")).expect("it is there");
    }

    /// Puts it back.
    pub fn show_socket(&self) {
        fs::rename(self.path("hidden.sock"), self.path("docker.sock")).expect("it was hidden");
    }

    /// Lets it run again, and waits until it answers.
    pub async fn start_again(&self) {
        fs::remove_file(self.path("stay-down")).expect("it was ended");
        self.await_answer().await;
    }

    async fn await_answer(&self) {
        let begun = Instant::now();
        while !self.docker(&["version"]) {
            if begun.elapsed() > STARTS_WITHIN {
                let log = fs::read_to_string(self.path("log")).unwrap_or_default();
                panic!("the daemon does not answer:\n{log}");
            }
            // Between two looks, whose count decides nothing.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    fn load_from(&self, from: &str, image: &str) {
        let archive = self.path("image.tar");
        let saved = Command::new("docker")
            .args(["--host", from, "save", "--output"])
            .arg(&archive)
            .arg(image)
            .status();
        assert!(saved.expect("there is a docker").success());
        let archive = archive.to_str().expect("temporary paths are UTF-8");
        assert!(self.docker(&["load", "--quiet", "--input", archive]));
    }

    /// Whether the `docker` command succeeds.
    fn docker(&self, words: &[&str]) -> bool {
        let ran = Command::new("timeout")
            .args(["5", "docker", "--host", &self.address()])
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        ran.expect("there is a docker").success()
    }

    /// The daemon's process, as this side of the cage knows it.
    fn daemon(&self) -> Option<String> {
        let folder = self
            .folder
            .path()
            .to_str()
            .expect("temporary paths are UTF-8");
        let processes = fs::read_dir("/proc").expect("this machine has /proc");
        for process in processes.flatten() {
            let read = |file| fs::read(process.path().join(file)).unwrap_or_default();
            let is_daemon = read("comm") == b"dockerd\n";
            if is_daemon && String::from_utf8_lossy(&read("cmdline")).contains(folder) {
                return Some(process.file_name().to_string_lossy().into_owned());
            }
        }
        None
    }

    /// Its first process takes all the others along.
    fn end_cage(&mut self) {
        let _already_gone = self.cage.kill();
        let _already_reaped = self.cage.wait();
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end_cage();
    }
}

/// Starts a cage, and the daemon in it.
fn cage(folder: &Path, options: &str) -> Child {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--pid"])
        .args(["--fork", "--kill-child=KILL", "--mount-proc", "--mount"])
        .args(["--", "sh", "-c", KEEPER, "sh"])
        .arg(folder)
        .arg(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("keeper.log")).expect("the folder is ours"))
        .spawn()
        .expect("the cage can be started")
}

fn may_cage() -> bool {
    let tried = Command::new("unshare")
        .args([
            "--net",
            "--pid",
            "--fork",
            "--mount-proc",
            "--mount",
            "true",
        ])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}
