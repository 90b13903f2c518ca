//! The engines' addresses and bridges: a block of addresses that nothing else on the machine uses.
//!
//! Docker shares the machine's network, and a Docker without a bridge of its own takes away the
//! bridge of another. It is told not to touch the firewall, whose rules it would rewrite for all.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::tools::command;
use crate::process::check;

/// Blocks to choose from: `10.FIRST.0.0/16` up to `10.255.0.0/16`.
const FIRST: u8 = 128;
const BLOCKS: u8 = 128;

/// A bridge for Docker, and addresses for all that the engines make.
pub struct Network {
    block: u8,
    bridge: String,
}

#[derive(Deserialize)]
struct Link {
    ifname: String,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    local: String,
}

#[derive(Deserialize)]
struct Route {
    dst: String,
}

impl Network {
    /// Makes the bridge.
    pub fn create() -> Result<Self> {
        let routes: Vec<Route> = ask(&["-j", "-4", "route", "show", "table", "all"])?;
        let routes: Vec<_> = routes.into_iter().map(|route| route.dst).collect();
        let us = std::process::id();
        // By our id, so that two who start at once choose differently.
        let start = u8::try_from(us % u32::from(BLOCKS)).expect("the remainder fits");
        let Some(block) = free_block(&routes, start) else {
            bail!("no network 10.x.0.0/16 is free for the tests' container engine");
        };
        // Seven digits at most: the name stays within the 15 bytes that Linux allows.
        let bridge = format!("lsdk-{us}");
        let network = Self { block, bridge };
        let name = network.bridge.as_str();
        check(command("ip").args(["link", "add", name, "type", "bridge"]))?;
        let address = format!("{}/24", network.gateway());
        check(command("ip").args(["addr", "add", &address, "dev", name]))?;
        check(command("ip").args(["link", "set", name, "up"]))?;
        Ok(network)
    }

    /// Docker's default bridge.
    pub fn bridge(&self) -> &str {
        &self.bridge
    }

    fn gateway(&self) -> String {
        format!("10.{}.0.1", self.block)
    }

    /// Where Docker takes the addresses of the networks that tests create.
    pub fn pool(&self) -> String {
        format!("base=10.{}.128.0/17,size=24", self.block)
    }

    /// The bridge and the network of podman, which makes and addresses the bridge itself.
    pub fn podman(&self) -> (String, String) {
        (
            format!("lspm-{}", std::process::id()),
            format!("10.{}.64.0/24", self.block),
        )
    }

    /// Takes away every bridge with an address of ours, those of networks that tests created too.
    pub fn remove(mut self) -> Result<()> {
        self.remove_all()
    }

    fn remove_all(&mut self) -> Result<()> {
        let links: Vec<Link> = ask(&["-j", "-4", "addr", "show"])?;
        let prefix = format!("10.{}.", self.block);
        for name in ours(&links, &prefix) {
            check(command("ip").args(["link", "delete", name]))?;
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // After `remove` there is nothing left; else what failed before is what gets reported.
        let _ = self.remove_all();
    }
}

fn ask<T: serde::de::DeserializeOwned>(words: &[&str]) -> Result<T> {
    let output = command("ip")
        .args(words)
        .output()
        .context("cannot start `ip`")?;
    if !output.status.success() {
        bail!("`ip {}` failed ({})", words.join(" "), output.status);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("cannot read what `ip {}` says", words.join(" ")))
}

/// The second byte of a block that no route leads into, the one at `start` first.
fn free_block(routes: &[String], start: u8) -> Option<u8> {
    (0..BLOCKS)
        .map(|step| FIRST + (start + step) % BLOCKS)
        .find(|block| !routes.iter().any(|route| overlaps(route, *block)))
}

/// Whether a route and `10.BLOCK.0.0/16` share an address. The default route is everywhere, and
/// therefore nowhere in particular.
fn overlaps(route: &str, block: u8) -> bool {
    let (address, length) = route.split_once('/').unwrap_or((route, "32"));
    let (Ok(address), Ok(length)) = (address.parse::<std::net::Ipv4Addr>(), length.parse::<u32>())
    else {
        return false;
    };
    let both = length.min(16);
    let mask = u32::MAX.checked_shl(32 - both).unwrap_or(0);
    let ours = std::net::Ipv4Addr::new(10, block, 0, 0);
    address.to_bits() & mask == ours.to_bits() & mask
}

fn ours<'a>(links: &'a [Link], prefix: &str) -> Vec<&'a str> {
    let has_ours = |link: &&Link| {
        let mut addresses = link.addr_info.iter();
        addresses.any(|address| address.local.starts_with(prefix))
    };
    links
        .iter()
        .filter(has_ours)
        .map(|link| link.ifname.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(all: &[&str]) -> Vec<String> {
        all.iter().map(|route| (*route).to_owned()).collect()
    }

    #[test]
    fn first_choice_is_taken_where_it_is_free() {
        assert_eq!(
            free_block(&routes(&["default", "172.17.0.0/16"]), 5),
            Some(133)
        );
    }

    #[test]
    fn blocks_with_a_route_into_or_over_them_are_passed_by() {
        assert_eq!(free_block(&routes(&["10.133.7.0/24"]), 5), Some(134));
        assert_eq!(free_block(&routes(&["10.133.7.1"]), 5), Some(134));
        assert_eq!(free_block(&routes(&["10.132.0.0/14"]), 5), Some(136));
        assert_eq!(free_block(&routes(&["10.255.0.0/16"]), 127), Some(128));
        assert_eq!(free_block(&routes(&["10.0.0.0/8"]), 5), None);
    }

    #[test]
    fn only_links_with_an_address_of_ours_are_removed() {
        let links: Vec<Link> = serde_json::from_str(
            r#"[{"ifname":"docker0","addr_info":[{"local":"172.17.0.1"}]},
                {"ifname":"br-1","addr_info":[{"local":"10.133.128.1"}]},
                {"ifname":"eth0","addr_info":[{"local":"10.13.3.1"}]},
                {"ifname":"bare"}]"#,
        )
        .expect("the form that `ip -j` prints");
        assert_eq!(ours(&links, "10.133."), ["br-1"]);
    }
}
