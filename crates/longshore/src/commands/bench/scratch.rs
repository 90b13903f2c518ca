//! A database for one benchmark: made for it, and removed after it.

use longshore_core::store::Store as _;
use longshore_queue::Retrying;
use tempfile::TempDir;

use crate::address::Address;
use crate::{open, output};

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
    pub async fn make(address: Option<Address>) -> anyhow::Result<Self> {
        match address {
            Some(Address::Postgres(url)) => {
                let database = format!("longshore_bench_{:016x}", rand::random::<u64>());
                let made = longshore_postgres::create_database(&url, &database).await?;
                let address = Address::Postgres(made);
                let opened = async {
                    open::migrate(&address, None).await?;
                    open::store(&address).await
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
                let store = open::store(&Address::Sqlite(folder.path().join("bench.db"))).await?;
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
