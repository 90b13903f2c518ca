//! The output pump: every byte once and in order, whatever is slow, fails or ends when.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, poll_fn};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::ExecutorError;
use longshore_core::output::{
    Checkpoint, DEFAULT_OUTPUT_CAP_BYTES, OutputChunk, ResumePoint, Stream,
};
use longshore_core::store::LeaseKey;
use longshore_core::{AttemptNumber, JobId, Token};
use shuttle::future::{JoinHandle, spawn, yield_now};

use super::all;
use crate::chance;
use crate::explore::reached;
use crate::orders::{Order, Orders};
use crate::pump::{Pump, Pumped};
use crate::retrying::Retrying;
use crate::select;
use crate::sync::watch;
use crate::time::sleep;

const LEASE: LeaseKey = LeaseKey {
    job: JobId(1),
    attempt: AttemptNumber(1),
    token: Token(1),
};

type Output = BoxStream<'static, Result<OutputChunk, ExecutorError>>;

/// How an engine's stream of output ends, after the last byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Closed,
    /// Although the container has ended.
    LeftOpen,
    Cut,
}

/// A container's output: what it writes is there at once, to be read in whatever time it takes.
#[derive(Clone, Default)]
struct Container(Arc<Mutex<Pipe>>);

#[derive(Default)]
struct Pipe {
    ready: VecDeque<OutputChunk>,
    end: Option<End>,
    reader: Option<Waker>,
    written: [Vec<u8>; 2],
}

impl Container {
    /// Writes something: a little, or more than a batch holds.
    fn write(&self, number: u8) {
        let stream = chance::of(&Stream::ALL);
        let bytes = vec![number; chance::of(&[1, 7, 7, 40_000, 70_000])];
        self.change(|pipe| {
            pipe.written[usize::from(stream == Stream::Stderr)].extend_from_slice(&bytes);
            let total: usize = pipe.written.iter().map(Vec::len).sum();
            pipe.ready.push_back(OutputChunk {
                stream,
                bytes,
                resume: Some(ResumePoint(total.to_string())),
            });
        });
    }

    fn end(&self, end: End) {
        self.change(|pipe| pipe.end = Some(end));
    }

