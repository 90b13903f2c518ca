//! The file, or the memory, that a history is written into: one serialisation of all its writers.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longshore_history::store::{CallNumber, StoreEvent, Told};
use longshore_history::{Mark, RunId, Who, Witness, WitnessError, WitnessLine};
use tokio::sync::watch;
use tokio::time::timeout;

/// What recorders and jobs write into. One file may be written by any number of processes, each
/// through a journal of its own.
pub struct Journal {
    sink: Mutex<Sink>,
    began: Instant,
    /// Calls through this journal whose answer is not written yet.
    open: watch::Sender<usize>,
}

enum Sink {
    Memory(String),
    File(File, PathBuf),
}

/// The number of the process's next call. With the process's id above it no two calls of a machine
/// have one number, whichever journals they go through.
static NEXT_CALL: AtomicU64 = AtomicU64::new(0);
const CALLS_OF_A_PROCESS_BITS: u32 = 40;
/// How long a look at rest waits for calls that are still open.
const STILL_OPEN: Duration = Duration::from_secs(30);

impl Journal {
    /// A history in memory, for one process.
    pub fn in_memory() -> Self {
        Self::of(Sink::Memory(String::new()))
    }

    /// A history in a file that may be there already, and that others may be writing too.
    pub fn appending_to(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self::of(Sink::File(file, path.to_owned())))
    }

    fn of(sink: Sink) -> Self {
        Self {
            sink: Mutex::new(sink),
            began: Instant::now(),
            open: watch::Sender::new(0),
        }
    }

    /// Everything that was written, by other processes too.
    pub fn text(&self) -> String {
        match &*self.sink() {
            Sink::Memory(text) => text.clone(),
            Sink::File(_, path) => {
                std::fs::read_to_string(path).expect("what was written can be read")
            }
        }
    }

    /// The same, read back.
    pub fn read_back(&self) -> Result<Witness, WitnessError> {
        Witness::parse(&self.text())
    }

    /// A job's own line: START after it began, or END before it ends.
    pub fn mark(&self, mark: Mark, run: RunId, who: Who) {
        let nanos = self.nanos();
        let line = WitnessLine {
            mark,
            run,
            nanos,
            who,
        };
        self.append(&line.to_record());
    }

    pub(super) fn next_call() -> CallNumber {
        let process = u64::from(std::process::id()) << CALLS_OF_A_PROCESS_BITS;
        CallNumber(process | NEXT_CALL.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn tell(&self, call: CallNumber, told: Told) {
        let nanos = self.nanos();
        let begins = matches!(told, Told::Called(_));
        if begins {
            self.open.send_modify(|open| *open += 1);
        }
        self.append(&StoreEvent { call, nanos, told }.to_record());
        if !begins {
            self.open.send_modify(|open| *open -= 1);
        }
    }

    /// Waits until every call through this journal has its answer: those of a worker that has closed
    /// meanwhile go on without it. One whose caller was dropped never has, so the wait is bounded.
    pub(super) async fn none_open(&self) {
        let mut open = self.open.subscribe();
        let wait = open.wait_for(|open| *open == 0);
        // The look says itself whether it was at rest.
        let _ = timeout(STILL_OPEN, wait).await;
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// One write, so that lines of several processes never mix.
    fn append(&self, record: &str) {
        match &mut *self.sink() {
            Sink::Memory(text) => text.push_str(record),
            Sink::File(file, path) => {
                let written = file.write(record.as_bytes());
                let whole = written.as_ref().is_ok_and(|bytes| *bytes == record.len());
                assert!(whole, "writing a line into {}: {written:?}", path.display());
            }
        }
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        // What a panicking test wrote before is still true.
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
