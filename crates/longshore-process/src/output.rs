//! What a job writes: two pipes, read only when somebody pulls.
//!
//! Nothing is buffered here, so a slow consumer slows the job down, and memory does not grow.
//! Bytes are taken from a pipe only in the very step that hands them on: dropping the stream at
//! any await loses nothing.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use longshore_core::executor::ExecutorError;
use longshore_core::output::{OutputChunk, Stream};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

use crate::supervise::Status;

/// The most that is read at once: as much as a pipe holds by default (`pipe(7)`).
const READ_BYTES: usize = 64 * 1024;

/// The reading ends of a job's output; each is none once it has come to its end.
pub struct Pipes {
    stdout: Option<Receiver>,
    stderr: Option<Receiver>,
}

/// Where the pipes are while nobody reads.
#[derive(Clone)]
pub struct OutputPlace(Arc<Mutex<Option<Pipes>>>);

/// The pipes, lent to a reader; put back when it goes, so that the next one continues there.
struct Lent {
    pipes: Pipes,
    place: OutputPlace,
}

impl OutputPlace {
    /// A new job's output.
    pub fn new(stdout: Receiver, stderr: Receiver) -> Self {
        let pipes = Pipes {
            stdout: Some(stdout),
            stderr: Some(stderr),
        };
        Self(Arc::new(Mutex::new(Some(pipes))))
    }

    /// The output from the first byte that nobody pulled yet; none while another reader has it.
    pub fn read(
        &self,
        status: watch::Receiver<Status>,
    ) -> Option<BoxStream<'static, Result<OutputChunk, ExecutorError>>> {
        let pipes = self.lock().take()?;
        let reader = Reader {
            lent: Lent {
                pipes,
                place: self.clone(),
            },
            status,
            buffer: vec![0; READ_BYTES].into(),
            first: Stream::Stdout,
            failed: false,
        };
        Some(stream::unfold(reader, Reader::next).boxed())
    }

    /// What was written to standard error so far, for an error message.
    pub fn peek_stderr(&self) -> String {
        let mut buffer = [0; 1024];
        let count = match self.lock().as_ref() {
            Some(Pipes {
                stderr: Some(stderr),
                ..
            }) => read(stderr, &mut buffer, true).unwrap_or(0),
            Some(_) | None => 0,
        };
        String::from_utf8_lossy(&buffer[..count]).trim().to_owned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Pipes>> {
        // A panic elsewhere left the pipes as they were: they are moved, never half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let pipes = Pipes {
            stdout: self.pipes.stdout.take(),
            stderr: self.pipes.stderr.take(),
        };
        *self.place.lock() = Some(pipes);
    }
}

struct Reader {
    lent: Lent,
    status: watch::Receiver<Status>,
    buffer: Box<[u8]>,
    /// Which stream is looked at first: in turns, so that neither starves the other.
    first: Stream,
    /// After an error nothing more is said.
    failed: bool,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<OutputChunk, ExecutorError>, Self)> {
        if self.failed {
            return None;
        }
        match self.fill().await {
            Ok(Some((stream, count))) => {
                self.first = other(stream);
                let bytes = self.buffer[..count].to_vec();
                Some((
                    Ok(OutputChunk {
                        stream,
                        bytes,
                        resume: None,
                    }),
                    self,
                ))
            }
            Ok(None) => None,
            Err(error) => {
                self.failed = true;
                Some((Err(ExecutorError::io("read a job's output", &error)), self))
            }
        }
    }

    /// Fills the buffer from whichever stream has something; none after the last byte of both.
    async fn fill(&mut self) -> io::Result<Option<(Stream, usize)>> {
        // Reading without waiting would never let other tasks of this thread run.
        tokio::task::coop::consume_budget().await;
        loop {
            // Looked at before reading: once it has ended nothing more is written, so an empty
            // pipe is a finished one, even if a stranger (who got it from the job) holds it open.
            let ended = is_over(&mut self.status);
            for stream in [self.first, other(self.first)] {
                let place = self.lent.pipes.of(stream);
                let Some(pipe) = place else { continue };
                match read(pipe, &mut self.buffer, ended) {
                    Ok(0) => *place = None,
                    Ok(count) => return Ok(Some((stream, count))),
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    Err(_empty) if ended => *place = None,
                    Err(_empty) => {}
                }
            }
            let Pipes { stdout, stderr } = &self.lent.pipes;
            if stdout.is_none() && stderr.is_none() {
                return Ok(None);
            }
            tokio::select! {
                ready = readable(stdout.as_ref()) => ready?,
                ready = readable(stderr.as_ref()) => ready?,
                // An error too means that nothing more will happen; `is_over` sees it.
                _ = self.status.changed() => {}
            }
        }
    }
}

impl Pipes {
    fn of(&mut self, stream: Stream) -> &mut Option<Receiver> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

/// Reads without waiting. While the job runs the runtime's memory of what is readable is kept
/// true; afterwards it may lag behind the last bytes, so the pipe itself is asked.
fn read(pipe: &Receiver, buffer: &mut [u8], ended: bool) -> io::Result<usize> {
    if ended {
        Ok(nix::unistd::read(pipe, buffer)?)
    } else {
        pipe.try_read(buffer)
    }
}

async fn readable(pipe: Option<&Receiver>) -> io::Result<()> {
    match pipe {
        Some(pipe) => pipe.readable().await,
        None => std::future::pending().await,
    }
}

/// Whether the job has ended, or its supervision (with the runtime) has.
fn is_over(status: &mut watch::Receiver<Status>) -> bool {
    status.borrow_and_update().is_over() || status.has_changed().is_err()
}

fn other(stream: Stream) -> Stream {
    match stream {
        Stream::Stdout => Stream::Stderr,
        Stream::Stderr => Stream::Stdout,
    }
}
