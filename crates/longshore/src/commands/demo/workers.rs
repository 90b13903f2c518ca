//! The demo's workers: real processes of this same binary.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::folder::Folder;
use crate::address::Address;

/// Jobs that one worker runs at once: together they could run more than the limit lets them.
const SLOTS: u32 = 2;

/// How long a worker may take to drain before it is killed.
const DRAIN: Duration = Duration::from_secs(15);

/// The worker processes.
pub struct Workers {
    children: Vec<Child>,
}

/// Starts them. They end by themselves when nothing waits or runs in the queue.
pub fn start(
    count: u32,
    address: &Address,
    queue: &str,
    folder: &Folder,
) -> anyhow::Result<Workers> {
    let program = std::env::current_exe().context("finding this binary")?;
    let mut workers = Workers {
        children: Vec::new(),
    };
    for number in 1..=count {
        let name = format!("demo-worker-{number}");
        let log = folder.worker_log(&name)?;
        let child = Command::new(&program)
            // By variable, so that a password doesn't show in the list of processes.
            .env("LONGSHORE_DATABASE_URL", address.reveal())
            .args(["worker", "--queue", queue, "--until-empty", "--name", &name])
            .args([
                "--max-concurrent",
                &SLOTS.to_string(),
                "--poll-interval",
                "200ms",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        workers.children.push(child);
    }
    Ok(workers)
}

impl Workers {
    /// Says how they ended, once all have.
    pub fn all_gone(&mut self) -> Option<String> {
        let mut words = Vec::new();
        for child in &mut self.children {
            match child.try_wait() {
                Ok(Some(status)) => words.push(status.to_string()),
                Ok(None) => return None,
                Err(error) => words.push(error.to_string()),
            }
        }
        words.sort();
        words.dedup();
        Some(words.join(", "))
    }

    /// Waits for those that are about to end; asks the others to, and kills what doesn't.
    pub async fn stop(&mut self) {
        for child in &mut self.children {
            // TERM drains a worker. One that has ended meanwhile isn't reaped yet, so that its pid is
            // still its own.
            if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                let _ended_already = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
        }
        for child in &mut self.children {
            if tokio::time::timeout(DRAIN, child.wait()).await.is_err() {
                let _gone_already = child.kill().await;
            }
        }
    }
}
