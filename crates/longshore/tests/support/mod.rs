//! Runs the real binary in a home of its own.

#[allow(dead_code, reason = "not every test binary needs an engine")]
pub mod engine;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take before a test gives up: far more than it needs on a loaded machine.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// A user's home folder, with a database of its own.
pub struct Home {
    folder: TempDir,
    /// What stands between the commands and the database, in copies of this module that are about that.
    server: OnceLock<HomeServer>,
    /// Who works on what `run` submits there, unless the test has a worker of its own.
    worker: OnceLock<Option<Running>>,
}

struct HomeServer {
    url: String,
    _running: Running,
}

/// Whether a server stands between the commands of this copy of the module and their database.
pub fn is_served() -> bool {
    module_path!().contains("::served::")
}

impl Home {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            server: OnceLock::new(),
            worker: OnceLock::new(),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the database is by default.
    pub fn database(&self) -> PathBuf {
        self.path().join(".local/share/longshore/longshore.db")
    }

    /// Writes a file into the home, and names it.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        let folder = path.parent().expect("a file has a folder");
        std::fs::create_dir_all(folder).expect("the home can be written");
        std::fs::write(&path, text).expect("the home can be written");
        path.to_str().expect("temporary paths are UTF-8").to_owned()
    }

    /// The binary, with nothing of the tester's own environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.direct_command(args);
        if is_served() {
            let server = self.server.get_or_init(|| self.start_server());
            command.env("LONGSHORE_SERVER", &server.url);
            match args.first() {
                Some(&"worker") => drop(self.worker.get_or_init(|| None)),
                Some(&"run") => drop(self.worker.get_or_init(|| Some(self.start_worker()))),
                _ => {}
            }
        }
        command
    }

    /// A server on a free port, which takes whoever reaches it for an admin.
    fn start_server(&self) -> HomeServer {
        let args = ["server", "--listen", "127.0.0.1:0", "--anonymous", "admin"];
        let mut running = Running::start(&mut self.direct_command(&args));
        let line = running.stderr_lines().next_line();
        let (_, url) = line.split_once("listens on ").expect("it says where");
        HomeServer {
            url: url.trim().to_owned(),
            _running: running,
        }
    }

    /// `run` works on nothing itself where a server stands between.
    fn start_worker(&self) -> Running {
        let args = [
            "worker",
            "--poll-interval",
            "50ms",
            "--lease-ttl",
            "2s",
            "--heartbeat",
            "500ms",
        ];
        Running::start(&mut self.direct_command(&args))
    }

    /// Whether nothing was asked of the database that would leave something there.
    #[allow(dead_code, reason = "not every test binary looks")]
    pub fn is_untouched(&self) -> bool {
        if is_served() {
            return self.json(&["list"])["jobs"] == serde_json::json!([]);
        }
        !self.database().exists()
    }

    fn direct_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().expect("the binary can be run"))
    }

    /// Runs it to its end, with something on stdin.
    pub fn run_with(&self, args: &[&str], stdin: &str) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let mut pipe = child.stdin.take().expect("stdin is piped");
        pipe.write_all(stdin.as_bytes())
            .expect("the binary reads its stdin");
        drop(pipe);
        Ran::of(child.wait_with_output().expect("the binary ends"))
    }

    /// Runs it, and expects it to succeed; returns its stdout.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "longshore {args:?}:\n{}", ran.report());
        ran.stdout
    }

    /// Runs it with `--json`, and reads what it wrote.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let stdout = self.ok(&args);
        serde_json::from_str(&stdout).expect("--json writes one JSON document")
    }

    /// Submits, and returns the id.
    pub fn submit(&self, args: &[&str]) -> String {
        let args: Vec<&str> = ["submit"].iter().chain(args).copied().collect();
        self.ok(&args).trim().to_owned()
    }

    /// A job's state.
    pub fn state(&self, job: &str) -> String {
        let job = self.json(&["show", job]);
        job["state"].as_str().expect("a job has a state").to_owned()
    }

    /// Waits until the job is in this state.
    pub fn wait_for_state(&self, job: &str, state: &str) {
        wait_until(&format!("job {job} is {state}"), || {
            self.state(job) == state
        });
    }

    /// Starts it, to go on beside the test.
    pub fn spawn(&self, args: &[&str]) -> Running {
        Running::start(&mut self.command(args))
    }
}

