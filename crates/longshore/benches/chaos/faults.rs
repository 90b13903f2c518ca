//! What befalls a fleet: faults, which come and go, and pressures, which last.

use std::fmt;
use std::time::Duration;

use longshore_core::store::JobFilter;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{Instant, interval, sleep, sleep_until};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::fleet::Fleet;
use crate::load::Load;
use crate::stage::Stage;
use longshore_testkit::servers::Stop;

/// A fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The server is stopped and started again.
    Restart,
    /// Every session of the workers is ended, three times within three seconds.
    Backends,
    /// Others take every connection, for ten seconds.
    Exhaustion,
    /// A worker is killed; another is started five seconds later.
    Crash,
    /// A worker is killed every five seconds, six times; each time another is started at once.
    Kills,
}

impl Fault {
    pub const ALL: [Self; 5] = [
        Self::Restart,
        Self::Backends,
        Self::Exhaustion,
        Self::Crash,
        Self::Kills,
    ];

    /// How many workers it kills.
    pub fn kills(self) -> u32 {
        match self {
            Self::Restart | Self::Backends | Self::Exhaustion => 0,
            Self::Crash => 1,
            Self::Kills => 6,
        }
    }

    /// Lets it come and go.
    pub async fn inflict(self, stage: &mut Stage, fleet: &mut Fleet) {
        match self {
            Self::Restart => block_in_place(|| {
                stage.server.stop(Stop::Fast);
                stage.server.start_again();
            }),
            Self::Backends => {
                let client = connect(stage).await.expect("a superuser");
                for _ in 0..3 {
                    end_sessions(&client).await;
                    sleep(Duration::from_secs(1)).await;
                }
            }
            Self::Exhaustion => {
                let held = take_every_connection(stage).await;
                sleep(Duration::from_secs(10)).await;
                drop(held);
            }
            Self::Crash => {
                kill_the_busiest(stage, fleet).await;
                sleep(Duration::from_secs(5)).await;
                fleet.start_one();
            }
            Self::Kills => {
                for _ in 0..6 {
                    kill_the_busiest(stage, fleet).await;
                    fleet.start_one();
                    sleep(Duration::from_secs(5)).await;
                }
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "postgres restart",
            Self::Backends => "backend kill",
            Self::Exhaustion => "pool exhaustion",
            Self::Crash => "worker crash",
            Self::Kills => "repeated kills",
        })
    }
}

/// A pressure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pressure {
    /// A session that holds its snapshot, and an id of its own, open.
    IdleInTransaction,
    /// The load comes near the capacity.
    Load,
    /// Four sessions that read lists and statistics without a pause.
    Readers,
    /// Every ten seconds as many jobs at once as else in two.
    Bursts,
}

impl Pressure {
    /// Lets it last until then.
    pub async fn press(self, stage: &Stage, load: &Load, pace: Pace, until: Instant) {
        match self {
            Self::IdleInTransaction => {
                let holder = connect(stage).await.expect("a connection is free");
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id()";
                holder.batch_execute(begin).await.expect("it answers");
                sleep_until(until).await;
            }
            Self::Load => {
                load.set_rate(pace.heavy);
                sleep_until(until).await;
                load.set_rate(pace.steady);
            }
            Self::Readers => {
                let mut readers = JoinSet::new();
                for _ in 0..4 {
                    let store = std::sync::Arc::clone(&stage.store);
                    readers.spawn(async move {
                        while Instant::now() < until {
                            let filter = JobFilter::default();
                            store.list_jobs(&filter).await.expect("a list");
                            store.queue_stats().await.expect("statistics");
                        }
                    });
                }
                readers.join_all().await;
            }
            Self::Bursts => {
                let mut ticks = interval(Duration::from_secs(10));
                while Instant::now() < until {
                    ticks.tick().await;
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "a rate is a small positive number"
                    )]
                    load.burst((2.0 * pace.steady) as u64);
                }
            }
        }
    }
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdleInTransaction => "idle in transaction",
            Self::Load => "sustained high load",
            Self::Readers => "active readers",
            Self::Bursts => "event bursts",
        })
    }
}

/// Rates of a load, in jobs per second.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// All the time.
    pub steady: f64,
    /// Under [`Pressure::Load`].
    pub heavy: f64,
}

async fn connect(stage: &Stage) -> Result<Client, tokio_postgres::Error> {
    let config: Config = stage.server.url().parse().expect("an address");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Kills the worker that has most jobs at this moment.
async fn kill_the_busiest(stage: &Stage, fleet: &mut Fleet) {
    let client = connect(stage).await.expect("a superuser");
    let busiest =
        "SELECT w.pid FROM longshore.worker AS w JOIN longshore.lease AS l ON l.worker_id = w.id
                   WHERE w.stopped_at IS NULL AND NOT w.fenced AND w.pid = ANY ($1)
                   GROUP BY w.pid ORDER BY count(*) DESC LIMIT 1";
    let statement = client.prepare(busiest).await.expect("a statement");
    let pids: Vec<i32> = fleet.pids().into_iter().map(u32::cast_signed).collect();
    let pid = loop {
        let rows = client
            .query(&statement, &[&pids])
            .await
            .expect("the server");
        if let Some(row) = rows.first() {
            break row.get::<_, i32>(0);
        }
        sleep(Duration::from_millis(5)).await;
    };
    block_in_place(|| fleet.kill(pid.cast_unsigned()));
}

/// Ends the sessions of workers and submitters; says how many there were.
async fn end_sessions(client: &Client) -> usize {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = 'longshore'";
    client.query(end, &[]).await.expect("a superuser").len()
}

/// Until there is none to be had, and the workers have none left either.
async fn take_every_connection(stage: &Stage) -> Vec<Client> {
    let mut held = vec![connect(stage).await.expect("a connection is free")];
    loop {
        match connect(stage).await {
            Ok(client) => held.push(client),
            Err(error) => {
                assert_eq!(
                    error.code(),
                    Some(&SqlState::TOO_MANY_CONNECTIONS),
                    "{error:?}"
                );
                if end_sessions(&held[0]).await == 0 {
                    return held;
                }
            }
        }
    }
}
