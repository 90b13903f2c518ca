//! Points in worker processes: they ask the test that started them, over a socket.
//!
//! A worker writes `at N name key pid`, and goes on by `go N`, `fail N`, `delay MS N`, `panic N` or `abort N`. It
//! asks at every point, so that the test sees them all; whoever nobody waits for is let go at once.
//! When the test is gone, the worker goes on as if there were none.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::NAMES;
use crate::points::{Gate, Gates, Verdict};

/// Names the socket of the test, to a worker process.
pub const SOCKET: &str = "LONGSHORE_FAULT_SOCKET";

type Tell = Box<dyn FnOnce(Verdict) + Send>;

/// The test, as a worker process sees it.
pub(crate) struct Test {
    stream: UnixStream,
    asked: Mutex<Option<Asked>>,
}

/// Who waits for an answer, by number; none once the test is gone.
#[derive(Default)]
struct Asked {
    last: u64,
    waiting: HashMap<u64, Tell>,
}

/// The test that started this process, if there is one.
pub(crate) fn test() -> Option<&'static Test> {
    static TEST: OnceLock<Option<Test>> = OnceLock::new();
    let connect = || {
        let path = std::env::var_os(SOCKET)?;
        let stream = UnixStream::connect(&path).expect("the test listens");
        let answers = stream.try_clone().expect("a second descriptor");
        std::thread::spawn(move || listen(answers));
        let asked = Mutex::new(Some(Asked::default()));
        Some(Test { stream, asked })
    };
    TEST.get_or_init(connect).as_ref()
}

/// Passes the test's answers on, until it is gone.
fn listen(answers: UnixStream) {
    for line in BufReader::new(answers).lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let verdict = match words[0] {
            "fail" => Verdict::Fail,
            "abort" => Verdict::Abort,
            "panic" => Verdict::Panic,
            "delay" => Verdict::Delay(Duration::from_millis(words[1].parse().unwrap_or(0))),
            _ => Verdict::Go,
        };
        let number = words.last().and_then(|word| word.parse().ok());
        let (Some(number), Some(test)) = (number, test()) else {
            continue;
        };
        let mut asked = test.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let tell = asked
            .as_mut()
            .and_then(|asked| asked.waiting.remove(&number));
        drop(asked);
        if let Some(tell) = tell {
            tell(verdict);
        }
    }
    let Some(test) = test() else { return };
    let mut asked = test.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let left = asked.take().unwrap_or_default();
    drop(asked);
    for tell in left.waiting.into_values() {
        tell(Verdict::Go);
    }
}

impl Test {
    /// Asks what is to become of whoever reached a point.
    pub fn ask(&self, name: &str, key: i64, tell: Tell) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = asked.as_mut() else {
            drop(asked);
            return tell(Verdict::Go);
        };
        waiting.last += 1;
        let number = waiting.last;
        waiting.waiting.insert(number, tell);
        // Under the lock, so that lines are not torn. A test that is gone is noticed by the reader.
        let line = format!("at {number} {name} {key} {}\n", std::process::id());
        let _ = (&self.stream).write_all(line.as_bytes());
    }
}

/// The worker processes of a test, as the test sees them: all that were started with [`SOCKET`]
/// naming this socket.
#[derive(Debug)]
pub struct Workers {
    gates: Arc<Gates>,
}

impl Workers {
    /// Listens on a socket that is made at `path`.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn listen(path: &Path) -> std::io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let gates = Arc::new(Gates::new());
        let met = Arc::clone(&gates);
        std::thread::spawn(move || {
            for worker in listener.incoming().map_while(Result::ok) {
                let met = Arc::clone(&met);
                std::thread::spawn(move || answer(&worker, &met));
            }
        });
        Ok(Self { gates })
    }

    /// A gate at the nth time that any of them reaches the point.
    ///
    /// # Panics
    /// If there is no such point.
    #[must_use]
    pub fn at(&self, name: &'static str, nth: u64) -> Gate {
        Gate(self.gates.add(name, nth, None))
    }
}

/// Answers one worker, until it ends.
fn answer(worker: &UnixStream, gates: &Gates) {
    let Ok(reading) = worker.try_clone() else {
        return;
    };
    for line in BufReader::new(reading).lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let ["at", number, name, key, _pid] = words[..] else {
            continue;
        };
        debug_assert!(NAMES.contains(&name), "{name} is not among the names");
        let number = number.to_owned();
        let Ok(writing) = worker.try_clone() else {
            return;
        };
        let tell = move |verdict| {
            let line = match verdict {
                Verdict::Go => format!("go {number}\n"),
                Verdict::Fail => format!("fail {number}\n"),
                Verdict::Delay(time) => format!("delay {} {number}\n", time.as_millis()),
                Verdict::Abort => format!("abort {number}\n"),
                Verdict::Panic => format!("panic {number}\n"),
            };
            // A worker that has ended needs no answer.
            let _ = (&writing).write_all(line.as_bytes());
        };
        match gates.meet(name, key.parse().unwrap_or_default()) {
            Some(gate) => gate.park(tell),
            None => tell(Verdict::Go),
        }
    }
}
