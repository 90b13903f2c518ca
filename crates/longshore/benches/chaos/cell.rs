//! One cell: a fleet and a steady load, a fault or a pressure, and the end.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use tokio::time::{Instant, sleep, sleep_until};

use crate::faults::{Fault, Pace, Pressure};
use crate::judge::{self, Judgement};
use crate::rates::{Meter, median};
use crate::stage::{Stage, WARM_UP};

/// At most so long after a fault, the rate is counted again.
const RESPITE: Duration = Duration::from_secs(30);
/// The load near the capacity, as a share of it.
const HEAVY: f64 = 0.9;

/// The cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Cell {
    PostgresRestart,
    BackendKill,
    PoolExhaustion,
    WorkerCrash,
    RepeatedKills,
    IdleInTransaction,
    HighLoad,
    ActiveReaders,
    EventBursts,
}

enum Kind {
    Fault(Fault),
    Pressure(Pressure),
}

impl Cell {
    fn kind(self) -> Kind {
        match self {
            Self::PostgresRestart => Kind::Fault(Fault::Restart),
            Self::BackendKill => Kind::Fault(Fault::Backends),
            Self::PoolExhaustion => Kind::Fault(Fault::Exhaustion),
            Self::WorkerCrash => Kind::Fault(Fault::Crash),
            Self::RepeatedKills => Kind::Fault(Fault::Kills),
            Self::IdleInTransaction => Kind::Pressure(Pressure::IdleInTransaction),
            Self::HighLoad => Kind::Pressure(Pressure::Load),
            Self::ActiveReaders => Kind::Pressure(Pressure::Readers),
            Self::EventBursts => Kind::Pressure(Pressure::Bursts),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Fault(fault) => fault.fmt(f),
            Kind::Pressure(pressure) => pressure.fmt(f),
        }
    }
}

/// What came of one.
pub struct Outcome {
    pub cell: Cell,
    pub judged: Judgement,
    /// Jobs per second: medians.
    pub before: f64,
    pub after: f64,
    /// Jobs that ended in each second from the fault on.
    pub seconds: Vec<u64>,
    /// How long it took until the rate was back; none under a pressure, or when it never was.
    pub back: Option<Duration>,
    /// How long the slowest worker took to end, under load.
    pub shutdown: Duration,
}

impl Outcome {
    /// The rate after, as a share of the one before.
    pub fn share(&self) -> f64 {
        self.after / self.before
    }
}

/// Plays one.
pub async fn run(cell: Cell, capacity: f64, share: f64, window: Duration) -> Outcome {
    let pace = Pace {
        steady: capacity * share,
        heavy: capacity * HEAVY.max(share),
    };
    let mut stage = Stage::set().await;
    let meter = Meter::begin(stage.witness());
    let load = stage.load(pace.steady);
    let mut fleet = stage.fleet();
    sleep(WARM_UP).await;
    let begun = Instant::now();
    sleep(window).await;
    let fault = Instant::now();
    let before = median(&meter.per_second(begun, fault));
    let (counted, until, kills) = match cell.kind() {
        Kind::Fault(kind) => {
            kind.inflict(&mut stage, &mut fleet).await;
            (fault + RESPITE, fault + RESPITE + window, kind.kills())
        }
        Kind::Pressure(kind) => {
            let until = fault + 2 * window;
            kind.press(&stage, &load, pace, until).await;
            (fault, until, 0)
        }
    };
    sleep_until(until).await;
    let after = median(&meter.per_second(counted, until));
    let back = match cell.kind() {
        Kind::Fault(_) => meter.back_after(fault, until, before),
        Kind::Pressure(_) => None,
    };
    // While the load goes on: that is when workers are replaced.
    let ended = fleet.end().await;
    let jobs = load.end().await;
    let mut judged = judge::judge(&stage, &jobs, kills).await;
    judged.wrongs.extend(ended.faults);
    Outcome {
        cell,
        judged,
        before,
        after,
        seconds: meter.per_second(fault, until),
        back,
        shutdown: ended.took,
    }
}
