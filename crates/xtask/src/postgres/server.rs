//! A running server: its settings, how it starts on a free port, and how it ends.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::home::Home;
use crate::process::wait_until;

/// Settings for tests; what is not named keeps PostgreSQL's default.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    // The cluster is thrown away: after a power cut nobody looks for its data.
    "fsync=off",
    // Many tests at once, each with pools of several workers.
    "max_connections=300",
    "shared_buffers=128MB",
    // Tests that provoke a deadlock should not wait a second to see it broken.
    "deadlock_timeout=100ms",
    // For the test that leaves a prepared transaction behind.
    "max_prepared_transactions=8",
    // As in production: plans and visibility must be tested with it.
    "autovacuum=on",
];

/// How long a start may take: generous, for a machine that compiles at the same time.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How long an end may take before it is forced.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How often we look whether the server is ready.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Tries at a free port: another process may take it between our look and the server's start.
const PORT_ATTEMPTS: usize = 5;
/// Longest folder name with which the socket's full name, `/.s.PGSQL.65535` behind it, still
/// fits into the 107 bytes that Linux allows (macOS: 103).
const SOCKET_FOLDER_MAX_BYTES: usize = 88;

/// A server that answers. Dropping it kills it; [`Server::stop`] ends it in order.
pub struct Server {
    process: Child,
    port: u16,
    end_by: Signal,
}

impl Server {
    /// Starts the cluster on a free port of the loopback device, and waits until it answers.
    pub fn start(home: &Home) -> Result<Self> {
        for _ in 0..PORT_ATTEMPTS {
            let mut server = Self::spawn(home, free_port()?)?;
            if server.wait_ready(home)? {
                return Ok(server);
            }
            let port_is_free = listen(server.port).is_ok();
            if port_is_free {
                eprintln!("{}", home.end_of_log());
                bail!("PostgreSQL did not start; the end of its log stands above");
            }
        }
        bail!("PostgreSQL found its port taken {PORT_ATTEMPTS} times in a row")
    }

    fn spawn(home: &Home, port: u16) -> Result<Self> {
        let log = home.create_log()?;
        let process = dying_with_us(home)
            .arg("-D")
            .arg(home.data())
            .args(["-p", &port.to_string()])
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .arg("-c")
            .arg(socket_setting(home))
            .stdout(log.try_clone().context("cannot share the server's log")?)
            .stderr(log)
            .spawn()
            .context("cannot start PostgreSQL")?;
        // SIGQUIT ends it at once, without a last checkpoint; SIGINT leaves the data in order.
        let end_by = if home.is_kept() {
            Signal::SIGINT
        } else {
            Signal::SIGQUIT
        };
        Ok(Self {
            process,
            port,
            end_by,
        })
    }

    /// Whether the server became ready; not, when it ended instead.
    fn wait_ready(&mut self, home: &Home) -> Result<bool> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if self
                .process
                .try_wait()
                .context("cannot wait for PostgreSQL")?
                .is_some()
            {
                return Ok(false);
            }
            // Its own word, rather than a connection to the port: that could be another server's.
            let status = fs::read_to_string(home.data().join("postmaster.pid")).unwrap_or_default();
            if says_ready(&status, self.process.id()) {
                return Ok(true);
            }
            thread::sleep(LOOK_INTERVAL);
        }
        eprintln!("{}", home.end_of_log());
        bail!(
            "PostgreSQL was not ready after {} s; the end of its log stands above",
            START_TIMEOUT.as_secs()
        )
    }

    /// How tests reach it, as the superuser `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The server's process, to wait for.
    pub fn process(&mut self) -> &mut Child {
        &mut self.process
    }

    /// Ends the server, by force if it does not go in time.
    pub fn stop(mut self) -> Result<()> {
        let id =
            i32::try_from(self.process.id()).context("PostgreSQL has an impossible process id")?;
        kill(Pid::from_raw(id), self.end_by).context("cannot signal PostgreSQL")?;
        if wait_until(&mut self.process, Instant::now() + STOP_TIMEOUT)?.is_none() {
            bail!(
                "PostgreSQL did not end within {} s and was killed",
                STOP_TIMEOUT.as_secs()
            );
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both do nothing where the server has ended. Its children notice that it is gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The command for the server, told by the kernel to end at once should the guard be killed.
/// Where `setpriv` cannot do that (it is Linux's), the guard's own care must do.
fn dying_with_us(home: &Home) -> Command {
    let with_setpriv = ["--pdeathsig", "QUIT", "--"];
    let works = Command::new("setpriv")
        .args(with_setpriv)
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        return home.command(&home.postgres());
    }
    let mut command = home.command("setpriv".as_ref());
    command.args(with_setpriv).arg(home.postgres());
    command
}

fn socket_setting(home: &Home) -> String {
    let folder = home.socket().to_string_lossy();
    // Without a socket rather than without a server: the URL names the port.
    let folder = if folder.len() <= SOCKET_FOLDER_MAX_BYTES {
        folder
    } else {
        "".into()
    };
    format!("unix_socket_directories={folder}")
}

/// What `postmaster.pid` says: the process in its first line, the status in its eighth.
fn says_ready(postmaster_pid: &str, process: u32) -> bool {
    let mut lines = postmaster_pid.lines();
    let ours = lines
        .next()
        .is_some_and(|line| line.trim() == process.to_string());
    ours && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

fn free_port() -> Result<u16> {
    let found = listen(0).and_then(|listener| listener.local_addr());
    Ok(found
        .context("cannot find a free port on 127.0.0.1")?
        .port())
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "4711\n/data\n1700000000\n5433\n/socket\n127.0.0.1\n  1234567\n";

    #[test]
    fn server_is_ready_when_its_own_file_says_so() {
        assert!(says_ready(&format!("{FILE}ready   \n"), 4711));
        assert!(!says_ready(&format!("{FILE}starting\n"), 4711));
        assert!(!says_ready(FILE, 4711));
        assert!(!says_ready("", 4711));
    }

    #[test]
    fn file_of_an_earlier_server_does_not_count() {
        assert!(!says_ready(&format!("{FILE}ready   \n"), 4712));
    }
}
