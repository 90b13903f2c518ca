//! Where the server is, and how connections to it are made: the one place where an address is read.

use std::fmt;
use std::time::Duration;

use longshore_core::store::{StoreError, StoreResult};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::tls::Asked;
use crate::{Options, session};

/// How long to wait for a connection to be made.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After this long without an answer to a packet the kernel gives the connection up. It does not help
/// where something in between takes the packets and passes none on.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// What a connection runs over.
pub(crate) type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// A server, and what every session on it is told.
#[derive(Clone)]
pub(crate) struct Server {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Server {
    /// The server of an address, whose sessions are told nothing.
    pub fn at(url: &str) -> StoreResult<Self> {
        let (asked, rest) = Asked::take(url)?;
        let mut config: Config = rest.parse().map_err(|e: Error| {
            let why =
                std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            StoreError::BadAddress(format!(
                "this is not the address of a PostgreSQL database: {why}"
            ))
        })?;
        let tls = asked.apply(&mut config)?;
        Ok(Self { config, tls })
    }

    /// The same, whose sessions are told what a store needs.
    pub fn with(url: &str, options: &Options) -> StoreResult<Self> {
        let Self { mut config, tls } = Self::at(url)?;
        let settings = session::startup_options(options);
        let given = config.get_options().unwrap_or_default();
        let settings = format!("{settings} {given}");
        if config.get_application_name().is_none() {
            config.application_name(&options.application_name);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config
            .options(settings.trim_end())
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(TCP_USER_TIMEOUT);
        Ok(Self { config, tls })
    }

    /// For the pool, which connects by itself.
    pub fn into_parts(self) -> (Config, MakeRustlsConnect) {
        (self.config, self.tls)
    }

    /// Connects. The connection does nothing unless it is polled.
    pub async fn connect(&self) -> Result<(Client, Connection<Socket, Stream>), Error> {
        self.config.connect(self.tls.clone()).await
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The driver leaves the password out.
        f.debug_tuple("Server").field(&self.config).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_with_its_reason() {
        let refused = Server::with("postgres://host:port/db", &Options::default());
        assert!(
            matches!(refused, Err(StoreError::BadAddress(_))),
            "{refused:?}"
        );
    }

    #[test]
    fn the_addresss_own_options_and_name_are_kept() {
        let url = "postgres://host/db?options=-c%20work_mem%3D8MB&application_name=mine";
        let server = Server::with(url, &Options::default()).expect("an address");
        let options = server.config.get_options().expect("ours at least");
        assert!(options.contains("search_path=longshore,"), "{options}");
        assert!(options.ends_with("-c work_mem=8MB"), "{options}");
        assert_eq!(server.config.get_application_name(), Some("mine"));
    }
}
