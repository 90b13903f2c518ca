//! One engine in a cage: its own process and mount namespace, in the machine's network.
//!
//! The kernel ends whatever lives in a cage (shims, containers, mounts) with the cage's first
//! process, and that one with the guard. So the end needs nobody's cooperation; an engine that
//! still answers is asked to remove its containers first, which tidies their control groups.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::image;
use super::network::Network;
use super::tools::{command, on_path};
use crate::process::{end_of_log, wait_until};

/// How long a start may take: generous, for a machine that compiles at the same time.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the kernel may take to end what is in a cage.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How often we look whether the engine answers.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Where the kernel shows control groups.
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// Podman keeps locks and state at fixed places, too: those of another podman must not be met.
const HIDE_PODMANS_PLACES: &str = "mkdir -p /run/libpod /run/containers \
    && mount -t tmpfs tmpfs /dev/shm \
    && mount -t tmpfs tmpfs /run/libpod \
    && mount -t tmpfs tmpfs /run/containers \
    && exec \"$@\"";

/// An engine; dropping it ends it.
pub struct Caged {
    /// The variable under which tests find it.
    pub variable: &'static str,
    process: Child,
    socket: PathBuf,
    log: PathBuf,
    control_group: String,
}

impl Caged {
    /// Starts Docker with everything it writes in `folder`.
    pub fn docker(variable: &'static str, folder: &Path, network: &Network) -> Result<Self> {
        let socket = folder.join("docker.sock");
        let control_group = format!("longshore-{}", std::process::id());
        let mut cage = cage();
        cage.args(["tini", "--", "dockerd", "--data-root"])
            .arg(folder.join("docker"))
            .arg("--exec-root")
            .arg(folder.join("docker-run"))
            .arg("--pidfile")
            .arg(folder.join("docker.pid"))
            .arg(format!("--host=unix://{}", socket.display()))
            .args(["--bridge", network.bridge()])
            .args(["--default-address-pool", &network.pool()])
            // The firewall and the settings of the machine's network stay as they are.
            .args(["--iptables=false", "--ip-forward=false", "--ip-masq=false"])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs"])
            .arg(format!("--cgroup-parent=/{control_group}"));
        Self::spawn(
            variable,
            cage,
            socket,
            folder.join("docker.log"),
            control_group,
        )
    }

    /// Starts podman's service with everything it writes in `folder`.
    pub fn podman(variable: &'static str, folder: &Path, network: &Network) -> Result<Self> {
        let socket = folder.join("podman.sock");
        let settings = folder.join("containers.conf");
        let networks = folder.join("podman-networks");
        let (bridge, subnet) = network.podman();
        let conflist = serde_json::json!({
            "cniVersion": "0.4.0",
            "name": "podman",
            // Without the plugins that change the firewall.
            "plugins": [{
                "type": "bridge", "bridge": bridge, "isGateway": true, "ipMasq": false,
                "ipam": {
                    "type": "host-local", "dataDir": folder.join("podman-leases"),
                    "ranges": [[{ "subnet": subnet }]]
                }
            }]
        });
        let podman_settings = podman_settings(&networks)?;
        fs::create_dir(&networks)
            .and_then(|()| fs::write(networks.join("podman.conflist"), conflist.to_string()))
            .and_then(|()| fs::write(&settings, podman_settings))
            .context("cannot write podman's settings")?;
        let mut cage = cage();
        cage.env("CONTAINERS_CONF", &settings)
            .args([
                "sh",
                "-c",
                HIDE_PODMANS_PLACES,
                "sh",
                "tini",
                "--",
                "podman",
            ])
            .arg("--root")
            .arg(folder.join("podman"))
            .arg("--runroot")
            .arg(folder.join("podman-run"))
            .arg("--tmpdir")
            .arg(folder.join("podman-tmp"))
            .args(["system", "service", "--time=0"])
            .arg(format!("unix://{}", socket.display()));
        // Its name for the control group of all its containers.
        let control_group = "libpod_parent".to_owned();
        Self::spawn(
            variable,
            cage,
            socket,
            folder.join("podman.log"),
            control_group,
        )
    }

