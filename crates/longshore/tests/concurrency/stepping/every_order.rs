//! Every order of two or three sessions' steps: enumerated, sorted by the model into what can be and
//! what can't, and played.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use longshore_postgres::testing::TestDatabase;
use longshore_testkit::judged::{Judged, exercised, holds};

use super::gates::{self, Bug};
use super::lane::Lane;
use super::model::{Model, Program, State};
use super::pair::Pair;

/// Orders, as the model sorts them. Two that differ only in when a session that has ended would take
/// another step are one.
struct Orders {
    enumerated: usize,
    feasible: BTreeSet<Vec<usize>>,
    /// Up to and with the step that can't be taken in its turn.
    blocked: BTreeSet<Vec<usize>>,
}

/// Plays every order of a pair; what is concluded names the first order that broke a promise.
pub fn judge(pair: &Pair, bug: Option<Bug>) -> Judged {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(judge_all(pair, bug))
}

async fn judge_all(pair: &Pair, bug: Option<Bug>) -> Judged {
    let began = Instant::now();
    let orders = sorted(pair);
    let database = TestDatabase::create().await;
    gates::install(&database.client().await, bug).await;
    let lanes = (0..pair.lanes).map(|number| Lane::open(&database, number, pair.actors.len()));
    let mut lanes = join_all(lanes).await;
    let mut seen = Seen {
        judged: Judged::Passed,
        surprise: None,
        reached: 0,
        blocked: BTreeSet::new(),
    };
    let feasible: Vec<_> = orders.feasible.iter().cloned().collect();
    seen = play_all(&mut lanes, pair, &feasible, seen).await;
    let reached = seen.reached;
    // Those that can't be were seen to block on the way to the others. If not all were, something is
    // not as the model has it, and what comes of them is looked at, too.
    let is_open = |order: &&Vec<usize>| !seen.blocked.contains(*order);
    let open: Vec<_> = orders.blocked.iter().filter(is_open).cloned().collect();
    seen = play_all(&mut lanes, pair, &open, seen).await;
    println!(
        "{}: {} orders enumerated, {} feasible, {reached} reached; {} of {} that can't be were seen \
         to block; {:.1?}",
        pair.name,
        orders.enumerated,
        orders.feasible.len(),
        orders.blocked.intersection(&seen.blocked).count(),
        orders.blocked.len(),
        began.elapsed()
    );
    let missed = orders.feasible.len() - reached;
    let why = seen.surprise.unwrap_or_default();
    // Nothing was missed, so it is one of those that can't be, or stood otherwise on the way.
    let is_wrong = seen.judged == Judged::Passed && missed == 0 && !why.is_empty();
    assert!(
        !is_wrong,
        "{}: the model of locks is wrong: {why}",
        pair.name
    );
    seen.judged.and(|| {
        exercised(missed == 0, || {
            format!(
                "{}: {missed} feasible orders were not reached: {why}",
                pair.name
            )
        })
    })
}

struct Seen {
    judged: Judged,
    surprise: Option<String>,
    reached: usize,
    blocked: BTreeSet<Vec<usize>>,
}

/// Plays orders, each in whichever lane is free, until one breaks a promise.
async fn play_all(lanes: &mut [Lane], pair: &Pair, orders: &[Vec<usize>], seen: Seen) -> Seen {
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(seen);
    let play = async |lane: &mut Lane| {
        while let Some(order) = orders.get(next.fetch_add(1, Ordering::SeqCst)) {
            let report = lane.play(pair, order).await;
            let audit = lane.audit().await;
            let judged = (report.played.one_place_each())
                .and(|| holds("S4", audit.is_empty(), || format!("the audit: {audit:?}")))
                .and(|| (pair.judge)(&report.played));
            lane.clear(&report.played.world).await;
            let mut seen = seen.lock().expect("no lane panicked");
            seen.reached += usize::from(report.in_order);
            seen.blocked.extend(report.blocked);
            seen.surprise = seen.surprise.take().or(report.surprise);
            let first = std::mem::replace(&mut seen.judged, Judged::Passed);
            seen.judged = first.and(|| told(pair, order, &report.played.answers, judged));
            if matches!(seen.judged, Judged::Violated { .. }) {
                next.store(orders.len(), Ordering::SeqCst);
            }
        }
    };
    if !matches!(
        seen.lock().expect("nobody has it").judged,
        Judged::Violated { .. }
    ) {
        join_all(lanes.iter_mut().map(play)).await;
    }
    seen.into_inner().expect("no lane panicked")
}

fn told(pair: &Pair, order: &[usize], answers: &impl std::fmt::Debug, judged: Judged) -> Judged {
    match judged {
        Judged::Violated { promise, what } => {
            let name = pair.name;
            Judged::violated(
                &promise,
                format!("{name}, order {order:?}: {what}; answers {answers:?}"),
            )
        }
        other => other,
    }
}

fn sorted(pair: &Pair) -> Orders {
    let programs: Vec<Program> = pair.actors.iter().map(|actor| actor.program).collect();
    let mut left: Vec<usize> = programs.iter().map(|program| program.parts.len()).collect();
    let mut every = Vec::new();
    orders_of(&mut left, &mut Vec::new(), &mut every);
    let mut orders = Orders {
        enumerated: every.len(),
        feasible: BTreeSet::new(),
        blocked: BTreeSet::new(),
    };
    'orders: for order in every {
        let mut model = Model::new(&programs, pair.rows, pair.setting.limit.is_some());
        let mut taken = Vec::new();
        for who in order {
            match model.states()[who] {
                // It has no step to take.
                State::Done => {}
                State::Blocked => {
                    taken.push(who);
                    orders.blocked.insert(taken);
                    continue 'orders;
                }
                State::Idle | State::Parked(_) => {
                    taken.push(who);
                    model.step(who);
                }
            }
        }
        orders.feasible.insert(taken);
    }
    orders
}

/// Every way to deal so many steps to each session.
fn orders_of(left: &mut [usize], taken: &mut Vec<usize>, every: &mut Vec<Vec<usize>>) {
    if left.iter().all(|left| *left == 0) {
        every.push(taken.clone());
        return;
    }
    for who in 0..left.len() {
        if left[who] > 0 {
            left[who] -= 1;
            taken.push(who);
            orders_of(left, taken, every);
            taken.pop();
            left[who] += 1;
        }
    }
}
