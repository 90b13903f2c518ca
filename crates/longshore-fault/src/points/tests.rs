use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use super::{Gate, reach, reach_on_a_thread};

/// Runs a future on this thread, without a runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[test]
fn who_reaches_a_gate_is_parked_until_the_test_says_go() {
    let gate = Gate::at("launch.begun", 2);
    assert_eq!(block_on(reach("launch.begun", 1)), Ok(()), "not its turn");
    let mut parked = pin!(reach("launch.begun", 7));
    assert_eq!(poll(parked.as_mut()), None);
    block_on(gate.arrived());
    assert_eq!(gate.keys(), [1, 7]);
    gate.go();
    assert_eq!(poll(parked.as_mut()), Some(Ok(())));
}

#[test]
fn a_verdict_may_come_before_anybody_does() {
    let gate = Gate::at("launch.begun", 1);
    gate.fail();
    let failed = block_on(reach("launch.begun", 1)).map_err(|injected| injected.to_string());
    assert_eq!(failed, Err("a fault injected at launch.begun".to_owned()));
    assert_eq!(block_on(reach("launch.begun", 1)), Ok(()), "once");
}

#[test]
fn a_delay_ends_by_itself() {
    let gate = Gate::at("launch.begun", 1);
    gate.delay(Duration::from_millis(1));
    assert_eq!(block_on(reach("launch.begun", 1)), Ok(()));
}

#[test]
fn who_is_dropped_is_parked_no_more_and_a_gate_that_is_dropped_holds_nobody() {
    let gate = Gate::at("launch.begun", 1);
    {
        let mut parked = pin!(reach("launch.begun", 1));
        assert_eq!(poll(parked.as_mut()), None);
    }
    assert!(gate.0.lock().parked.is_none());
    drop(gate);
    let gate = Gate::at("launch.begun", 1);
    let mut parked = pin!(reach("launch.begun", 1));
    assert_eq!(poll(parked.as_mut()), None);
    drop(gate);
    assert_eq!(poll(parked.as_mut()), Some(Ok(())));
}

#[test]
fn a_gate_is_for_its_own_thread_unless_it_is_for_all() {
    let own = Gate::at("commit.before", 1);
    let any = Gate::anywhere("commit.after", 1);
    any.fail();
    let other = std::thread::spawn(|| {
        let before = reach_on_a_thread("commit.before", 1);
        (before.is_ok(), reach_on_a_thread("commit.after", 1).is_ok())
    });
    assert_eq!(other.join().expect("no panic"), (true, false));
    assert_eq!((own.keys().len(), any.keys().len()), (0, 1));
}
