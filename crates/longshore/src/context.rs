//! What a command works with: its output, the configuration, and the store once it is asked for.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use longshore_client::{Client, ClientOptions, RemoteStore};
use longshore_core::store::Store;
use longshore_queue::Retrying;

use crate::address::Address;
use crate::cli::Global;
use crate::config::Config;
use crate::exit::Refused;
use crate::log::LogFormat;
use crate::open;
use crate::output::Out;

/// The variable for the queue of jobs that name none.
pub const SUBMIT_QUEUE: &str = "LONGSHORE_SUBMIT_QUEUE";

/// The variable for the token that is shown to a server. No flag: other users see those.
pub const TOKEN: &str = "LONGSHORE_TOKEN";

/// What a command works with.
pub struct Context {
    /// Standard output.
    pub out: Out,
    /// The configuration file's word.
    pub config: Config,
    global: Global,
    /// Stands in for every other word on the database.
    chosen: Option<Address>,
    /// Whether no server stands between.
    is_direct: bool,
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
            is_direct: false,
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

    /// The store, opened at the first call: after the command has checked what it was given. Behind a
    /// server if one is named.
    pub async fn store(&mut self) -> anyhow::Result<Arc<dyn Store>> {
        Ok(Arc::new(self.retrying().await?))
    }

    /// The server that is meant, if one is: the flag's, unless a flag names a database; the variable's; or
    /// the file's.
    pub fn server(&self) -> Option<&str> {
        if self.is_direct || self.chosen.is_some() || self.global.names_database {
            return None;
        }
        let given = self.global.server.as_deref();
        given.or(self.config.server.as_deref())
    }

    /// A client of that server.
    pub fn client(&self) -> anyhow::Result<Option<Client>> {
        let Some(address) = self.server() else {
            return Ok(None);
        };
        let file = self
            .global
            .token_file
            .as_ref()
            .or(self.config.token_file.as_ref());
        let token = server_token(file.map(PathBuf::as_path))?;
        let client = Client::new(address, token.as_deref(), &ClientOptions::default());
        let client = client.map_err(|error| Refused::usage(error.to_string()))?;
        Ok(Some(client))
    }

    /// From here on the database itself is meant, whatever server is named; one that was named by hand
    /// is refused.
    pub fn needs_the_database(&mut self, command: &str) -> anyhow::Result<()> {
        self.is_direct = true;
        if self.global.names_server {
            let problem = format!("`longshore {command}` needs the database itself, not a server");
            return Err(Refused::usage(problem)
                .hint("name it with --database")
                .into());
        }
        Ok(())
    }

    /// The same, as whoever repeats calls wants it.
    pub async fn retrying(&mut self) -> anyhow::Result<Retrying> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        let store = match self.client()? {
            Some(client) => Retrying::new(Arc::new(RemoteStore::new(client))),
            None => open::store(&self.address()?, &self.store_options()).await?,
        };
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

/// The token that is shown to a server: the variable's, or what stands in a file.
fn server_token(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    let variable = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
    if variable.is_some() {
        return Ok(variable);
    }
    let Some(path) = file else {
        return Ok(None);
    };
    let token = std::fs::read_to_string(path).map_err(|error| {
        Refused::usage(format!(
            "the token's file {} can't be read: {error}",
            path.display()
        ))
    })?;
    Ok(Some(token.trim().to_owned()))
}
