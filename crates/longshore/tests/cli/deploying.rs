//! What is in `deploy/`: units, an image, a compose file, manifests; tried with the programs that they are for.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use longshore_core::spec::parse_duration;
use serde_json::Value;

use crate::pages::repository;
use crate::support::engine::{self, Engine};
use crate::support::{Home, Ran, Running};

/// What a worker takes beyond its time to drain: what it stops then, and containers that are still to be removed.
const BEYOND_THE_DRAIN: Duration = Duration::from_secs(30);

fn deploy() -> PathBuf {
    repository().join("deploy")
}

fn beside_this(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/deploying")
        .join(file)
}

/// Whether there is such a program; on CI there has to be.
fn has(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .stdout(Stdio::null())
        .status();
    let found = found.expect("there is a shell").success();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{program} is missing: `cargo xtask test` installs it"
    );
    found
}

/// These are words that `longshore` understands: its answer to them with `--help` is help.
fn are_understood(home: &Home, words: &[&str]) {
    let ran = home.run(&[words, &["--help"]].concat());
    assert_eq!(ran.code, 0, "{words:?}: {}", ran.report());
}

/// The value behind a flag.
fn after<'a>(words: &[&'a str], flag: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == flag)?;
    words.get(at + 1).copied()
}

fn outlasts_the_drain(words: &[&str], given: Duration) {
    let drain = after(words, "--shutdown-timeout").expect("it says how long it drains");
    let drain = parse_duration(drain).expect("a duration");
    assert!(given >= drain + BEYOND_THE_DRAIN, "{given:?} for {words:?}");
}

#[test]
fn the_units_are_what_systemd_takes_and_leave_a_drain_its_time() {
    if !has("systemd-analyze") {
        return;
    }
    let home = Home::new();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut units = 0;
    for entry in std::fs::read_dir(deploy().join("systemd")).expect("there are units") {
        let unit = entry.expect("it can be read").path();
        let text = std::fs::read_to_string(&unit).expect("a text");
        let line = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_else(|| panic!("{}: no {key}", unit.display()))
        };
        let words: Vec<&str> = line("ExecStart=").split(' ').collect();
        assert_eq!(words[0], "/usr/local/bin/longshore");
        are_understood(&home, &words[1..]);
        if words[1] != "server" {
            let stop = parse_duration(&line("TimeoutStopSec=").replace("min", "m"));
            outlasts_the_drain(&words, stop.expect("a duration"));
            assert_eq!(line("KillMode="), "mixed");
        }
        let here = text.replace(words[0], env!("CARGO_BIN_EXE_longshore"));
        let copy = folder
            .path()
            .join(unit.file_name().expect("a file has a name"));
        std::fs::write(&copy, here).expect("the folder is ours");
        let verified = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&copy)
            .output();
        let verified = verified.expect("it was found");
        let said = String::from_utf8_lossy(&verified.stderr);
        // It looks at more units than this one.
        let of_this: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("longshore"))
            .collect();
        assert!(
            verified.status.success() && of_this.is_empty(),
            "{}: {said}",
            unit.display()
        );
        units += 1;
    }
    assert_eq!(units, 3);
}

#[test]
fn the_manifests_are_what_kubernetes_takes_and_leave_a_drain_its_time() {
    let Some(python) = std::env::var_os("LONGSHORE_TEST_PYTHON") else {
        assert!(std::env::var_os("CI").is_none(), "no Python");
        return;
    };
    let home = Home::new();
    let manifests = deploy().join("kubernetes/longshore.yaml");
    let checked = Command::new(python)
        .arg(beside_this("manifests.py"))
        .arg(&manifests)
        .output()
        .expect("Python can be started");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    let pods: Vec<Value> = serde_json::from_slice(&checked.stdout).expect("it writes JSON");
    let mut seen = Vec::new();
    for pod in &pods {
        let spec = &pod["spec"];
        for container in spec["containers"].as_array().expect("containers") {
            let words = container["args"].as_array().expect("arguments");
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            are_understood(&home, &words);
            seen.push(words[0].to_owned());
            if words[0] == "migrate" {
                continue;
            }
            for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
                assert_eq!(container[probe]["httpGet"]["path"], path, "{container}");
            }
            if words[0] == "worker" {
                let grace = spec["terminationGracePeriodSeconds"].as_u64();
                outlasts_the_drain(
                    &words,
                    Duration::from_secs(grace.expect("it has a grace period")),
                );
            }
        }
    }
    seen.sort();
    assert_eq!(seen, ["migrate", "server", "worker"]);
}

/// A compose project of its own on the tests' engine; taken down with all that is in it.
struct Project {
    name: String,
    variables: Vec<(&'static str, String)>,
}

impl Project {
    fn of(engine: &Engine) -> Self {
        let socket = engine.address.strip_prefix("unix://").expect("a socket");
        let group = std::fs::metadata(socket).expect("the socket is there");
        let group = std::os::unix::fs::MetadataExt::gid(&group);
        let name = format!("longshore{}", std::process::id());
        // Free a moment ago: published ports can't be chosen by the engine and be told here.
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = port.expect("a port is free").port();
        Self {
            variables: vec![
                ("DOCKER_HOST", engine.address.clone()),
                ("LONGSHORE_POSTGRES_PASSWORD", "secret".to_owned()),
                ("LONGSHORE_IMAGE", format!("{name}:test")),
                ("LONGSHORE_POSTGRES_IMAGE", format!("{name}-postgres:test")),
                ("LONGSHORE_DOCKER_SOCKET", socket.to_owned()),
                ("LONGSHORE_DOCKER_GROUP", group.to_string()),
                ("LONGSHORE_PORT", port.to_string()),
            ],
            name,
        }
    }

