//! Reading `/proc`: which processes there are, whose they are, what they use.
//!
//! Everything read here may be out of date when it is looked at: callers must hold something that
//! keeps the process id from being given away (being the parent), or compare start times.

use std::fs;
use std::io;

use nix::unistd::{SysconfVar, sysconf};

/// A process id, as `/proc` and `std` write it.
pub type Pid = u32;

/// The same as system calls take it.
pub fn signed(pid: Pid) -> nix::unistd::Pid {
    // The kernel gives out at most 2^22 (`proc_sys_kernel(5)`, `pid_max`).
    nix::unistd::Pid::from_raw(i32::try_from(pid).expect("process ids are below 2^22"))
}

/// What `/proc/PID/stat` says of a process (`proc(5)` numbers its fields from 1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessStat {
    /// The process.
    pub pid: Pid,
    /// `Z` when it has ended and nobody has looked yet.
    pub state: char,
    /// Its parent.
    pub parent: Pid,
    /// Its session.
    pub session: Pid,
    /// CPU time of its own, in clock ticks.
    pub own_ticks: u64,
    /// CPU time of its ended and reaped children.
    pub reaped_ticks: u64,
    /// When it started, in clock ticks since the machine did. With the boot id and the process
    /// id this names one process for good.
    pub start_time: u64,
}

impl ProcessStat {
    /// Whether it can still do anything.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

/// One process; none if there is no such process.
pub fn stat(pid: Pid) -> io::Result<Option<ProcessStat>> {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => match parse_stat(&text) {
            Some(stat) => Ok(Some(stat)),
            None => Err(io::Error::other(format!(
                "/proc/{pid}/stat is not as expected: {text:?}"
            ))),
        },
        // The second when the process ends between the opening and the reading.
        Err(error) if matches!(error.raw_os_error(), Some(ENOENT | ESRCH)) => Ok(None),
        Err(error) => Err(error),
    }
}

const ENOENT: i32 = nix::errno::Errno::ENOENT as i32;
const ESRCH: i32 = nix::errno::Errno::ESRCH as i32;

/// Every process of the machine that this one may see.
pub fn all() -> io::Result<Vec<ProcessStat>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match stat(pid) {
            Ok(stat) => found.extend(stat),
            // `hidepid`: another user's process, so none of ours.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// All children, children's children and so on of `root`, without itself.
pub fn descendants(root: Pid, processes: &[ProcessStat]) -> Vec<ProcessStat> {
    let mut found: Vec<ProcessStat> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let children = processes.iter().filter(|process| process.parent == parent);
        for child in children {
            // A snapshot that is not of one moment could in theory show a circle.
            if child.pid != root && !found.iter().any(|known| known.pid == child.pid) {
                found.push(*child);
                parents.push(child.pid);
            }
        }
    }
    found
}

/// The most memory that a live process ever held, in bytes; none if it is gone, or a zombie.
pub fn peak_memory_bytes(pid: Pid) -> Option<u64> {
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
}

/// What the processes below `root` use; `root` itself left out. One walk through `/proc`.
pub fn usage_below(root: Pid) -> io::Result<Used> {
    let processes = all()?;
    let below = descendants(root, &processes);
    let reaped_by_root = processes
        .iter()
        .find(|process| process.pid == root)
        .map_or(0, |root| root.reaped_ticks);
    let ticks: u64 = below
        .iter()
        .map(|process| process.own_ticks + process.reaped_ticks)
        .sum();
    let peaks = below
        .iter()
        .filter_map(|process| peak_memory_bytes(process.pid));
    Ok(Used {
        cpu_micros: (ticks + reaped_by_root) * micros_per_tick()?,
        peak_memory_bytes: peaks.max().unwrap_or(0),
    })
}

fn micros_per_tick() -> io::Result<u64> {
    let per_second = sysconf(SysconfVar::CLK_TCK)?.and_then(|ticks| u64::try_from(ticks).ok());
    // 100 on every Linux that was ever built for users.
    Ok(1_000_000 / per_second.filter(|ticks| *ticks > 0).unwrap_or(100))
}

/// Whether a process was started with `entry` (`NAME=value`) in its environment. Not known for
/// processes of other users unless we are root: then it is "no".
pub fn has_environment_entry(pid: Pid, entry: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|env| {
        env.split(|byte| *byte == 0)
            .any(|found| found == entry.as_bytes())
    })
}

/// The id that the kernel gave to this boot of the machine.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

fn parse_stat(text: &str) -> Option<ProcessStat> {
    // The name, in parentheses, may hold spaces and parentheses: look for its end from behind.
    let (pid, _) = text.split_once(" (")?;
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = |number: usize| field(number)?.parse::<u64>().ok();
    Some(ProcessStat {
        pid: pid.parse().ok()?,
        state: field(3)?.chars().next()?,
        parent: field(4)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        own_ticks: ticks(14)? + ticks(15)?,
        reaped_ticks: ticks(16)? + ticks(17)?,
        start_time: ticks(22)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let line = "42 (a) b (c) S 7 8 9 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 12345 1 2 3\n";
        let expected = ProcessStat {
            pid: 42,
            state: 'S',
            parent: 7,
            session: 9,
            own_ticks: 110,
            reaped_ticks: 150,
            start_time: 12345,
        };
        assert_eq!(parse_stat(line), Some(expected));
        assert_eq!(parse_stat("42 (cut off) S 7"), None);
    }

    #[test]
    fn this_process_is_alive_and_uses_memory() {
        let me = std::process::id();
        let found = stat(me)
            .expect("/proc is readable")
            .expect("this process exists");
        assert!(found.is_alive() && found.pid == me && found.start_time > 0);
        assert!(peak_memory_bytes(me).expect("it holds memory") > 100_000);
        assert!(
            all()
                .expect("/proc is readable")
                .iter()
                .any(|process| process.pid == me)
        );
    }

    #[test]
    fn descendants_are_found_at_every_depth_and_circles_end() {
        let process = |pid, parent| ProcessStat {
            pid,
            state: 'S',
            parent,
            session: 1,
            own_ticks: 0,
            reaped_ticks: 0,
            start_time: 0,
        };
        let all = [
            process(2, 1),
            process(3, 2),
            process(4, 3),
            process(9, 8),
            process(8, 9),
        ];
        let mut found: Vec<_> = descendants(1, &all).iter().map(|found| found.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4]);
        assert_eq!(descendants(8, &all).len(), 1);
    }
}
