//! A database for one benchmark: made for it, and removed after it.

use longshore_core::State;
use longshore_core::queue::Count;
use longshore_core::store::Store;
use longshore_queue::Retrying;
use tempfile::TempDir;

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

/// A rate counts only if the work was done: every job completed, every row in its place.
pub async fn check(store: &dyn Store, jobs: u32) -> anyhow::Result<()> {
    let settled = store.settled_counts().await?;
    let completed = settled.get(&State::Completed).copied().unwrap_or_default();
    let expected = u64::from(jobs).min(Count::CAP);
    if completed.0.min(Count::CAP) != expected {
        let problem = format!("{completed} of {jobs} jobs completed: this is no result");
        return Err(Refused::failed(problem).into());
    }
    let wrong = store.audit().await?;
    if let Some(first) = wrong.first() {
        return Err(
            Refused::failed(format!("the tables are not as they should be: {first}")).into(),
        );
    }
    Ok(())
}

/// The database.
pub struct Scratch {
    store: Retrying,
    place: Place,
}

enum Place {
    Folder(TempDir),
    Server { url: String, database: String },
}

impl Scratch {
    /// A new database on the same server, or in a temporary folder.
    pub async fn make(address: Option<Address>, how: &open::Options) -> anyhow::Result<Self> {
        match address {
            Some(Address::Postgres(url)) => {
                let database = format!("longshore_bench_{:016x}", rand::random::<u64>());
                let made = longshore_postgres::create_database(&url, &database).await?;
                let address = Address::Postgres(made);
                let opened = async {
                    open::migrate(&address, how, None).await?;
                    open::store(&address, how).await
                };
                match opened.await {
                    Ok(store) => Ok(Self {
                        store,
                        place: Place::Server { url, database },
                    }),
                    Err(error) => {
                        let dropped = longshore_postgres::drop_database(&url, &database).await;
                        if let Err(left) = dropped {
                            output::talk(&format!("{database} was not dropped: {left}"));
                        }
                        Err(error)
                    }
                }
            }
            Some(Address::Sqlite(_)) | None => {
                let folder = TempDir::with_prefix("longshore-bench-")?;
                let address = Address::Sqlite(folder.path().join("bench.db"));
                let store = open::store(&address, how).await?;
                Ok(Self {
                    store,
                    place: Place::Folder(folder),
                })
            }
        }
    }

    /// The store.
    pub fn store(&self) -> &Retrying {
        &self.store
    }

    /// Removes it.
    pub async fn remove(self) -> anyhow::Result<()> {
        self.store.close().await;
        match self.place {
            Place::Folder(folder) => folder.close()?,
            Place::Server { url, database } => {
                longshore_postgres::drop_database(&url, &database).await?;
            }
        }
        Ok(())
    }
}
