//! Accepting requests, within bounds, until it is time to stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use longshore_core::store::Store;
use tokio::sync::watch;

use crate::app::{App, Options, Webhooks, router};
use crate::probes::{self, Probes};
use crate::webhooks;

/// How long a request's head may take to arrive at a server of probes.
const HEAD: Duration = Duration::from_secs(30);

/// Certificate files.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The server's certificate and those that lead to its authority, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}

/// Why a server can't begin.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The certificate or its key can't be used.
    #[error("can't use the certificate {} with the key {}", certificate.display(), key.display())]
    Certificate {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    /// None of a server of probes, which has no streams to end.
    app: Option<Arc<App>>,
    tls: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
}

impl Server {
    /// Listens at this address; port 0 takes any that is free.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<&Tls>,
        store: Arc<dyn Store>,
        options: Options,
    ) -> Result<Self, BindError> {
        let tls = match tls {
            Some(Tls { certificate, key }) => {
                // The same as for the engines and PostgreSQL; a second call changes nothing.
                let _there_already = rustls::crypto::ring::default_provider().install_default();
                let read = RustlsConfig::from_pem_file(certificate, key).await;
                Some(read.map_err(|source| BindError::Certificate {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    source,
                })?)
            }
            None => None,
        };
        let (router, app) = router(store, options);
        Self::listen(address, router, Some(app), tls)
    }

    /// Listens at this address, without TLS, for probes and scrapes alone.
    pub fn of_probes(address: SocketAddr, probes: Probes) -> Result<Self, BindError> {
        Self::listen(address, probes::router(probes), None, None)
    }

    fn listen(
        address: SocketAddr,
        router: Router,
        app: Option<Arc<App>>,
        tls: Option<RustlsConfig>,
    ) -> Result<Self, BindError> {
        let listen = |source| BindError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self {
            listener,
            address,
            router,
            app,
            tls,
            handle: Handle::new(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http`, or `https` with a certificate.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Answers, and tells webhooks of changes, until `stop` comes; then what is being answered has the grace time to end.
    pub async fn run(self, stop: impl Future<Output = ()>, grace: Duration) -> io::Result<()> {
        let service = self
            .router
            .into_make_service_with_connect_info::<SocketAddr>();
        // Of HTTP/1 also how long an idle connection may stay.
        let head = self.app.as_ref().map_or(HEAD, |app| app.options.arrival);
        let serving = async {
            match self.tls {
                Some(tls) => {
                    let mut server = axum_server::from_tcp_rustls(self.listener, tls)?
                        .handle(self.handle.clone())
                        .first_request_timeout(head);
                    server.http_builder().http1().header_read_timeout(head);
                    server.serve(service).await
                }
                None => {
                    let mut server = axum_server::from_tcp(self.listener)?
                        .handle(self.handle.clone())
                        .first_request_timeout(head);
                    server.http_builder().http1().header_read_timeout(head);
                    server.serve(service).await
                }
            }
        };
        let (told, stopped) = watch::channel(false);
        let webhooks = async {
            let app = self.app.as_ref();
            if let Some(app) = app.filter(|app| app.options.webhooks != Webhooks::None) {
                webhooks::run(&app.store, &app.webhooks, stopped, grace).await;
            }
        };
        let stopping = async {
            stop.await;
            told.send_replace(true);
            if let Some(app) = &self.app {
                app.streams.stop();
            }
            self.handle.graceful_shutdown(Some(grace));
        };
        let ((), (), served) = tokio::join!(stopping, webhooks, serving);
        served
    }
}
