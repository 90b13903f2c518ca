//! Reading `/proc`: which processes there are, and whose they are.
//!
//! Everything read here may be out of date when it is looked at: callers must hold something that
//! keeps the process id from being given away (being the parent), or compare start times.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use rustix::io::Errno as Gone;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

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
    /// Its process group.
    pub group: Pid,
    /// Its session.
    pub session: Pid,
    /// CPU time of its own, in clock ticks.
    pub own_ticks: u64,
    /// CPU time of its ended and reaped children.
    pub reaped_ticks: u64,
    /// When it started, in clock ticks since the machine did. With the boot id and the process
    /// id this names one process for good.
    pub start_time: u64,
    /// The memory that it has in RAM, in pages; what it shares with others counts for each.
    pub resident_pages: u64,
}

impl ProcessStat {
    /// Whether it can still do anything.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

/// One process; none if there is no such process.
pub fn stat(pid: Pid) -> io::Result<Option<ProcessStat>> {
    // Bytes: a process may give itself any name, and the kernel shows it as it is.
    let line = match fs::read(format!("/proc/{pid}/stat")) {
        Ok(line) => line,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    match parse_stat(pid, &line) {
        Some(stat) => Ok(Some(stat)),
        None => Err(io::Error::other(format!(
            "/proc/{pid}/stat is not as expected: {:?}",
            String::from_utf8_lossy(&line)
        ))),
    }
}

/// Sends a signal to the very process that was seen, never to another that has its number since; false
/// if it has ended.
pub fn signal(seen: &ProcessStat, signal: Signal) -> io::Result<bool> {
    let pid = rustix::process::Pid::from_raw(signed(seen.pid).as_raw())
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let number = rustix::process::Signal::from_named_raw(signal as i32)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    // Whoever has the number now is held on to, and then looked at.
    let held = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(held) => held,
        Err(Gone::SRCH) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    match stat(seen.pid)? {
        Some(now) if now.start_time == seen.start_time && now.is_alive() => {}
        Some(_) | None => return Ok(false),
    }
    match pidfd_send_signal(held, number) {
        Ok(()) => Ok(true),
        Err(Gone::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether it says that there is no such process (any more).
fn is_gone(error: &io::Error) -> bool {
    // The second when the process ends between the opening and the reading.
    let gone = [Errno::ENOENT, Errno::ESRCH];
    error
        .raw_os_error()
        .is_some_and(|number| gone.contains(&Errno::from_raw(number)))
}

/// The processes of the machine that this one may see.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that could be read.
    pub processes: Vec<ProcessStat>,
    /// Why there may be more of them; none when the listing is whole.
    pub incomplete: Option<io::Error>,
}

/// Every process of the machine, as far as they can be read: one that can't hides no other.
pub fn all() -> Listing {
    let mut listing = Listing::default();
    if let Err(error) = listing.read() {
        listing.incomplete = Some(error);
    }
    listing
}

impl Listing {
    /// The error is that of the folder itself.
    fn read(&mut self) -> io::Result<()> {
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            match stat(pid) {
                Ok(stat) => self.processes.extend(stat),
                // `hidepid`: another user's process, so none of ours.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => self.incomplete = Some(error),
            }
        }
        Ok(())
    }
}

/// What a process was started with in its environment, entries `NAME=value` apart by NUL bytes. Not
/// known for processes of other users unless we are root: then it is empty, as that of one that is
/// gone. Waits for a process that changes its memory, which one inside the kernel may do for as long
/// as it likes.
pub fn environment(pid: Pid) -> io::Result<Vec<u8>> {
    match fs::read(format!("/proc/{pid}/environ")) {
        Err(error) if is_gone(&error) => Ok(vec![]),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(vec![]),
        read => read,
    }
}

/// The value of a variable in what [`environment`] read.
pub fn value_in<'a>(environment: &'a [u8], name: &str) -> Option<&'a str> {
    let entries = environment.split(|byte| *byte == 0);
    let mut values = entries.filter_map(|entry| {
        let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()
    });
    values.next()
}

/// The name by which a process was started, its first argument; none where that can't be seen.
pub fn first_argument(pid: Pid) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let first = line.split(|byte| *byte == 0).next()?;
    String::from_utf8(first.to_vec()).ok()
}

