//! Points within this process: reaching one, and the gates at which a test meets who reaches it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::ThreadId;
use std::time::Duration;

use crate::{Injected, NAMES};

/// What becomes of whoever is at a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Go,
    Fail,
    Delay(Duration),
    Abort,
    Panic,
}

/// The gates of this process, and of the threads in it.
static GATES: Gates = Gates(Mutex::new(Vec::new()));

/// Gates that may be reached.
#[derive(Debug)]
pub(crate) struct Gates(Mutex<Vec<Arc<Shared>>>);

impl Gates {
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub fn add(&self, name: &'static str, nth: u64, thread: Option<ThreadId>) -> Arc<Shared> {
        assert!(NAMES.contains(&name), "{name}: there is no such point");
        let shared = Arc::new(Shared {
            name,
            nth,
            thread,
            state: Mutex::default(),
        });
        self.lock().push(Arc::clone(&shared));
        shared
    }

    /// Counts at every gate that this is for; the one whose turn it is, if any.
    pub fn meet(&self, name: &str, key: i64) -> Option<Arc<Shared>> {
        let here = std::thread::current().id();
        let gates = self.lock();
        let mut met = None;
        let mine = |gate: &&Arc<Shared>| {
            gate.name == name && gate.thread.is_none_or(|thread| thread == here)
        };
        for gate in gates.iter().filter(mine) {
            let mut state = gate.lock();
            state.keys.push(key);
            if state.keys.len() as u64 == gate.nth {
                met = Some(Arc::clone(gate));
            }
        }
        met
    }

