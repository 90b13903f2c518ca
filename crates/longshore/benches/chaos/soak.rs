//! A long run with every fault in turn, and nothing put right in between.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::faults::Fault;
use crate::judge::{self, Judgement};
use crate::rates::{Meter, median};
use crate::stage::{Stage, WARM_UP};

/// From the begin of one fault to that of the next.
const PERIOD: Duration = Duration::from_mins(1);
const MINUTE: Duration = Duration::from_mins(1);

/// What came of it.
pub struct Soaked {
    pub judged: Judgement,
    pub lasted: Duration,
    /// Jobs per second.
    pub offered: f64,
    pub rate: f64,
    pub last_rate: f64,
    pub inflicted: Vec<(Fault, u32)>,
    /// KiB, of the greatest worker, after a full round of faults and at the end.
    pub resident_early: u64,
    pub resident_late: u64,
    pub shutdown: Duration,
}

/// Goes on for so long.
pub async fn run(rate: f64, lasting: Duration) -> Soaked {
    let mut stage = Stage::set().await;
    let meter = Meter::begin(stage.witness());
    let load = stage.load(rate);
    let mut fleet = stage.fleet();
    sleep(WARM_UP).await;
    let begun = Instant::now();
    let until = begun + lasting;
    let mut inflicted = Fault::ALL.map(|fault| (fault, 0));
    let mut resident_early = 0;
    let mut kills = 0;
    for nth in 0.. {
        let next = begun + PERIOD * nth;
        // The last minute is left in peace, so that the rate can be seen to be back.
        if next + 2 * PERIOD > until {
            break;
        }
        sleep_until(next).await;
        let count = u32::try_from(Fault::ALL.len()).expect("a few");
        let (fault, times) = &mut inflicted[usize::try_from(nth % count).expect("a few")];
        eprintln!(
            "    minute {}: {fault}; {} jobs ended so far",
            begun.elapsed().as_secs() / 60,
            meter.ended()
        );
        fault.inflict(&mut stage, &mut fleet).await;
        *times += 1;
        kills += fault.kills();
        if nth + 1 == count {
            resident_early = fleet.resident().into_iter().max().unwrap_or(0);
        }
    }
    sleep_until(until).await;
    let now = Instant::now();
    let resident_late = fleet.resident().into_iter().max().unwrap_or(0);
    let ended = fleet.end().await;
    let jobs = load.end().await;
    let mut judged = judge::judge(&stage, &jobs, kills).await;
    judged.wrongs.extend(ended.faults);
    Soaked {
        judged,
        lasted: lasting,
        offered: rate,
        rate: median(&meter.per_second(begun, now)),
        last_rate: median(&meter.per_second(now - MINUTE, now)),
        inflicted: inflicted.to_vec(),
        resident_early,
        resident_late,
        shutdown: ended.took,
    }
}