    fn variable(&self, name: &str) -> &str {
        let found = self.variables.iter().find(|(key, _)| *key == name);
        &found.expect("it is there").1
    }

    fn run(&self, program: &str, words: &[&str]) -> Ran {
        let mut command = Command::new(program);
        command
            .args(words)
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running::start(&mut command).finish_within(crate::support::DEADLINE * 4)
    }

    fn compose(&self, words: &[&str]) -> Ran {
        let file = deploy().join("compose/compose.yaml");
        let file = file.to_str().expect("UTF-8");
        self.run(
            "docker-compose",
            &[&["-p", &self.name, "-f", file], words].concat(),
        )
    }

    /// Builds the images by the project's Dockerfile, of what this machine has.
    fn build(&self) {
        let script = beside_this("images.sh");
        let dockerfile = deploy().join("docker/Dockerfile");
        let postgres = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
        let newest = postgres
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .max();
        let built = self.run(
            "bash",
            &[
                script.to_str().expect("UTF-8"),
                env!("CARGO_BIN_EXE_longshore"),
                dockerfile.to_str().expect("UTF-8"),
                self.variable("LONGSHORE_IMAGE"),
                newest.expect("a version").to_str().expect("UTF-8"),
                self.variable("LONGSHORE_POSTGRES_IMAGE"),
            ],
        );
        assert_eq!(built.code, 0, "{}", built.report());
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.compose(&["down", "--volumes", "--timeout", "5"]);
        let images = [
            self.variable("LONGSHORE_IMAGE").to_owned(),
            format!("{}-base", self.variable("LONGSHORE_IMAGE")),
            self.variable("LONGSHORE_POSTGRES_IMAGE").to_owned(),
        ];
        let [one, two, three] = &images;
        self.run("docker", &["image", "rm", "--force", one, two, three]);
    }
}

/// The image, and all of the compose file: a database, a server and two workers that launch on the engine
/// beside which they run.
#[test]
fn the_compose_file_runs_jobs_by_the_image_of_the_dockerfile() {
    let Some(engine) = engine::or_skip() else {
        return;
    };
    if !has("docker-compose") || !has("docker") {
        return;
    }
    let project = Project::of(&engine);
    project.build();
    let image = project.variable("LONGSHORE_IMAGE");
    let user = ["image", "inspect", "--format", "{{.Config.User}}", image];
    assert_eq!(project.run("docker", &user).stdout.trim(), "65532:65532");
    // By itself: a file in its volume, and the port that it says.
    let version = project.run("docker", &["run", "--rm", image, "--version"]);
    assert!(
        version.stdout.starts_with("longshore "),
        "{}",
        version.report()
    );
    let submitted = ["run", "--rm", image, "submit", "--hold", "alpine", "true"];
    let submitted = project.run("docker", &submitted);
    assert_eq!(submitted.stdout.trim(), "1", "{}", submitted.report());

    // As docs/deploying.md says: the database, then a token, then all of it.
    let migrated = project.compose(&["run", "--rm", "migrate", "migrate"]);
    assert!(
        migrated.stdout.contains("from schema 0"),
        "{}",
        migrated.report()
    );
    let token = project.compose(&[
        "run", "--rm", "migrate", "token", "create", "--role", "admin", "ann",
    ]);
    assert_eq!(token.code, 0, "{}", token.report());
    let up = project.compose(&["up", "-d"]);
    assert_eq!(up.code, 0, "{}", up.report());
    let home = Home::new();
    let token = home.file("token", token.stdout.trim());
    let url = format!("http://localhost:{}", project.variable("LONGSHORE_PORT"));
    let over = ["--server", &url, "--token-file", &token];
    crate::support::wait_until("two workers serve it", || {
        let ran = home.run(&[&over[..], &["workers", "--json"]].concat());
        let workers: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        workers.as_array().is_some_and(|workers| workers.len() == 2)
    });
    let job = [
        "submit",
        "--wait",
        &engine.image,
        "sh",
        "-c",
        "echo by compose; exit 5",
    ];
    let ran = home.run(&[&over[..], &job].concat());
    let said = ran.stdout.trim_end().lines().last();
    assert_eq!(
        (ran.code, said),
        (5, Some("by compose")),
        "{}",
        ran.report()
    );
    // Told to stop, they drain at once where nothing runs, and say goodbye.
    let stopped = project.compose(&["stop", "worker-1", "worker-2"]);
    assert_eq!(stopped.code, 0, "{}", stopped.report());
    let ran = home.run(&[&over[..], &["workers", "--json"]].concat());
    assert_eq!(ran.stdout.trim(), "[]", "{}", ran.report());
}
