//! Points in another process: the same gates, over a socket.
#![cfg(all(feature = "points", unix))]

use std::future::Future;
use std::pin::pin;
use std::process::{Child, Command};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use longshore_fault::{SOCKET, Workers, reach};

/// Says to this test binary that it is the worker.
const WORKER: &str = "LONGSHORE_FAULT_TEST_WORKER";

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

/// What the worker process does; its exit code says how the second point went.
#[test]
fn worker() {
    if std::env::var_os(WORKER).is_none() {
        return; // Not started by one of the tests below.
    }
    block_on(reach("launch.begun", 1)).expect("nobody fails the first");
    let second = block_on(reach("launch.created", 2));
    std::process::exit(if second.is_ok() { 40 } else { 41 });
}

fn start(socket: &std::path::Path) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "worker", "--nocapture"])
        .env(WORKER, "1")
        .env(SOCKET, socket)
        .spawn()
        .expect("it starts")
}

fn socket(name: &str) -> std::path::PathBuf {
    let name = format!("longshore-fault-{}-{name}", std::process::id());
    std::env::temp_dir().join(name)
}

#[test]
fn a_worker_is_parked_failed_and_aborted_by_its_test() {
    let path = socket("verdicts");
    let workers = Workers::listen(&path).expect("a socket");
    let gate = workers.at("launch.created", 1);
    let mut child = start(&path);
    block_on(gate.arrived());
    assert_eq!(gate.keys(), [2]);
    assert!(child.try_wait().expect("a child").is_none(), "it is parked");
    gate.fail();
    assert_eq!(child.wait().expect("a child").code(), Some(41));
    drop(gate);

    let gate = workers.at("launch.begun", 1);
    gate.abort();
    let status = start(&path).wait().expect("a child");
    assert_eq!(status.code(), None, "it was ended by a signal: {status}");
    drop(gate);

    let status = start(&path).wait().expect("a child");
    assert_eq!(status.code(), Some(40), "where nobody waits it goes on");
    std::fs::remove_file(&path).expect("it is there");
}