    fn spawn(
        variable: &'static str,
        mut cage: Command,
        socket: PathBuf,
        log: PathBuf,
        control_group: String,
    ) -> Result<Self> {
        let file =
            File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let folder = log.parent().context("an engine's log lies in its folder")?;
        let process = cage
            // What it leaves where it stands (podman's monitors do) goes with its folder.
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("cannot share the engine's log")?)
            .stderr(file)
            .spawn()
            .context("cannot start a container engine")?;
        Ok(Self {
            variable,
            process,
            socket,
            log,
            control_group,
        })
    }

    /// Waits until the engine answers.
    pub fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            let ended = self
                .process
                .try_wait()
                .context("cannot wait for an engine")?;
            if let Some(status) = ended {
                bail!(
                    "the engine did not start ({status}):\n{}",
                    self.end_of_log()
                );
            }
            if self.socket.exists() && self.call(&["version"]).is_ok() {
                return Ok(());
            }
            thread::sleep(LOOK_INTERVAL);
        }
        bail!(
            "the engine did not answer within {} s:\n{}",
            START_TIMEOUT.as_secs(),
            self.end_of_log()
        )
    }

    /// Gives it the tests' image.
    pub fn import(&self, archive: &Path) -> Result<()> {
        let archive = archive.to_str().context("the folder's name is no text")?;
        self.call(&["import", archive, image::NAME]).map(drop)
    }

    /// How tests reach it.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The cage's process, to wait for.
    pub fn process(&mut self) -> &mut Child {
        &mut self.process
    }

    /// The last lines of its log.
    pub fn end_of_log(&self) -> String {
        end_of_log(&self.log)
    }

    /// Removes its containers and ends it.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    /// Everything that can be ended is, before the first failure is said.
    fn end(&mut self) -> Result<()> {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Best effort: a test may have stopped the engine itself.
            let _ = self.remove_containers();
        }
        let ended = self.kill_all();
        remove_control_groups(&self.control_group);
        ended
    }

    fn remove_containers(&self) -> Result<()> {
        let listed = self.call(&["ps", "--all", "--quiet", "--no-trunc"])?;
        let mut words = vec!["rm", "--force", "--volumes"];
        words.extend(listed.lines());
        if words.len() > 3 {
            self.call(&words)?;
        }
        Ok(())
    }

    /// Kills the cage's first process. The kernel lets it end only after all others in the cage.
    fn kill_all(&mut self) -> Result<()> {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            let child = child.parse().context("the kernel shows no process id")?;
            // Gone already is as good.
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
        let ended = wait_until(&mut self.process, Instant::now() + STOP_TIMEOUT)?;
        if ended.is_none() {
            // Takes the first process with it, though nobody then waits for the others.
            let _ = self.process.kill();
            let _ = self.process.wait();
            bail!("an engine did not end within {} s", STOP_TIMEOUT.as_secs());
        }
        Ok(())
    }

    /// One call of the command line, which speaks with podman as well; an error has its words.
    fn call(&self, words: &[&str]) -> Result<String> {
        let verb = words.first().copied().unwrap_or_default();
        let seconds = CALL_TIMEOUT.as_secs().to_string();
        let output = command("timeout")
            .args(["--signal=KILL", &seconds, "docker"])
            .args(["--host", &self.address()])
            .args(words)
            .env_remove("DOCKER_CONTEXT")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start `docker {verb}`"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "`docker {verb}` failed ({}): {}",
                output.status,
                said.trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Caged {
    fn drop(&mut self) {
        // After `stop` there is nothing left to end.
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.end();
        }
    }
}

/// A command that runs the words behind it in a new cage, which ends with us.
fn cage() -> Command {
    let mut command = command("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", "unshare"])
        .args(["--pid", "--fork", "--kill-child=KILL", "--mount-proc"])
        // Mounts made outside are seen inside; none from inside comes out.
        .args(["--mount", "--propagation", "slave", "--"]);
    command
}

fn podman_settings(networks: &Path) -> Result<String> {
    // Docker's, as it is linked statically: it has to run in any image.
    let init = on_path("docker-init").context("docker-init is not there any more")?;
    Ok(format!(
        "[containers]\ninit_path = \"{init}\"\n\n[engine]\ninit_path = \"{init}\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\n[network]\nnetwork_config_dir = \"{networks}\"\n",
        init = init.display(),
        networks = networks.display()
    ))
}

/// Removes the empty groups of that name, in every hierarchy. One in use stays: it is another's.
fn remove_control_groups(name: &str) {
    let root = Path::new(CONTROL_GROUPS);
    let hierarchies = fs::read_dir(root).into_iter().flatten().flatten();
    let hierarchies = hierarchies.map(|entry| entry.path());
    for hierarchy in hierarchies.chain([root.to_owned()]) {
        remove_empty(&hierarchy.join(name));
    }
}

fn remove_empty(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    // Fails where there is none, and where a process is in it.
    let _ = fs::remove_dir(group);
}
