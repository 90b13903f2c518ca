//! Which addresses deliveries may go to.
//!
//! A name is looked up here, and its addresses are judged before any of them is connected to: what was
//! judged is what is used, so that a name can't change its address in between.

use std::net::{IpAddr, SocketAddr};

use longshore_core::webhook::is_public;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Looks names up, and leaves out addresses that are not public unless all are allowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guarded {
    pub allows_private: bool,
}

/// No address that may be used. It is not named: readers see why a delivery failed, and no address.
#[derive(Debug, thiserror::Error)]
#[error("this is no public address; the server's operator can allow any (`--webhooks any`)")]
pub(super) struct NotPublic;

impl Guarded {
    /// Refuses an address that stands in the URL itself: nobody looks that up.
    pub fn check(self, url: &Url) -> Result<(), NotPublic> {
        let literal = url.host_str().map(|host| host.trim_matches(['[', ']']));
        let address = literal.and_then(|host| host.parse::<IpAddr>().ok());
        match address {
            Some(address) if !self.allows_private && !is_public(address) => Err(NotPublic),
            Some(_) | None => Ok(()),
        }
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allows_private = self.allows_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let usable: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| allows_private || is_public(address.ip()))
                .collect();
            if usable.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}