/// Whether a process lives in a PID namespace below this one, where its number is another one
/// (`NSpid` in `proc_pid_status(5)`; every user may read it).
pub fn is_in_a_namespace_below(pid: Pid) -> bool {
    let status = fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.split_ascii_whitespace().count() > 1)
}

/// Whether `/proc` shows other users' processes too (`hidepid` in `proc(5)`): the first process is
/// root's, on every machine and in every namespace.
pub fn shows_all_users() -> bool {
    matches!(stat(FIRST_PROCESS), Ok(Some(_)))
}

/// The process that every PID namespace begins and ends with.
const FIRST_PROCESS: Pid = 1;

/// The id that the kernel gave to this boot of the machine.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// The number of the PID namespace that this process lives in; process ids mean something only
/// within one. Two that exist at the same time never have the same number.
///
/// An error where `/proc` is another namespace's: nothing that it shows would be what it seems.
pub fn pid_namespace() -> io::Result<u64> {
    let me = std::process::id().to_string();
    if fs::read_link("/proc/self")?.to_str() != Some(me.as_str()) {
        let problem = "/proc shows another PID namespace than this process's: mount its own there";
        return Err(io::Error::other(problem));
    }
    match fs::metadata("/proc/self/ns/pid") {
        Ok(metadata) => Ok(metadata.ino()),
        // A kernel without namespaces: there is only one.
        Err(error) if is_gone(&error) => Ok(INITIAL_PID_NAMESPACE),
        Err(error) => Err(error),
    }
}

/// The machine's own PID namespace, on every machine (`PROC_PID_INIT_INO` in the kernel).
pub const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

fn parse_stat(pid: Pid, line: &[u8]) -> Option<ProcessStat> {
    // The name, in parentheses, may hold anything, parentheses too: look for its end from behind.
    let name_end = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&line[name_end + 1..]).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = |number: usize| field(number)?.parse::<u64>().ok();
    Some(ProcessStat {
        pid,
        state: field(3)?.chars().next()?,
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        own_ticks: ticks(14)? + ticks(15)?,
        reaped_ticks: ticks(16)? + ticks(17)?,
        start_time: ticks(22)?,
        resident_pages: ticks(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_bytes_does_not_shift_the_fields() {
        let line =
            b"42 (a) b (\xff) S 7 8 9 0 -1 4194560 1 2 3 4 50 60 70 80 20 0 1 0 12345 1 2 3\n";
        let expected = ProcessStat {
            pid: 42,
            state: 'S',
            parent: 7,
            group: 8,
            session: 9,
            own_ticks: 110,
            reaped_ticks: 150,
            start_time: 12345,
            resident_pages: 2,
        };
        assert_eq!(parse_stat(42, line), Some(expected));
        assert_eq!(parse_stat(42, b"42 (cut off) S 7"), None);
    }

    #[test]
    fn this_process_is_alive_and_says_what_it_is() {
        let me = std::process::id();
        let found = stat(me)
            .expect("/proc is readable")
            .expect("this process exists");
        assert!(found.is_alive() && found.pid == me && found.start_time > 0);
        let listing = all();
        assert!(listing.processes.iter().any(|process| process.pid == me));
        assert!(listing.incomplete.is_none(), "{:?}", listing.incomplete);
        assert!(!is_in_a_namespace_below(me) && first_argument(me).is_some());
        let path = std::env::var("PATH").expect("tests have one");
        let env = environment(me).expect("/proc is readable");
        assert_eq!(value_in(&env, "PATH"), Some(path.as_str()));
        assert_eq!(value_in(&env, "PAT"), None);
    }
}