    fn change(&self, change: impl FnOnce(&mut Pipe)) {
        let reader = {
            let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut pipe);
            pipe.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn output(&self) -> Output {
        let container = self.clone();
        poll_fn(move |cx| {
            let mut pipe = container.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(chunk) = pipe.ready.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            match pipe.end {
                Some(End::Closed) => Poll::Ready(None),
                Some(End::Cut) => Poll::Ready(Some(Err(ExecutorError::new(
                    ErrorClass::Unknown,
                    "logs",
                    "the stream broke",
                )))),
                Some(End::LeftOpen) | None => {
                    pipe.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .boxed()
    }

    /// All that it wrote is stored, and nothing else; whoever went on from there would miss nothing.
    fn check_stored(&self, store: &Retrying) {
        let written = std::mem::take(
            &mut self
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .written,
        );
        let total: usize = written.iter().map(Vec::len).sum();
        for (stream, written) in Stream::ALL.into_iter().zip(written) {
            assert!(store.stored(stream) == written, "{stream:?} differs");
        }
        let checkpoint = Checkpoint::from_stored(store.resume().as_ref());
        assert_eq!(checkpoint.at, Some(ResumePoint(total.to_string())));
    }
}

/// Lets its lines out at any pace, and ends.
fn writes(
    container: &Container,
    chunks: u8,
    end: End,
    ended: watch::Sender<bool>,
) -> JoinHandle<()> {
    let container = container.clone();
    spawn(async move {
        for number in 0..chunks {
            container.write(number);
            match chance::below(3) {
                0 => sleep(Duration::from_millis(chance::of(&[50, 250]))).await,
                1 => yield_now().await,
                _ => {}
            }
        }
        // The two come over different connections, in no order.
        if chance::below(2) == 0 {
            container.end(end);
            yield_now().await;
            ended.send_modify(|ended| *ended = true);
        } else {
            ended.send_modify(|ended| *ended = true);
            yield_now().await;
            container.end(end);
        }
    })
}

fn pump(store: &Retrying, orders: &Orders) -> Pump {
    let no_output_timeout = chance::of(&[None, Some(Duration::from_secs(1))]);
    Pump::new(
        store.clone(),
        LEASE,
        orders.clone(),
        DEFAULT_OUTPUT_CAP_BYTES,
        no_output_timeout,
    )
}

/// From the first byte to the last, with a store that fails so often.
async fn pumps(store: &Retrying, chunks: u8, end: End) -> Pumped {
    let container = Container::default();
    let (ended, has_ended) = watch::channel(false);
    let running = spawn(pump(store, &Orders::new()).run(container.output(), has_ended));
    let writing = writes(&container, chunks, end, ended);
    writing.await.expect("nobody cancels it");
    if store.row_count() > 0 {
        reached("stored while it wrote");
    }
    let pumped = running.await.expect("nobody cancels it");
    container.check_stored(store);
    assert_eq!(pumped.omitted_bytes, [0, 0]);
    pumped
}

/// Batches of any size at any time, a store of any speed.
pub async fn every_byte_is_stored_once_and_in_order() {
    let pumped = pumps(&Retrying::default(), 4, End::Closed).await;
    assert_whole(&pumped);
}

/// Calls fail before and after they did what they were for; the repeat brings the same numbers.
pub async fn a_lost_reply_stores_nothing_twice() {
    let pumped = pumps(&Retrying::failing(3), 3, End::Closed).await;
    assert_whole(&pumped);
}

/// What is pending at the end is stored, though the stream never says that it ended, or breaks.
pub async fn the_end_stores_what_is_pending() {
    let end = chance::of(&[End::Closed, End::LeftOpen, End::Cut]);
    let pumped = pumps(&Retrying::failing(1), 1, end).await;
    match end {
        End::Closed => assert_whole(&pumped),
        End::LeftOpen => {
            assert!(tells_silence(&pumped), "{:?}", pumped.problem);
            reached("the stream stayed open");
        }
        End::Cut if tells_silence(&pumped) => {}
        End::Cut => {
            assert!(pumped.problem.is_some(), "a cut is told");
            reached("the stream broke");
        }
    }
}

/// Nothing is wrong with it; or the clock, which may pass any deadline here, ran for two minutes between
/// the container's end and that of its output, and that is told.
fn assert_whole(pumped: &Pumped) {
    let problem = &pumped.problem;
    assert!(problem.is_none() || tells_silence(pumped), "{problem:?}");
    if problem.is_none() {
        reached("it was heard to its end");
    }
}

fn tells_silence(pumped: &Pumped) -> bool {
    let problem = pumped.problem.as_deref().unwrap_or_default();
    problem.starts_with("its output may lack its end")
}

/// Another worker takes over in the middle. The pump learns of it from the store, and its supervisor
/// from the pump.
pub async fn a_lost_lease_ends_it() {
    let store = Retrying::default();
    let orders = Orders::new();
    let container = Container::default();
    let (ended, has_ended) = watch::channel(false);
    let supervised = {
        let (store, orders, output) = (store.clone(), orders.clone(), container.output());
        spawn(async move {
            let pump = pump(&store, &orders).run(output, has_ended);
            select! {
                biased;
                _ = pump => None,
                order = orders.let_go() => Some(order),
            }
        })
    };
    let writing = writes(&container, 6, End::Closed, ended);
    let taking_over = {
        let store = store.clone();
        spawn(async move {
            sleep(Duration::from_millis(chance::of(&[0, 100, 400]))).await;
            store.lose_lease();
        })
    };
    let let_go = supervised.await.expect("nobody cancels it");
    all([writing, taking_over]).await;
    // A call that was sent goes on by itself: it is over by then.
    sleep(Duration::from_hours(1)).await;
    let calls = store.calls_after_loss();
    match let_go {
        Some(order) => {
            reached("it was stopped");
            assert_eq!(order, Order::Abandon);
        }
        // All was stored before, or the answer to its last call came with its end.
        None => assert!(calls <= 1, "it went on after it was told"),
    }
    // One to learn of it; one more that was sent before its supervisor looked.
    assert!(calls <= 2, "{calls} calls without a lease");
    assert_eq!(orders.standing() == Order::Abandon, calls > 0);
}
