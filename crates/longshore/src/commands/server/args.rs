//! The flags of whatever serves HTTP, and what they come to beneath the configuration file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use longshore_core::access::Role;
use longshore_server::{Access, Options, Tls, Webhooks};

use crate::config::HttpConfig;
use crate::exit::Refused;

/// Where a server listens when nobody says.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7373);

/// Flags of whatever serves HTTP.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "HTTP options")]
pub struct HttpArgs {
    /// Where to listen; port 0 takes any that is free [default: 127.0.0.1:7373]
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "LONGSHORE_HTTP_LISTEN",
        hide_env_values = true
    )]
    listen: Option<SocketAddr>,
    /// A name by which the server is called, beside loopback's own; repeatable. Requests for other
    /// names are refused
    #[arg(long = "host-name", value_name = "NAME", env = "LONGSHORE_HTTP_NAMES")]
    #[arg(value_delimiter = ',', hide_env_values = true)]
    names: Vec<String>,
    /// The role of callers without a token, on loopback alone: reader, submitter, operator, admin,
    /// or none [default: submitter; none behind a proxy]
    #[arg(
        long,
        value_name = "ROLE",
        env = "LONGSHORE_HTTP_ANONYMOUS",
        hide_env_values = true
    )]
    anonymous: Option<String>,
    /// The server's certificate, and those that lead to its authority, as PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "LONGSHORE_HTTP_CERTIFICATE",
        hide_env_values = true
    )]
    certificate: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "LONGSHORE_HTTP_KEY",
        hide_env_values = true
    )]
    key: Option<PathBuf>,
    /// A proxy before the server speaks TLS to callers, so that the server need not
    #[arg(long)]
    behind_proxy: bool,
    /// Which webhooks this server tells of changes: those at public addresses, any (also at those that
    /// only its own network reaches), or none [default: public]
    #[arg(
        long,
        value_name = "WHICH",
        env = "LONGSHORE_HTTP_WEBHOOKS",
        hide_env_values = true
    )]
    webhooks: Option<String>,
}

/// Where and how a server listens.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    /// By which certificate.
    pub tls: Option<Tls>,
    /// To whom.
    pub options: Options,
}

impl HttpArgs {
    /// Flags and variables over the file over the defaults.
    pub fn listening(&self, file: &HttpConfig) -> Result<Listening, Refused> {
        let address = self.listen.or(file.listen).unwrap_or(DEFAULT);
        let tls = self.tls(file)?;
        let anonymous = self.anonymous.as_ref().or(file.anonymous.as_ref());
        let anonymous = anonymous.map(|role| anonymous_role(role)).transpose()?;
        let names = if self.names.is_empty() {
            &file.names
        } else {
            &self.names
        };
        let proxied = self.behind_proxy || file.behind_proxy;
        let mut options = if address.ip().is_loopback() {
            Options::loopback()
        } else {
            if let Some(Some(role)) = anonymous {
                let problem = format!("callers without a token can be {role} on loopback alone");
                return Err(Refused::usage(problem)
                    .hint("listen on 127.0.0.1, or make tokens with `longshore token create`"));
            }
            if tls.is_none() && !proxied {
                let problem = format!(
                    "listening on {address} without TLS would show every token to the network"
                );
                return Err(Refused::usage(problem).hint(
                    "give --certificate and --key, or say --behind-proxy if a proxy speaks TLS",
                ));
            }
            Options::by_tokens()
        };
        if let Some(which) = self.webhooks.as_ref().or(file.webhooks.as_ref()) {
            options.webhooks = told_webhooks(which)?;
        }
        options.is_encrypted = tls.is_some() || proxied;
        match anonymous {
            Some(Some(role)) => options.access = Access::Open(role),
            Some(None) => options.access = Access::Tokens,
            // Whoever comes through the proxy seems to come from loopback.
            None if proxied => options.access = Access::Tokens,
            None => {}
        }
        if !names.is_empty() {
            let own = names.iter().map(|name| name.to_ascii_lowercase());
            options.names.get_or_insert_default().extend(own);
        }
        Ok(Listening {
            address,
            tls,
            options,
        })
    }

    fn tls(&self, file: &HttpConfig) -> Result<Option<Tls>, Refused> {
        let certificate = self.certificate.as_ref().or(file.certificate.as_ref());
        let key = self.key.as_ref().or(file.key.as_ref());
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Tls {
                certificate: certificate.clone(),
                key: key.clone(),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Refused::usage("--certificate needs its --key")),
            (None, Some(_)) => Err(Refused::usage("--key needs its --certificate")),
        }
    }
}

fn told_webhooks(text: &str) -> Result<Webhooks, Refused> {
    match text {
        "public" => Ok(Webhooks::Public),
        "any" => Ok(Webhooks::Any),
        "none" => Ok(Webhooks::None),
        _ => Err(Refused::usage(format!(
            "--webhooks: {text:?} is none of public, any and none"
        ))),
    }
}

fn anonymous_role(text: &str) -> Result<Option<Role>, Refused> {
    if text == "none" {
        return Ok(None);
    }
    let role = text.parse::<Role>();
    role.map(Some)
        .map_err(|error| Refused::usage(format!("--anonymous: {error}, or none")))
}
