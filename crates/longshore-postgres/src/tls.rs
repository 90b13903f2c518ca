//! Whether connections are encrypted, and whom they trust: `sslmode` and its companions, as `libpq` has
//! them.
//!
//! Owns these parameters of an address, which the driver knows in part. Without `sslmode` a connection to
//! another machine is encrypted if the server can, and one that never leaves this machine is not.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use longshore_core::store::{StoreError, StoreResult};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much is asked of a connection; the names are `libpq`'s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Mode {
    /// Never encrypted.
    Disable,
    /// Encrypted if the server can, whoever it is.
    Prefer,
    /// Encrypted, whoever the server is; with `sslrootcert` like `verify-ca`.
    Require,
    /// Encrypted, to a server with a certificate that is trusted.
    VerifyCa,
    /// The same, and the certificate bears the server's name.
    VerifyFull,
}

const MODES: [(&str, Mode); 5] = [
    ("disable", Mode::Disable),
    ("prefer", Mode::Prefer),
    ("require", Mode::Require),
    ("verify-ca", Mode::VerifyCa),
    ("verify-full", Mode::VerifyFull),
];

/// What an address says of encryption.
#[derive(Default, Debug)]
pub(crate) struct Asked {
    mode: Option<Mode>,
    root_cert: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Asked {
    /// Takes the parameters out of an address; what is left is the driver's.
    pub fn take(url: &str) -> StoreResult<(Self, String)> {
        let mut asked = Self::default();
        let Some((address, query)) = url.split_once('?') else {
            return Ok((asked, url.to_owned()));
        };
        let mut left = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            let path = || Some(PathBuf::from(&*value));
            match name {
                "sslmode" => asked.mode = Some(mode(&value)?),
                "sslrootcert" => asked.root_cert = path(),
                "sslcert" => asked.cert = path(),
                "sslkey" => asked.key = path(),
                _ => left.push(pair),
            }
        }
        let left = match left.join("&") {
            left if left.is_empty() => address.to_owned(),
            left => format!("{address}?{left}"),
        };
        Ok((asked, left))
    }

    /// Tells the driver, and makes what encrypts.
    pub fn apply(&self, config: &mut Config) -> StoreResult<MakeRustlsConnect> {
        let mode = match self.mode {
            Some(Mode::Require) if self.root_cert.is_some() => Mode::VerifyCa,
            Some(mode) => mode,
            // In an address of the form `host=… sslmode=…` the driver has read it.
            None => match config.get_ssl_mode() {
                SslMode::Require => Mode::Require,
                SslMode::Prefer if !stays_here(config) => Mode::Prefer,
                _ => Mode::Disable,
            },
        };
        config.ssl_mode(match mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        Ok(MakeRustlsConnect::new(self.client(mode)?))
    }

    fn client(&self, mode: Mode) -> StoreResult<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| StoreError::unexpected("connect", error))?;
        let verifier: Arc<dyn ServerCertVerifier> = match mode {
            Mode::Disable | Mode::Prefer | Mode::Require => Arc::new(AnyName {
                trusted: None,
                provider,
            }),
            Mode::VerifyCa => Arc::new(AnyName {
                trusted: Some(self.verifier(Arc::clone(&provider))?),
                provider,
            }),
            Mode::VerifyFull => self.verifier(provider)?,
        };
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let (cert, key) = match (&self.cert, &self.key) {
            (None, None) => return Ok(builder.with_no_client_auth()),
            (Some(cert), Some(key)) => (cert, key),
            (Some(_), None) => return Err(bad("sslcert", "sslkey is missing: its private key")),
            (None, Some(_)) => return Err(bad("sslkey", "sslcert is missing: its certificate")),
        };
        let chain = certificates("sslcert", cert)?;
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| bad("sslkey", &format!("{}: {error}", key.display())))?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| bad("sslcert", &format!("{}: {error}", cert.display())))
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> StoreResult<Arc<WebPkiServerVerifier>> {
        let mut roots = RootCertStore::empty();
        match &self.root_cert {
            Some(path) if path.as_os_str() != "system" => {
                for certificate in certificates("sslrootcert", path)? {
                    roots.add(certificate).map_err(|error| {
                        bad("sslrootcert", &format!("{}: {error}", path.display()))
                    })?;
                }
            }
            Some(_) | None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    let problem = "this machine has no certificates that it trusts: name a file";
                    return Err(bad("sslrootcert", problem));
                }
            }
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| bad("sslrootcert", &error.to_string()))
    }
}

