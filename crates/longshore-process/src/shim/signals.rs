//! The signals that mean something to a shim, as something to wait for.
//!
//! All others stay blocked, so that nobody ends a shim by accident and leaves its job behind, or
//! takes the job's grace from it: a service manager may send TERM, INT or HUP to everything that
//! belongs to the worker. The exec stage unblocks them all for the job.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::wire::END_NOW;

/// Where a shim's signals arrive.
pub struct Signals(SignalFd);

/// What came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Came {
    /// Another worker wants the job to end at once.
    pub end_now: bool,
}

impl Signals {
    /// Blocks all signals; CHLD and [`END_NOW`] arrive here.
    pub fn block() -> io::Result<Self> {
        SigSet::all().thread_set_mask()?;
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.add(END_NOW);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self(SignalFd::with_flags(&mask, flags)?))
    }

    /// Takes what came; never waits.
    pub fn take(&self) -> io::Result<Came> {
        let mut came = Came::default();
        while let Some(signal) = self.0.read_signal()? {
            came.end_now |= signal.ssi_signo == END_NOW as u32;
        }
        Ok(came)
    }

    /// Waits until some signal came, at most for `limit`, and takes it.
    pub fn wait(&self, limit: Duration) -> io::Result<()> {
        let mut watched = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut watched, poll_timeout(Some(limit))) {
            Ok(_) | Err(Errno::EINTR) => self.take().map(drop),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A limit as `poll` takes it: never too early, and the longest it can say when it is longer.
pub fn poll_timeout(limit: Option<Duration>) -> PollTimeout {
    match limit {
        None => PollTimeout::NONE,
        Some(limit) => {
            let millis = limit.as_nanos().div_ceil(1_000_000);
            PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
        }
    }
}
