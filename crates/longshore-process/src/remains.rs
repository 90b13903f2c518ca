//! Finding and killing what a dead shim left behind.
//!
//! Normally nothing: a shim ends everything before it ends itself. But a shim can be killed; then
//! the job's main process dies with it (its death signal) and the rest is found here, by the
//! shim's session and by a mark that each process of a job bears in its environment. What has
//! left the session *and* cleaned its environment can't be found.

use std::io;
use std::time::Duration;

use longshore_core::executor::Handle;
use nix::sys::signal::{Signal, kill};
use tokio::time::sleep;

use crate::handle::ProcessId;
use crate::procfs::{self, Pid, signed};

/// The environment variable that marks a job's processes.
pub const MARK: &str = "LONGSHORE_PROCESS_HANDLE";

/// Between two sweeps: about as long as a death takes.
const PAUSE: Duration = Duration::from_millis(10);

/// Ten seconds of them; what lives longer is held by the kernel.
const SWEEPS: u32 = 1000;

/// How the remains of a shim are told from other processes.
#[derive(Clone, Debug)]
pub struct Remains {
    mark: String,
    session: Option<Pid>,
}

impl Remains {
    /// Of a shim that died a moment ago, so that its session's number can't have been given to
    /// another one.
    pub fn of_fresh(id: &ProcessId) -> Self {
        Self {
            session: Some(id.pid),
            ..Self::of_old(&id.handle())
        }
    }

    /// Of a shim that died at any time.
    pub fn of_old(handle: &Handle) -> Self {
        Self {
            mark: format!("{MARK}={handle}"),
            session: None,
        }
    }

    /// Kills until nothing is found; the error says that something still is.
    pub async fn sweep(&self) -> io::Result<()> {
        for _ in 0..SWEEPS {
            let remains = self.clone();
            let look = tokio::task::spawn_blocking(move || remains.kill_found());
            if look.await.map_err(io::Error::other)?? == 0 {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        Err(io::Error::other(
            "processes that its shim left behind can't be killed",
        ))
    }

    fn kill_found(&self) -> io::Result<usize> {
        let mut found = 0;
        for process in procfs::all()? {
            let is_ours = self.session == Some(process.session)
                || procfs::has_environment_entry(process.pid, &self.mark);
            if process.is_alive() && is_ours {
                // Between look and kill the id could in principle go to another process; that
                // takes a whole round of the kernel's numbers within microseconds.
                let _ = kill(signed(process.pid), Signal::SIGKILL);
                found += 1;
            }
        }
        Ok(found)
    }
}