    fn remove(&self, gate: &Arc<Shared>) {
        self.lock().retain(|known| !Arc::ptr_eq(known, gate));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Shared>>> {
        // Each change is one push or removal; a panicking test leaves the list whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gate, as both sides see it.
#[derive(Debug)]
pub(crate) struct Shared {
    name: &'static str,
    nth: u64,
    thread: Option<ThreadId>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Vec<i64>,
    has_arrived: bool,
    verdict: Option<Verdict>,
    /// The test that waits for an arrival.
    tester: Option<Waker>,
    /// Who is parked here, to be told when there is a verdict.
    parked: Option<Box<dyn FnOnce(Verdict) + Send>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arrived = (&self.keys, self.has_arrived, self.verdict);
        f.debug_tuple("State").field(&arrived).finish()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever's turn it is has come; tells them the verdict, at once or later.
    pub fn park(&self, tell: impl FnOnce(Verdict) + Send + 'static) {
        let mut state = self.lock();
        state.has_arrived = true;
        let tester = state.tester.take();
        let verdict = state.verdict;
        let tell: Box<dyn FnOnce(Verdict) + Send> = Box::new(tell);
        let told = match verdict {
            Some(verdict) => Some((tell, verdict)),
            None => {
                state.parked = Some(tell);
                None
            }
        };
        drop(state);
        if let Some(tester) = tester {
            tester.wake();
        }
        if let Some((tell, verdict)) = told {
            tell(verdict);
        }
    }

    fn judge(&self, verdict: Verdict) {
        let mut state = self.lock();
        state.verdict = Some(verdict);
        let parked = state.parked.take();
        drop(state);
        if let Some(tell) = parked {
            tell(verdict);
        }
    }

    fn verdict(&self) -> Option<Verdict> {
        self.lock().verdict
    }

    fn leave(&self) {
        self.lock().parked = None;
    }
}

/// A gate at the nth time that a point is reached. Dropped, it lets go whoever is parked at it.
///
/// A verdict may be given before anybody comes: they are not held up then, but failed, delayed or
/// let go as they arrive.
#[derive(Debug)]
pub struct Gate(pub(crate) Arc<Shared>);

impl Gate {
    /// At the nth time, counting from 1, that this *thread* reaches the point: tests have a thread
    /// each, and with it a runtime, so one does not meet another's tasks.
    ///
    /// # Panics
    /// If there is no such point.
    #[must_use]
    pub fn at(name: &'static str, nth: u64) -> Self {
        Self(GATES.add(name, nth, Some(std::thread::current().id())))
    }

    /// At the nth time that any thread of this process does: for points on a thread of the
    /// product's own, in tests that run alone in their process.
    ///
    /// # Panics
    /// If there is no such point.
    #[must_use]
    pub fn anywhere(name: &'static str, nth: u64) -> Self {
        Self(GATES.add(name, nth, None))
    }

    /// Holds nobody up, and counts.
    ///
    /// # Panics
    /// If there is no such point.
    #[must_use]
    pub fn counting(name: &'static str) -> Self {
        Self::at(name, 0)
    }

    /// Waits until somebody is there. The caller brings the deadline.
    pub fn arrived(&self) -> impl Future<Output = ()> + Send + use<> {
        Arrival(Arc::clone(&self.0))
    }

    /// The keys with which the point was reached so far, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<i64> {
        self.0.lock().keys.clone()
    }

    /// Lets them go on.
    pub fn go(&self) {
        self.0.judge(Verdict::Go);
    }

    /// What they were about to do, or to hear of, fails.
    pub fn fail(&self) {
        self.0.judge(Verdict::Fail);
    }

    /// Lets them go on after this long.
    pub fn delay(&self, time: Duration) {
        self.0.judge(Verdict::Delay(time));
    }

    /// They panic: a defect of the product's.
    pub fn panic(&self) {
        self.0.judge(Verdict::Panic);
    }

    /// Ends their process without a word, as a crash would.
    pub fn abort(&self) {
        self.0.judge(Verdict::Abort);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        GATES.remove(&self.0);
        if self.0.verdict().is_none() {
            self.0.judge(Verdict::Go);
        }
    }
}

struct Arrival(Arc<Shared>);

impl Future for Arrival {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.has_arrived {
            return Poll::Ready(());
        }
        state.tester = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A point is reached. Cancellation-safe: dropped, nobody is parked there any more.
///
/// # Panics
/// If the gate says so.
pub async fn reach(name: &'static str, key: i64) -> Result<(), Injected> {
    let verdict = match GATES.meet(name, key) {
        Some(gate) => Parked::new(|tell| gate.park(tell), Some(Arc::clone(&gate))).await,
        None => ask_elsewhere(name, key).await,
    };
    match verdict {
        Verdict::Go => Ok(()),
        Verdict::Fail => Err(Injected(name)),
        Verdict::Delay(time) => {
            later(time).await;
            Ok(())
        }
        Verdict::Abort => std::process::abort(),
        Verdict::Panic => panic!("a panic injected at {name}"),
    }
}

/// A point is reached on a thread that can't await: without a verdict it goes on.
///
/// # Panics
/// If the gate says so.
pub fn reach_on_a_thread(name: &'static str, key: i64) -> Result<(), Injected> {
    let verdict = GATES.meet(name, key).and_then(|gate| {
        gate.park(|_| ());
        gate.verdict()
    });
    match verdict {
        None | Some(Verdict::Go) => Ok(()),
        Some(Verdict::Fail) => Err(Injected(name)),
        Some(Verdict::Delay(time)) => {
            std::thread::sleep(time);
            Ok(())
        }
        Some(Verdict::Abort) => std::process::abort(),
        Some(Verdict::Panic) => panic!("a panic injected at {name}"),
    }
}

/// In a worker process that a test started, the test decides.
async fn ask_elsewhere(name: &'static str, key: i64) -> Verdict {
    #[cfg(unix)]
    if let Some(test) = crate::remote::test() {
        return Parked::new(|tell| test.ask(name, key, tell), None).await;
    }
    let _ = (name, key);
    Verdict::Go
}

/// Waits without the clock of a runtime, which may stand still.
async fn later(time: Duration) {
    let wait = |tell: Tell| {
        std::thread::spawn(move || {
            std::thread::sleep(time);
            tell(Verdict::Go);
        });
    };
    Parked::new(wait, None).await;
}

type Tell = Box<dyn FnOnce(Verdict) + Send>;

/// Somebody who waits for a verdict.
struct Parked {
    cell: Arc<Mutex<(Option<Verdict>, Option<Waker>)>>,
    gate: Option<Arc<Shared>>,
}

impl Parked {
    fn new(wait: impl FnOnce(Tell), gate: Option<Arc<Shared>>) -> Self {
        let cell: Arc<Mutex<(Option<Verdict>, Option<Waker>)>> = Arc::default();
        let told = Arc::clone(&cell);
        wait(Box::new(move |verdict| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.0 = Some(verdict);
            let waker = told.1.take();
            drop(told);
            if let Some(waker) = waker {
                waker.wake();
            }
        }));
        Self { cell, gate }
    }
}

impl Future for Parked {
    type Output = Verdict;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        let mut cell = self.cell.lock().unwrap_or_else(PoisonError::into_inner);
        match cell.0 {
            Some(verdict) => Poll::Ready(verdict),
            None => {
                cell.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        if let Some(gate) = &self.gate {
            gate.leave();
        }
    }
}

#[cfg(test)]
mod tests;
