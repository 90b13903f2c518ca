//! Finding and killing what a dead shim left behind.
//!
//! Normally nothing: a shim ends everything before it ends itself. But a shim can be killed; then
//! the job's main process dies with it (its death signal) and the rest is found here: by the job's
//! control group, which nobody leaves, where there is one; by the shim's session; and by a mark that
//! each process of a job bears in its environment. Without a group, what has left the session *and*
//! cleaned its environment can't be found.

use std::io;

use longshore_core::classify::ErrorClass;
use longshore_core::executor::ExecutorError;
use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use crate::blocking::WALKS;
use crate::cgroup::Group;
use crate::deadlines;
use crate::handle::ProcessId;
use crate::machine::{BETWEEN_LOOKS, LOOKS};
use crate::procfs::{self, Listing, ProcessStat};

/// The environment variable that marks a job's processes.
pub const MARK: &str = "LONGSHORE_PROCESS_HANDLE";

/// How the remains of a shim are told from other processes.
#[derive(Clone, Debug)]
pub struct Remains {
    shim: ProcessId,
    mark: String,
    /// Whether who is in its session belongs to it: the number can't have been another's since.
    knows_session: bool,
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Found {
    /// Surely left behind by that shim.
    pub ours: Vec<ProcessStat>,
    /// In a session of the shim's number, which may be another's by now.
    pub doubtful: Vec<ProcessStat>,
}

impl Remains {
    /// Of a shim that died a moment ago, so that its session's number can't have been given to
    /// another one.
    pub fn of_fresh(shim: &ProcessId) -> Self {
        Self {
            shim: shim.clone(),
            mark: shim.to_string(),
            knows_session: true,
        }
    }

    /// Of a shim that died at any time.
    pub fn of(shim: &ProcessId) -> io::Result<Self> {
        let still_there = procfs::stat(shim.pid)?.is_some_and(|stat| shim.is(&stat));
        Ok(Self {
            knows_session: still_there,
            ..Self::of_fresh(shim)
        })
    }

    /// Kills until nothing is found. The error says that something still is found, or that
    /// nobody could look: then nothing is known.
    pub async fn sweep(&self, what: &str) -> Result<(), ExecutorError> {
        let deadline = Instant::now() + deadlines::KILL;
        let mut clean = 0;
        while clean < LOOKS {
            let remains = self.clone();
            let walk = WALKS.run(what, deadlines::WALK, move || remains.kill_found());
            let Found { ours, doubtful } = walk
                .await?
                .map_err(|error| ExecutorError::io(what, &error))?;
            clean = if ours.is_empty() { clean + 1 } else { 0 };
            if clean > 0
                && let Some(one) = doubtful.first()
            {
                let problem = Self::doubt(one);
                return Err(ExecutorError::new(ErrorClass::Unknown, what, problem));
            }
            if clean == 0 && Instant::now() >= deadline {
                let problem = "processes that its shim left behind can't be killed";
                return Err(ExecutorError::new(ErrorClass::Transient, what, problem));
            }
            sleep(BETWEEN_LOOKS).await;
        }
        Ok(())
    }

    /// Why nothing is concluded from a process that a look found doubtful.
    pub fn doubt(one: &ProcessStat) -> String {
        let ProcessStat { pid, session, .. } = one;
        format!(
            "process {pid} is in session {session}, which its shim led and another may have led \
             since: end it if it is the job's"
        )
    }

    /// Looks through all processes; an error if it could not see everything.
    pub fn look(&self) -> io::Result<Found> {
        let Listing {
            processes,
            incomplete,
        } = procfs::all();
        if let Some(error) = incomplete {
            return Err(error);
        }
        // A session's number lasts as long as the session, and may then be another's.
        let session_is_anothers = processes
            .iter()
            .any(|other| self.shim.was_given_away(other));
        let group = Group::of(&self.shim)?;
        let members = group.as_ref().map(Group::processes).transpose()?;
        let members = members.unwrap_or_default();
        let mut found = Found::default();
        // Who came into it since the listing.
        let listed = |pid| processes.iter().any(|process| process.pid == pid);
        for pid in members.iter().filter(|pid| !listed(**pid)) {
            found.ours.extend(procfs::stat(*pid)?);
        }
        for process in processes {
            if !process.is_alive() {
                continue;
            }
            if members.contains(&process.pid) {
                found.ours.push(process);
                continue;
            }
            let env = procfs::environment(process.pid)?;
            let is_in_session = !session_is_anothers && process.session == self.shim.pid;
            match procfs::value_in(&env, MARK) {
                Some(mark) if mark == self.mark => found.ours.push(process),
                Some(_) | None if is_in_session && self.knows_session => found.ours.push(process),
                None if is_in_session => found.doubtful.push(process),
                // Another job's, by its own word, or nobody's.
                Some(_) | None => {}
            }
        }
        Ok(found)
    }

    fn kill_found(&self) -> io::Result<Found> {
        let found = self.look()?;
        for process in &found.ours {
            // One that can't be signalled is found again.
            let _ = procfs::signal(process, Signal::SIGKILL);
        }
        if found.ours.is_empty()
            && let Some(group) = Group::of(&self.shim)?
        {
            group.remove();
        }
        Ok(found)
    }
}
