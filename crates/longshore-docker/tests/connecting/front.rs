//! What a test puts before the engine: a plain TCP port, a TLS port that wants certificates.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// A port before the engine. Closed when dropped.
pub struct Front {
    /// Where it listens.
    pub address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Front {
    /// Plain.
    pub async fn plain(engine: PathBuf) -> Self {
        Self::serve(engine, None).await
    }

    /// By TLS, with `server`'s certificate, for those who show one of the same authority.
    pub async fn tls(engine: PathBuf, server: &Path) -> Self {
        let read = |file: &str| fs::read(server.join(file)).expect("it was made");
        let certificate = |file| CertificateDer::from_pem_slice(&read(file)).expect("it is one");
        let mut roots = RootCertStore::empty();
        roots.add(certificate("ca.pem")).expect("it is one");
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
        let key = PrivateKeyDer::from_pem_slice(&read("key.pem")).expect("it is one");
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier.build().expect("there is a root"))
            .with_single_cert(vec![certificate("cert.pem")], key)
            .expect("they fit");
        Self::serve(engine, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn serve(engine: PathBuf, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (engine, tls) = (engine.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => forward(stream, &engine).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                forward(stream, &engine).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, serving }
    }
}

async fn forward(mut stream: impl AsyncRead + AsyncWrite + Unpin, engine: &Path) {
    if let Ok(mut engine) = UnixStream::connect(engine).await {
        // Either side may go whenever it likes.
        let _ended = copy_bidirectional(&mut stream, &mut engine).await;
    }
}

/// An authority, and a folder with `ca.pem`, `cert.pem` and `key.pem` for each side.
pub struct Certificates {
    /// The engine's side, for `127.0.0.1`.
    pub server: TempDir,
    /// Ours.
    pub client: TempDir,
}

impl Certificates {
    /// All new.
    pub fn new() -> Self {
        let mut ca = CertificateParams::new(vec![]).expect("no names are fine");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("keys can be made");
        let ca = CertifiedIssuer::self_signed(ca, key).expect("it signs itself");
        let side = |name: &str, usage| {
            let names = vec![name.to_owned()];
            let mut params = CertificateParams::new(names).expect("the name is one");
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate().expect("keys can be made");
            let certificate = params.signed_by(&key, &ca).expect("the authority signs");
            let folder = TempDir::new().expect("a folder can be made");
            for (file, text) in [
                ("ca.pem", ca.pem()),
                ("cert.pem", certificate.pem()),
                ("key.pem", key.serialize_pem()),
            ] {
                fs::write(folder.path().join(file), text).expect("the folder is ours");
            }
            folder
        };
        Self {
            server: side("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth),
            client: side("ann", ExtendedKeyUsagePurpose::ClientAuth),
        }
    }
}