/// Waits for a condition, and fails when it does not come.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that goes on beside the test; killed if the test ends first.
pub struct Running {
    child: Option<Child>,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let child = command.spawn().expect("the binary can be run");
        Self { child: Some(child) }
    }

    /// Its process id.
    #[allow(dead_code, reason = "not every test binary looks at its processes")]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it is running").id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.pid();
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(pid.to_string())
            .status();
        assert!(
            status.expect("there is a kill").success(),
            "signal {name} was not sent"
        );
    }

    /// The pipe of its stdout.
    pub fn stdout(&mut self) -> std::process::ChildStdout {
        let child = self.child.as_mut().expect("it is running");
        child
            .stdout
            .take()
            .expect("stdout is piped and was not taken")
    }

    /// The pipe of its stderr; `finish` then reports none of it.
    pub fn stderr(&mut self) -> ChildStderr {
        let child = self.child.as_mut().expect("it is running");
        child
            .stderr
            .take()
            .expect("stderr is piped and was not taken")
    }

    /// Its stderr, to be read as it comes; `finish` then reports none of it.
    pub fn stderr_lines(&mut self) -> Lines {
        Lines {
            reader: BufReader::new(self.stderr()),
        }
    }

    /// What it left behind, if it has ended.
    pub fn poll(mut self) -> Result<Ran, Self> {
        let child = self.child.as_mut().expect("it is running");
        let ended = child.try_wait().expect("a child can be waited for");
        if ended.is_none() {
            return Err(self);
        }
        Ok(self.finish())
    }

    /// Waits for its end.
    pub fn finish(self) -> Ran {
        self.finish_within(DEADLINE)
    }

    /// Waits for its end, for as long as what it does may take.
    pub fn finish_within(mut self, deadline: Duration) -> Ran {
        let mut child = self.child.take().expect("it is running");
        // Polled beside a deadline, then read: what these write fits their pipes.
        let begun = Instant::now();
        while child
            .try_wait()
            .expect("a child can be waited for")
            .is_none()
        {
            if begun.elapsed() > deadline {
                let _already_gone = child.kill();
                let ran = Ran::of(child.wait_with_output().expect("it was killed"));
                panic!("it did not end within {deadline:?}:\n{}", ran.report());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ran::of(child.wait_with_output().expect("it has ended"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _already_gone = child.kill();
            let _already_reaped = child.wait();
        }
    }
}

/// What a process says, line by line.
pub struct Lines {
    reader: BufReader<ChildStderr>,
}

impl Lines {
    /// The next line; fails at the end.
    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).expect("tests read text");
        assert!(read > 0, "it ended without saying more");
        line
    }

    /// The first line to come that holds this.
    #[allow(dead_code, reason = "not every test binary waits for a word")]
    pub fn wait_for(&mut self, word: &str) -> String {
        loop {
            let line = self.next_line();
            if line.contains(word) {
                return line;
            }
        }
    }

    /// What remains, up to the end.
    pub fn rest(mut self) -> String {
        let mut rest = String::new();
        self.reader
            .read_to_string(&mut rest)
            .expect("tests read text");
        rest
    }
}

/// What a run left behind.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("tests read text"),
            stderr: String::from_utf8(output.stderr).expect("tests read text"),
        }
    }

    /// All of it, for a snapshot.
    pub fn report(&self) -> String {
        let mut report = format!("exit code {}\n", self.code);
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(report, "--- {name}\n{text}").expect("writing to a string succeeds");
            }
        }
        report
    }
}
