//! One job's supervision: a loop around one place to wait.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::prctl::{set_child_subreaper, set_name};
use nix::unistd::setsid;

use super::channel::{Channel, Look};
use super::children::{end_all, reap_all_but, reap_ended, terminate_all};
use super::job::Job;
use super::signals::{Signals, poll_timeout};
use crate::procfs::signed;
use crate::wire::{Launch, Order, Report};

/// Eleven years: as long as a clock can surely count.
const LONGEST_GRACE: Duration = Duration::from_hours(96_000);

/// A shim at work.
pub struct Supervisor {
    control: Channel,
    signals: Signals,
    job: Option<Job>,
    /// When everything is killed, once a stop was ordered.
    kill_at: Option<Instant>,
}

/// What a wait ended with.
#[derive(Clone, Copy, Default)]
struct Ready {
    control: bool,
    signals: bool,
    starting: bool,
}

/// Whether there is more to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Continue,
    Exit,
}

impl Supervisor {
    /// Makes this process the shim of a job that is yet to be started.
    pub fn new(control: Channel) -> io::Result<Self> {
        let signals = Signals::block()?;
        // Out of the worker's session and group: a terminal's Ctrl-C is for the worker alone.
        setsid()?;
        set_child_subreaper(true)?;
        set_name(c"longshore-shim")?;
        Ok(Self {
            control,
            signals,
            job: None,
            kill_at: None,
        })
    }

    /// Supervises until the job has ended, or is not wanted any more.
    pub fn run(mut self) -> io::Result<()> {
        self.say(&Report::Ready);
        loop {
            match self.wait().and_then(|ready| self.act(ready)) {
                Ok(Next::Continue) => {}
                Ok(Next::Exit) => return Ok(()),
                // Whatever it is, the job must not go on without its shim.
                Err(error) => return end_all(&self.signals, self.job.as_mut()).and(Err(error)),
            }
        }
    }

    fn wait(&self) -> io::Result<Ready> {
        let limit = self
            .kill_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        let mut watched = vec![
            PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        let starting = self.job.as_ref().and_then(Job::starting);
        watched.extend(starting.map(|channel| PollFd::new(channel, PollFlags::POLLIN)));
        match poll(&mut watched, poll_timeout(limit)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Ready::default()),
            Err(errno) => return Err(errno.into()),
        }
        // Whatever happened to it (data, its end, an error), reading tells.
        let any = |index: usize| {
            watched
                .get(index)
                .is_some_and(|fd| fd.any().unwrap_or(true))
        };
        Ok(Ready {
            control: any(0),
            signals: any(1),
            starting: any(2),
        })
    }

    fn act(&mut self, ready: Ready) -> io::Result<Next> {
        let end_now = ready.signals && self.signals.take()?.end_now;
        if ready.starting && self.follow_start()? == Next::Exit {
            return Ok(Next::Exit);
        }
        if self.is_over()? || end_now || self.kill_at.is_some_and(|at| at <= Instant::now()) {
            return self.finish();
        }
        if ready.control {
            return self.take_orders();
        }
        Ok(Next::Continue)
    }

    /// Reaps, and tells whether the job has come to its end: that of its main process, whatever it
    /// left behind; but during a stop everything has its grace.
    fn is_over(&mut self) -> io::Result<bool> {
        let Some(job) = &mut self.job else {
            return Ok(false);
        };
        if !job.has_ended()? {
            reap_all_but(signed(job.pid()))?;
            return Ok(false);
        }
        Ok(self.kill_at.is_none() || !reap_ended()?)
    }

    fn take_orders(&mut self) -> io::Result<Next> {
        // The worker is gone. It could not be told anything; nothing of the job may outlive it.
        if self.control.look()? == Look::Closed {
            return self.finish();
        }
        while let Some(order) = self.control.next_message()? {
            let next = match order {
                Order::Start(launch) => self.start(launch)?,
                Order::Stop(grace_millis) => self.stop(Duration::from_millis(grace_millis))?,
            };
            if next == Next::Exit {
                return Ok(Next::Exit);
            }
        }
        Ok(Next::Continue)
    }

    fn start(&mut self, launch: Launch) -> io::Result<Next> {
        if self.job.is_some() {
            return Err(io::Error::other("a second start was ordered"));
        }
        match Job::start(launch) {
            Ok(job) => {
                self.job = Some(job);
                Ok(Next::Continue)
            }
            Err(failure) => {
                // The exec stage may be there though it could not be spoken to.
                end_all(&self.signals, None)?;
                self.say(&Report::StartFailed(failure));
                Ok(Next::Exit)
            }
        }
    }

    fn stop(&mut self, grace: Duration) -> io::Result<Next> {
        let Some(job) = &self.job else {
            return Ok(Next::Exit);
        };
        // A later stop can only shorten the grace.
        if self.kill_at.is_none() {
            terminate_all(job)?;
        }
        let at = Instant::now() + grace.min(LONGEST_GRACE);
        self.kill_at = Some(self.kill_at.map_or(at, |earlier| earlier.min(at)));
        Ok(Next::Continue)
    }

    /// Hears from the exec stage.
    fn follow_start(&mut self) -> io::Result<Next> {
        match self.job.as_mut().map(Job::progress).transpose()?.flatten() {
            None => Ok(Next::Continue),
            Some(Ok(())) => {
                self.say(&Report::Started);
                Ok(Next::Continue)
            }
            Some(Err(failure)) => {
                end_all(&self.signals, self.job.as_mut())?;
                self.say(&Report::StartFailed(failure));
                Ok(Next::Exit)
            }
        }
    }

    /// The end of the job: of its main process, of everything that it left behind, and ours.
    fn finish(&mut self) -> io::Result<Next> {
        end_all(&self.signals, self.job.as_mut())?;
        // It may have started and ended before its start was heard of.
        while self
            .job
            .as_ref()
            .is_some_and(|job| job.starting().is_some())
        {
            if self.follow_start()? == Next::Exit {
                return Ok(Next::Exit);
            }
        }
        if let Some(job) = &mut self.job {
            let end = job.end()?;
            self.say(&Report::Ended(end));
        }
        Ok(Next::Exit)
    }

    /// Tells the worker. If it is gone there is nobody to tell; its channel's end shows that.
    fn say(&self, report: &Report) {
        let _ = self.control.send(report);
    }
}