fn mode(text: &str) -> StoreResult<Mode> {
    let found = MODES.iter().find(|(name, _)| *name == text);
    found.map(|(_, mode)| *mode).ok_or_else(|| {
        let names = MODES.map(|(name, _)| name).join(", ");
        bad("sslmode", &format!("{text:?} is none of {names}"))
    })
}

fn bad(parameter: &str, problem: &str) -> StoreError {
    StoreError::BadAddress(format!("{parameter}: {problem}"))
}

fn certificates(parameter: &str, path: &Path) -> StoreResult<Vec<CertificateDer<'static>>> {
    let unreadable =
        |error: &dyn fmt::Display| bad(parameter, &format!("{}: {error}", path.display()));
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| unreadable(&error))?
        .collect();
    let found = found.map_err(|error| unreadable(&error))?;
    if found.is_empty() {
        return Err(unreadable(
            &"there is no certificate in it (it has to be PEM)",
        ));
    }
    Ok(found)
}

/// Whether nothing of it leaves this machine.
fn stays_here(config: &Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => {
            let address: Result<std::net::IpAddr, _> = name.parse();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(is_here)
}

/// Takes a certificate under any name: a trusted one where somebody is trusted, and else any at all. That
/// the server has its key is seen in both cases.
#[derive(Debug)]
struct AnyName {
    trusted: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        cert: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(trusted) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        match trusted.verify_server_cert(cert, chain, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        let (asked, rest) = Asked::take(url).expect("an address");
        let mut config: Config = rest.parse().expect("what is left is the driver's");
        asked.apply(&mut config).expect("it can be had");
        config
    }

    #[test]
    fn what_stays_on_this_machine_is_not_encrypted_unless_asked() {
        for (url, mode) in [
            ("postgres://localhost/db", SslMode::Disable),
            ("postgres://127.0.0.1/db", SslMode::Disable),
            ("postgres://[::1]/db", SslMode::Disable),
            ("postgres:///db?host=/run/postgresql", SslMode::Disable),
            ("postgres://db.example/db", SslMode::Prefer),
            ("postgres://10.0.0.1/db?application_name=x", SslMode::Prefer),
            ("postgres://localhost/db?sslmode=require", SslMode::Require),
            ("postgres://db.example/db?sslmode=disable", SslMode::Disable),
            ("host=localhost sslmode=require", SslMode::Require),
            ("host=db.example sslmode=disable", SslMode::Disable),
        ] {
            assert_eq!(config(url).get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn other_parameters_are_left_to_the_driver() {
        let url = "postgres://h/db?application_name=mine&sslmode=require&options=-c%20a%3Db";
        let (_, rest) = Asked::take(url).expect("an address");
        assert_eq!(
            rest,
            "postgres://h/db?application_name=mine&options=-c%20a%3Db"
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        for (url, says) in [
            ("postgres://h/db?sslmode=verify", "verify-full"),
            (
                "postgres://h/db?sslmode=verify-full&sslrootcert=/not/there",
                "sslrootcert: /not/there",
            ),
            (
                "postgres://h/db?sslrootcert=/dev/null&sslmode=require",
                "no certificate",
            ),
            ("postgres://h/db?sslcert=/dev/null", "sslkey is missing"),
        ] {
            let refused = Asked::take(url).and_then(|(asked, rest)| {
                let mut config: Config = rest.parse().expect("the driver's");
                asked.apply(&mut config).map(drop)
            });
            let error = refused.expect_err(url).to_string();
            assert!(error.contains(says), "{url}: {error}");
        }
    }
}
