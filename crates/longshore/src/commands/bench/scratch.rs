//! A database for one benchmark: made for it, and removed after it.

use std::path::PathBuf;

use longshore_core::State;
use longshore_core::queue::Count;
use longshore_core::store::Store;
use longshore_postgres::Activity;
use longshore_queue::Retrying;
use tempfile::TempDir;

use super::percentiles::median;
use crate::address::Address;
use crate::commands::signals::Interrupts;
use crate::context::Context;
use crate::exit::{self, Refused};
use crate::{open, output};

/// Measures on a new database, and removes it again, also when a person interrupts it: then there
/// is no answer.
pub async fn during<T>(
    context: &Context,
    measure: impl AsyncFnOnce(&Scratch) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    // From here on a signal must not leave the database behind.
    let mut interrupts = Interrupts::listen()?;
    let scratch = Scratch::make(context.explicit_address()?, &context.store_options()).await?;
    let outcome = tokio::select! {
        report = measure(&scratch) => report.map(Some),
        _ = interrupts.next() => Ok(None),
    };
    let removed = scratch.remove().await;
    if let (Err(_), Err(left)) = (&outcome, &removed) {
        // What went wrong first is the error; this may follow from it.
        output::talk(&format!("nothing was removed: {}", exit::one_line(left)));
    }
    let outcome = outcome?;
    removed?;
    Ok(outcome)
}

/// Rates of several measurements.
pub struct Turns {
    /// The kind of store.
    pub store: &'static str,
    /// The median of each, in jobs per second, in their order.
    pub medians: Vec<f64>,
}

/// Measures each of these so many times, one after the other in each round, each on a database of its
/// own: so that what else the machine does befalls all alike. None when a person interrupts it.
pub async fn in_turns<T>(
    context: &Context,
    rounds: u32,
    what: &[T],
    rate: impl AsyncFn(&Scratch, &T) -> anyhow::Result<f64>,
) -> anyhow::Result<Option<Turns>> {
    let mut store = "";
    let mut rates = vec![Vec::new(); what.len()];
    for _ in 0..rounds {
        for (what, rates) in what.iter().zip(&mut rates) {
            let one = async |scratch: &Scratch| {
                let kind = scratch.store().kind();
                anyhow::Ok((kind, rate(scratch, what).await?))
            };
            let Some((kind, rate)) = during(context, one).await? else {
                return Ok(None);
            };
            store = kind;
            rates.push(rate);
        }
    }
    let medians = rates.into_iter().map(median).collect();
    Ok(Some(Turns { store, medians }))
}

/// A rate counts only if the work was done: every job completed, every row in its place.
pub async fn check(store: &dyn Store, jobs: u32) -> anyhow::Result<()> {
    let settled = store.settled_counts().await?;
    let completed = settled.get(&State::Completed).copied().unwrap_or_default();
    let expected = u64::from(jobs).min(Count::CAP);
    if completed.0.min(Count::CAP) != expected {
        let problem = format!("{completed} of {jobs} jobs completed: this is no result");
        return Err(Refused::failed(problem).into());
    }
    audit(store).await
}

/// Every row in its place.
pub async fn audit(store: &dyn Store) -> anyhow::Result<()> {
    let wrong = store.audit().await?;
    if let Some(first) = wrong.first() {
        return Err(
            Refused::failed(format!("the tables are not as they should be: {first}")).into(),
        );
    }
    Ok(())
}

/// A snapshot that is held until this is dropped.
pub enum HeldSnapshot {
    Sqlite {
        _reader: longshore_sqlite::HeldSnapshot,
    },
    Postgres {
        _session: longshore_postgres::HeldSnapshot,
    },
}

/// The database.
pub struct Scratch {
    store: Retrying,
    address: Address,
    how: open::Options,
    /// Holds what the jobs write, and a database that is a file.
    folder: TempDir,
    /// The server's own address and the database's name, if it is not a file.
    server: Option<(String, String)>,
}

impl Scratch {
    /// A new database on the same server, or in a temporary folder.
    pub async fn make(address: Option<Address>, how: &open::Options) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("longshore-bench-")?;
        let (address, server) = match address {
            Some(Address::Postgres(url)) => {
                let database = format!("longshore_bench_{:016x}", rand::random::<u64>());
                let made = longshore_postgres::create_database(&url, &database).await?;
                (Address::Postgres(made), Some((url, database)))
            }
            Some(Address::Sqlite(_)) | None => {
                (Address::Sqlite(folder.path().join("bench.db")), None)
            }
        };
        let opened = async {
            open::migrate(&address, how, None).await?;
            open::store(&address, how).await
        };
        match opened.await {
            Ok(store) => Ok(Self {
                store,
                address,
                how: how.clone(),
                folder,
                server,
            }),
            Err(error) => {
                if let Some((url, database)) = server
                    && let Err(left) = longshore_postgres::drop_database(&url, &database).await
                {
                    output::talk(&format!("{database} was not dropped: {left}"));
                }
                Err(error)
            }
        }
    }

    /// The store.
    pub fn store(&self) -> &Retrying {
        &self.store
    }

    /// The same database, opened anew: as another process has it.
    pub async fn open_another(&self) -> anyhow::Result<Retrying> {
        open::store(&self.address, &self.how).await
    }

    /// Begins a transaction that sees the database as it is now until it is dropped.
    pub async fn hold_snapshot(&self) -> anyhow::Result<HeldSnapshot> {
        Ok(match &self.address {
            Address::Sqlite(path) => HeldSnapshot::Sqlite {
                _reader: longshore_sqlite::hold_snapshot(path)?,
            },
            Address::Postgres(url) => HeldSnapshot::Postgres {
                _session: longshore_postgres::hold_snapshot(url).await?,
            },
        })
    }

    /// What the server counts of this database, but for this look; none of a file.
    pub async fn activity(&self) -> anyhow::Result<Option<Activity>> {
        Ok(match &self.address {
            Address::Sqlite(_) => None,
            Address::Postgres(url) => Some(longshore_postgres::activity(url).await?),
        })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Where the jobs write START and END.
    pub fn witness(&self) -> PathBuf {
        self.folder.path().join("witness.log")
    }

    /// Removes it.
    pub async fn remove(self) -> anyhow::Result<()> {
        self.store.close().await;
        if let Some((url, database)) = self.server {
            longshore_postgres::drop_database(&url, &database).await?;
        }
        self.folder.close()?;
        Ok(())
    }
}
