//! What a command works with: its output, the configuration, and the store once it is asked for.

use std::io::IsTerminal as _;
use std::sync::Arc;

use longshore_core::store::Store;
use longshore_queue::Retrying;

use crate::address::Address;
use crate::cli::Global;
use crate::config::Config;
use crate::log::LogFormat;
use crate::open;
use crate::output::Out;

/// The variable for the queue of jobs that name none.
pub const SUBMIT_QUEUE: &str = "LONGSHORE_SUBMIT_QUEUE";

/// What a command works with.
pub struct Context {
    /// Standard output.
    pub out: Out,
    /// The configuration file's word.
    pub config: Config,
    global: Global,
    /// Stands in for every other word on the database.
    chosen: Option<Address>,
    store: Option<Retrying>,
}

impl Context {
    /// A context; touches nothing yet.
    pub fn new(global: Global, config: Config) -> Self {
        Self {
            out: Out::new(global.color),
            config,
            global,
            chosen: None,
            store: None,
        }
    }

    /// The database that is meant: the flag's or variable's, the file's, or the default.
    pub fn address(&self) -> anyhow::Result<Address> {
        if let Some(chosen) = &self.chosen {
            return Ok(chosen.clone());
        }
        let given = self.global.database.as_deref();
        let configured = self
            .config
            .database
            .as_ref()
            .map(|database| database.0.as_str());
        Ok(match given.or(configured) {
            Some(text) => Address::parse(text)?,
            None => Address::default_file()?,
        })
    }

    /// The database that the flag or the variable names, if one does: for commands that would
    /// rather make one of their own than touch the user's.
    pub fn explicit_address(&self) -> anyhow::Result<Option<Address>> {
        let given = self.global.database.as_deref();
        Ok(given.map(Address::parse).transpose()?)
    }

    /// The database that the flag names, if it does: for the demo, which fills what it is given.
    pub fn flagged_address(&self) -> anyhow::Result<Option<Address>> {
        if self.global.names_database {
            self.explicit_address()
        } else {
            Ok(None)
        }
    }

    /// Means this database, whatever the flags say. Only before the store is opened.
    pub fn use_address(&mut self, address: Address) {
        self.chosen = Some(address);
    }

    /// The queue of jobs that name none: the variable's, or the file's.
    pub fn default_queue(&self) -> Option<String> {
        let variable = std::env::var(SUBMIT_QUEUE).ok();
        variable
            .filter(|queue| !queue.is_empty())
            .or_else(|| self.config.submit.queue.clone())
    }

    /// The store, opened at the first call: after the command has checked what it was given.
    pub async fn store(&mut self) -> anyhow::Result<Arc<dyn Store>> {
        Ok(Arc::new(self.retrying().await?))
    }

    /// The same, as workers want it.
    pub async fn retrying(&mut self) -> anyhow::Result<Retrying> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        let store = open::store(&self.address()?, &self.store_options()).await?;
        self.store = Some(store.clone());
        Ok(store)
    }

    /// How stores are spoken to.
    pub fn store_options(&self) -> open::Options {
        open::Options::of(&self.config)
    }

    /// Whether what is written to stderr is coloured.
    pub fn colors_stderr(&self) -> bool {
        self.global.color.is_on(std::io::stderr().is_terminal())
    }

    /// How logs are written.
    pub fn log_format(&self) -> LogFormat {
        self.global.log_format
    }

    /// Closes what was opened.
    pub async fn close(&mut self) {
        if let Some(store) = self.store.take() {
            store.close().await;
        }
    }
}
