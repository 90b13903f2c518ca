//! The signals that ask a process to end.
//!
//! Owns which of them are heeded: a hang-up (the terminal went away) is, unless whoever started us
//! had it ignored. What each one leads to is the command's to say.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks this process to end.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

/// Which of them came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interrupt {
    /// A person's Ctrl-C, or a TERM.
    Asked,
    /// The terminal went away. It says so as often as it likes: nobody asks for more haste.
    HungUp,
}

impl Interrupts {
    /// From now on they no longer end the process by themselves.
    pub fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            // Under `nohup` a hang-up is to be survived, and a handler of ours would undo that.
            hangup: if is_ignored(SignalKind::hangup()) {
                None
            } else {
                Some(listen(SignalKind::hangup())?)
            },
        })
    }

    /// The next one. Cancellation-safe.
    pub async fn next(&mut self) -> Interrupt {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Interrupt::Asked,
            _ = self.terminate.recv() => Interrupt::Asked,
            _ = hangup => Interrupt::HungUp,
        }
    }
}

/// Listens for one signal.
pub fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("listening for signals")
}

/// Whether the signal is ignored, as this process inherited it. Where the kernel does not say (it
/// is asked through `/proc`), it counts as not ignored.
fn is_ignored(kind: SignalKind) -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| ignored_signals(&status) >> (kind.as_raw_value() - 1) & 1 == 1)
}

/// The mask of ignored signals: the first signal is the lowest bit.
fn ignored_signals(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read_from_the_kernels_words() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert_eq!(ignored_signals(status), 0x1001);
        assert_eq!(ignored_signals("SigBlk:\t0\n"), 0);
    }
}
