//! Finding and killing what a dead shim left behind.
//!
//! Normally nothing: a shim ends everything before it ends itself. But a shim can be killed; then
//! the job's main process dies with it (its death signal) and the rest is found here, by the
//! shim's session and by a mark that each process of a job bears in its environment. What has
//! left the session *and* cleaned its environment can't be found.

use std::io;
use std::time::Duration;

use longshore_core::classify::ErrorClass;
use longshore_core::executor::{ExecutorError, Handle};
use nix::sys::signal::{Signal, kill};
use tokio::time::{Instant, sleep};

use crate::blocking::WALKS;
use crate::deadlines;
use crate::handle::ProcessId;
use crate::procfs::{self, Listing, signed};

/// The environment variable that marks a job's processes.
pub const MARK: &str = "LONGSHORE_PROCESS_HANDLE";

/// Between two sweeps: about as long as a death takes.
const PAUSE: Duration = Duration::from_millis(10);

/// How the remains of a shim are told from other processes.
#[derive(Clone, Debug)]
pub struct Remains {
    mark: String,
    /// Whose session they may be in, if its number can be trusted.
    leader: Option<ProcessId>,
}

impl Remains {
    /// Of a shim that died a moment ago, so that its session's number can't have been given to
    /// another one.
    pub fn of_fresh(id: &ProcessId) -> Self {
        Self {
            leader: Some(id.clone()),
            ..Self::of_old(&id.handle())
        }
    }

    /// Of a shim that died at any time.
    pub fn of_old(handle: &Handle) -> Self {
        Self {
            mark: format!("{MARK}={handle}"),
            leader: None,
        }
    }

    /// Kills until a look finds nothing. The error says that something still is found, or that
    /// nobody could look: then nothing is known.
    pub async fn sweep(&self, what: &str) -> Result<(), ExecutorError> {
        let deadline = Instant::now() + deadlines::KILL;
        loop {
            let remains = self.clone();
            let walk = WALKS.run(what, deadlines::WALK, move || remains.kill_found());
            let found = walk
                .await?
                .map_err(|error| ExecutorError::io(what, &error))?;
            if found == 0 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let problem = "processes that its shim left behind can't be killed";
                return Err(ExecutorError::new(ErrorClass::Transient, what, problem));
            }
            sleep(PAUSE).await;
        }
    }

    /// Kills what it finds; an error if it could not see everything.
    fn kill_found(&self) -> io::Result<usize> {
        let Listing {
            processes,
            mut incomplete,
        } = procfs::all();
        // A session's number lasts as long as the session, and may then be another's.
        let given_away = |id: &&ProcessId| processes.iter().any(|other| id.was_given_away(other));
        let leader = self.leader.as_ref().filter(|id| !given_away(id));
        let session = leader.map(|id| id.pid);
        let mut found = 0;
        for process in processes.iter().filter(|process| process.is_alive()) {
            let is_ours = session == Some(process.session)
                || procfs::has_environment_entry(process.pid, &self.mark).unwrap_or_else(|error| {
                    incomplete = Some(error);
                    false
                });
            if is_ours {
                // Between look and kill the id could in principle go to another process; that
                // takes a whole round of the kernel's numbers within microseconds.
                let _ = kill(signed(process.pid), Signal::SIGKILL);
                found += 1;
            }
        }
        incomplete.map_or(Ok(found), Err)
    }
}
