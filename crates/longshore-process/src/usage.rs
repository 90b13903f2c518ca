//! What the processes of a job use, by `/proc`.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};

use crate::family::Family;
use crate::procfs::{self, Listing, Pid};

/// The most memory that a live process ever held, in bytes; none if it is gone, or a zombie.
fn peak_memory_bytes(pid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What the processes below another one use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Used {
    /// CPU time of the live ones and of all that they and `root` waited for.
    pub cpu_micros: u64,
    /// The most memory of the largest live one.
    pub peak_memory_bytes: u64,
    /// What all live ones have in RAM now, together.
    pub memory_bytes: u64,
}

/// A listing of at most this long ago will do.
const RECENT: Duration = Duration::from_millis(250);

/// The processes of the machine. Whoever measures many jobs at once walks through `/proc` once.
fn recent() -> io::Result<Arc<Family>> {
    static LAST: Mutex<Option<(Instant, Arc<Family>)>> = Mutex::new(None);
    // Others wait for whoever reads, and then have it too.
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, family)) = last.as_ref().filter(|(read, _)| read.elapsed() < RECENT) {
        return Ok(Arc::clone(family));
    }
    let Listing {
        processes,
        incomplete,
    } = procfs::all();
    if let Some(error) = incomplete {
        return Err(error);
    }
    let family = Arc::new(Family::of(&processes));
    *last = Some((Instant::now(), Arc::clone(&family)));
    Ok(family)
}

/// What the processes below `root` use; `root` itself left out. By a recent walk through `/proc`.
pub fn below(root: Pid) -> io::Result<Used> {
    let family = recent()?;
    let below = family.below(root);
    let reaped_by_root = family.get(root).map_or(0, |root| root.reaped_ticks);
    let ticks: u64 = below
        .iter()
        .map(|process| process.own_ticks + process.reaped_ticks)
        .sum();
    let peaks = below
        .iter()
        .filter_map(|process| peak_memory_bytes(process.pid));
    let pages: u64 = below.iter().map(|process| process.resident_pages).sum();
    Ok(Used {
        memory_bytes: pages * page_bytes()?,
        cpu_micros: (ticks + reaped_by_root) * micros_per_tick()?,
        peak_memory_bytes: peaks.max().unwrap_or(0),
    })
}

fn page_bytes() -> io::Result<u64> {
    let bytes = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|bytes| u64::try_from(bytes).ok());
    Ok(bytes.unwrap_or(4096))
}

fn micros_per_tick() -> io::Result<u64> {
    let per_second = sysconf(SysconfVar::CLK_TCK)?.and_then(|ticks| u64::try_from(ticks).ok());
    // 100 on every Linux that was ever built for users.
    Ok(1_000_000 / per_second.filter(|ticks| *ticks > 0).unwrap_or(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        let peak = peak_memory_bytes(std::process::id());
        assert!(peak.expect("it holds memory") > 100_000);
    }
}
