//! A PostgreSQL server of one test's own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::skip::skipped;

/// Where Debian keeps the programs of each major version, outside of the path.
const DEBIAN: &str = "/usr/lib/postgresql";
/// PostgreSQL refuses to run as root, so root runs it under the account of Debian's package.
const ACCOUNT: &str = "postgres";

/// How long it may take until it is ready: it may have to recover.
const STARTS_WITHIN: Duration = Duration::from_mins(1);
/// Between two looks whether it is.
const GLANCE: Duration = Duration::from_millis(20);

/// How it is stopped.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// Sessions are ended, and everything is written.
    Fast,
    /// At once, as by a crash: the next start recovers.
    Immediate,
}

/// Such a server; ended when dropped.
pub struct Postgres {
    folder: TempDir,
    /// Where the data is: in the folder, or where a test has put it.
    data: PathBuf,
    programs: PathBuf,
    account: Option<(u32, u32)>,
    port: u16,
    settings: Vec<String>,
    process: Option<Child>,
}

impl Postgres {
    /// Starts one; none where its programs can't be had, and then it says that the test is skipped.
    pub fn start(settings: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let data = folder.path().join("data");
        Self::start_in(folder, data, settings)
    }

    /// The same, with its data in this folder, which has to be empty.
    pub fn start_in(folder: TempDir, data: PathBuf, settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            skipped("a PostgreSQL server of its own takes `initdb`");
            return None;
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let mut server = Self {
            folder,
            data,
            programs,
            account: account(),
            port,
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            process: None,
        };
        server.initialise();
        server.start_again();
        Some(server)
    }

    /// As the superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it, and waits for its end.
    pub fn stop(&mut self, how: Stop) {
        let mut process = self.process.take().expect("it runs");
        let signal = match how {
            Stop::Fast => "-INT",
            Stop::Immediate => "-QUIT",
        };
        let pid = process.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("there is a kill").success());
        process.wait().expect("a child can be waited for");
    }

    /// Starts it on the same data and the same port, and waits until it answers.
    pub fn start_again(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("the folder is ours");
        // Told by the kernel to end at once should the test be killed.
        let mut command = self.command("setpriv".as_ref());
        command
            .args(["--pdeathsig", "QUIT", "--"])
            .arg(self.programs.join("postgres"))
            .arg("-D")
            .arg(&self.data)
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            // Thrown away at the end; a stop is no power cut.
            .args(["-c", "fsync=off", "-c", "shared_buffers=16MB"])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stdout(log.try_clone().expect("a second descriptor"))
            .stderr(log);
        let mut process = command.spawn().expect("postgres can be started");
        let ready = self.data.join("postmaster.pid");
        let begun = Instant::now();
        loop {
            let ended = process.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "it ended: {}", self.log());
            let status = fs::read_to_string(&ready).unwrap_or_default();
            let mut lines = status.lines();
            let is_ours = lines.next() == Some(&process.id().to_string());
            if is_ours && lines.nth(6).is_some_and(|status| status.trim() == "ready") {
                break;
            }
            assert!(begun.elapsed() < STARTS_WITHIN, "not ready: {}", self.log());
            std::thread::sleep(GLANCE);
        }
        self.process = Some(process);
    }

    /// Starts it again if it has ended by itself.
    pub fn start_if_ended(&mut self) {
        let process = self.process.as_mut().expect("it was started");
        if process
            .try_wait()
            .expect("a child can be waited for")
            .is_some()
        {
            self.start_again();
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn initialise(&self) {
        if let Some((user, group)) = self.account {
            let parent = self.data.parent().expect("a folder has a parent");
            for folder in [self.folder.path(), parent] {
                chown(folder, Some(user), Some(group)).expect("root gives folders away");
            }
        }
        let made = self
            .command(&self.programs.join("initdb"))
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync", "--pgdata"])
            .arg(&self.data)
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("initdb can be run").success());
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.stop(Stop::Immediate);
        }
    }
}

/// The folder of the programs: the first on the path, else the newest of Debian's.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let entries = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    // From 15 on all have two digits.
    versions.sort();
    folders.extend(
        versions
            .into_iter()
            .rev()
            .map(|version| version.join("bin")),
    );
    let has_it = |folder: &PathBuf| folder.join("initdb").is_file();
    folders.into_iter().find(has_it)?.canonicalize().ok()
}

/// Whom root becomes: user and group.
pub fn account() -> Option<(u32, u32)> {
    (id(&["-u"]) == 0).then(|| (id(&["-u", ACCOUNT]), id(&["-g", ACCOUNT])))
}

fn id(of: &[&str]) -> u32 {
    let output = Command::new("id")
        .args(of)
        .output()
        .expect("there is an id");
    let text = String::from_utf8(output.stdout).expect("a number");
    text.trim().parse().expect("a number")
}
