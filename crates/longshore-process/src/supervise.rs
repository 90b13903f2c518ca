//! The worker's view of one shim: what it reported, and its end.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::attempt::{Exit, Usage};
use longshore_core::executor::{Ended, Phase};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::OwnedReadHalf;
use tokio::process::Child;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use crate::deadlines;
use crate::handle::ProcessId;
use crate::remains::Remains;
use crate::wire::{self, End, Report, StartFailure};

/// Between two sweeps that failed, at first.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// … and at the most: a sweep walks through all of `/proc`.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is known of a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// Its shim was spawned and has not spoken yet.
    Preparing,
    /// Created, never started.
    Created,
    /// Its program runs.
    Running,
    /// Its program could not run. Nothing of it is left.
    Refused(StartFailure),
    /// It was ended before it was started. Nothing of it is left.
    NeverStarted,
    /// It has ended. Nothing of it is left.
    Exited(Ended),
    /// Its shim died; nothing of it could be found any more. How its program ended is not known.
    Lost(String),
}

impl Status {
    /// Whether nothing happens any more.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Preparing | Self::Created | Self::Running => false,
            Self::Refused(_) | Self::NeverStarted | Self::Exited(_) | Self::Lost(_) => true,
        }
    }

    /// What a listing says.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Preparing | Self::Created => Phase::Created,
            Self::Running => Phase::Running,
            Self::Refused(_) | Self::NeverStarted | Self::Exited(_) | Self::Lost(_) => {
                Phase::Exited
            }
        }
    }
}

/// A shim under the eyes of its worker.
pub struct Supervision {
    /// The shim.
    pub child: Child,
    /// Which process it is.
    pub id: ProcessId,
    /// Where its reports come from.
    pub reports: OwnedReadHalf,
    /// Who is told.
    pub status: watch::Sender<Status>,
    /// Says that the shim is not waited for any longer.
    pub given_up: Arc<Notify>,
}

impl Supervision {
    /// Follows the shim to its end and tells what became of it. Ends by itself: the channel ends
    /// with the shim, and the shim with the channel.
    pub async fn run(mut self) {
        let last = self.follow().await;
        let died = self.reap().await;
        let status = match last {
            Ok(Some(Report::Ended(end))) => Status::Exited(ended(end)),
            Ok(Some(Report::StartFailed(failure))) => Status::Refused(failure),
            Ok(Some(Report::Ready)) if died.as_ref().is_ok_and(ExitStatus::success) => {
                Status::NeverStarted
            }
            Ok(None | Some(Report::Ready | Report::Started)) => {
                let how = match died {
                    Ok(status) => format!("its shim ended before it ({status})"),
                    Err(error) => format!("its shim can't be waited for: {error}"),
                };
                self.swept().await;
                Status::Lost(how)
            }
            Err(error) => {
                self.swept().await;
                Status::Lost(format!("its shim can't be understood: {error}"))
            }
        };
        self.status.send_replace(status);
    }

    /// The last report before the channel ended.
    async fn follow(&mut self) -> io::Result<Option<Report>> {
        let mut lines = BufReader::new(&mut self.reports).split(b'\n');
        let mut last = None;
        loop {
            let line = tokio::select! {
                line = lines.next_segment() => line,
                () = self.given_up.notified() => {
                    // Its channel ends with it. If it can't be killed it has ended.
                    let _ = self.child.start_kill();
                    continue;
                }
            };
            // An error (a reset) is an end too: the shim left with an order unread.
            let Ok(Some(line)) = line else {
                return Ok(last);
            };
            let report = wire::decode(&line)?;
            match &report {
                Report::Ready => drop(self.status.send_replace(Status::Created)),
                Report::Started => drop(self.status.send_replace(Status::Running)),
                // Told when the shim too is gone: then nothing is left.
                Report::StartFailed(_) | Report::Ended(_) => {}
            }
            last = Some(report);
        }
    }

    /// Waits for the shim, so that no zombie stays.
    async fn reap(&mut self) -> io::Result<ExitStatus> {
        match timeout(deadlines::SHIM_EXIT, self.child.wait()).await {
            Ok(status) => status,
            Err(_late) => {
                self.child.start_kill()?;
                self.child.wait().await
            }
        }
    }

    /// Returns when nothing is left of a container whose shim died without a last word. There is
    /// no bound: until then it is not over, and whoever stops it is told so.
    async fn swept(&self) {
        let remains = Remains::of_fresh(&self.id);
        let mut pause = FIRST_PAUSE;
        while remains.sweep("sweep").await.is_err() {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn ended(end: End) -> Ended {
    Ended {
        // Who is killed for memory is not told apart here from who is killed.
        exit: Exit {
            code: end.code,
            signal: end.signal,
            oom_killed: false,
        },
        usage: Usage {
            cpu_micros: Some(end.cpu_micros),
            peak_memory_bytes: Some(end.peak_memory_bytes),
        },
    }
}
