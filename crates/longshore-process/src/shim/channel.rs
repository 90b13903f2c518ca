//! One end of a socket pair, read in lines, without a runtime.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wire::{self, MAX_MESSAGE_BYTES};

/// As much as is taken from the socket at once.
const READ_BYTES: usize = 16 * 1024;

/// How long the other end may take to make room for a message. It reads all the time; if it does
/// not, it was stopped, and waiting longer would keep us from seeing that the worker is gone.
const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// A channel of messages.
pub struct Channel {
    socket: UnixStream,
    received: Vec<u8>,
    /// Up to here `received` holds no end of a line.
    searched: usize,
}

/// What a look at a channel found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Something came.
    Received,
    /// The other end is closed: its process ended, or dropped it.
    Closed,
}

impl Channel {
    /// A pair of them: ours, and one to hand to a child.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Self::new(ours)?, theirs.into()))
    }

    /// The channel that this process was given as its standard input. The copy is not handed on
    /// to children.
    pub fn from_stdin() -> io::Result<Self> {
        Self::new(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
    }

    fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_write_timeout(Some(SEND_DEADLINE))?;
        Ok(Self {
            socket,
            received: Vec::new(),
            searched: 0,
        })
    }

    /// Sends a message.
    pub fn send<M: Serialize>(&self, message: &M) -> io::Result<()> {
        (&self.socket).write_all(&wire::encode(message)?)
    }

    /// Waits for a message; none when the other end is closed.
    pub fn receive<M: DeserializeOwned>(&mut self) -> io::Result<Option<M>> {
        loop {
            if let Some(message) = self.next_message()? {
                return Ok(Some(message));
            }
            if self.look()? == Look::Closed {
                return Ok(None);
            }
        }
    }

    /// Takes what came; waits if nothing did.
    pub fn look(&mut self) -> io::Result<Look> {
        let mut buffer = [0; READ_BYTES];
        match (&self.socket).read(&mut buffer) {
            Ok(0) => Ok(Look::Closed),
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Ok(Look::Received)
            }
            // A socket closed with something unread in it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(Look::Closed),
            Err(error) => Err(error),
        }
    }

    /// The next whole message of those that came.
    pub fn next_message<M: DeserializeOwned>(&mut self) -> io::Result<Option<M>> {
        let unsearched = &self.received[self.searched..];
        let Some(end) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.received.len();
            if self.searched > MAX_MESSAGE_BYTES {
                return Err(io::Error::other("a message without an end"));
            }
            return Ok(None);
        };
        let line: Vec<u8> = self.received.drain(..=self.searched + end).collect();
        self.searched = 0;
        wire::decode(&line).map(Some)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
