//! What of any worker's containers lives on this machine, as `/proc` shows it.
//!
//! A container whose worker died, or stalls, is known by what it left: its shim, by its name; and
//! the job's processes, by what their environment says and by the control group that they are in,
//! where there is one. Nothing is written anywhere, so nothing can
//! be out of date, and whoever was killed need not have tidied up. Who ends what is found is
//! [`crate::remains`].

use std::collections::BTreeMap;
use std::io;
use std::thread::sleep;
use std::time::Duration;

use longshore_core::InstanceId;
use longshore_core::executor::{ContainerIdentity, Fate, Handle, Listed, Phase};
use nix::sys::signal::Signal;

use crate::cgroup::Group;
use crate::family::Family;
use crate::handle::{ProcessId, Standing};
use crate::labels;
use crate::procfs::{self, Listing, ProcessStat};
use crate::remains::{MARK, Remains};

/// So many looks in a row that find nothing are a proof. One is not quite: a process that forks and
/// ends while `/proc` is walked through, or that is about to become another program, can slip
/// through one look.
pub const LOOKS: u32 = 2;

/// Between them.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// The containers of an instance of which something lives, whichever worker made them. An error if
/// not everything could be seen.
pub fn containers(instance: &InstanceId) -> io::Result<Vec<Listed>> {
    let Listing {
        processes,
        incomplete,
    } = procfs::all();
    if let Some(error) = incomplete {
        return Err(error);
    }
    let mut found: BTreeMap<Handle, (ContainerIdentity, Phase)> = BTreeMap::new();
    for process in processes.iter().filter(|process| process.is_alive()) {
        let seen = match shim(process)? {
            Some((handle, identity)) => Some((handle, identity, phase_of(process, &processes))),
            None => job(process)?.map(|(handle, identity)| (handle, identity, Phase::Running)),
        };
        let Some((handle, identity, phase)) = seen else {
            continue;
        };
        if identity.instance != *instance {
            continue;
        }
        let known = found.entry(handle).or_insert((identity, phase));
        // What a process of the job proves, a shim that has no child any more does not refute.
        if phase == Phase::Running {
            known.1 = phase;
        }
    }
    for (shim, identity, group) in Group::all()? {
        if group.processes()?.is_empty() {
            // Left by a shim that was killed, when nobody was there to sweep. (One that is about to put
            // its job into it goes on without.)
            if shim.standing()? != Standing::Alive {
                group.remove();
            }
        } else if identity.instance == *instance && shim.is_of_here()? {
            let known = found.entry(shim.handle());
            known.or_insert((identity, Phase::Running)).1 = Phase::Running;
        }
    }
    let listed = found.into_iter().map(|(handle, (identity, phase))| Listed {
        handle,
        identity,
        phase,
    });
    Ok(listed.collect())
}

/// What became of a container that this executor did not make.
pub fn fate(process: &ProcessId) -> io::Result<Fate> {
    match process.standing()? {
        // The caller sees to it that it is the same machine.
        Standing::AnotherBoot => return Ok(Fate::Gone),
        Standing::AnotherNamespace => {
            let problem = "it belongs to another PID namespace of this machine, \
                           whose processes can't be told from here";
            return Ok(Fate::Unknown(problem.to_owned()));
        }
        Standing::Alive => {
            let processes = procfs::all().processes;
            let shim = processes.iter().find(|found| process.is(found));
            // It ended just now: what of it is left is not looked at twice.
            return Ok(shim
                .map_or(Phase::Running, |shim| phase_of(shim, &processes))
                .into());
        }
        Standing::Gone => {}
    }
    if !procfs::shows_all_users() {
        let problem = "/proc hides other users' processes from this one (hidepid)";
        return Ok(Fate::Unknown(problem.to_owned()));
    }
    let remains = Remains::of(process)?;
    for look in 0..LOOKS {
        if look > 0 {
            sleep(BETWEEN_LOOKS);
        }
        let found = remains.look()?;
        if !found.ours.is_empty() {
            return Ok(Fate::Running);
        }
        if let Some(one) = found.doubtful.first() {
            return Ok(Fate::Unknown(Remains::doubt(one)));
        }
    }
    Ok(Fate::Gone)
}

/// Sends TERM to everything of another worker's job; whether there was anything. Its shim sees the end
/// of the main process, and ends the rest.
pub fn terminate(shim: &ProcessId) -> io::Result<bool> {
    let processes = procfs::all().processes;
    let below = Family::of(&processes).below(shim.pid);
    if !processes.iter().any(|process| shim.is(process)) {
        return Ok(false);
    }
    // What was stopped (SIGSTOP) can't see the TERM before it goes on.
    for signal in [Signal::SIGTERM, Signal::SIGCONT] {
        for process in &below {
            procfs::signal(process, signal)?;
        }
    }
    Ok(!below.is_empty())
}

/// Whose shim a process is; none if it is none. Before it leads its session it has said nothing to
/// its worker, and nobody knows its handle.
fn shim(process: &ProcessStat) -> io::Result<Option<(Handle, ContainerIdentity)>> {
    if process.session != process.pid {
        return Ok(None);
    }
    let name = procfs::first_argument(process.pid).unwrap_or_default();
    let Some(identity) = labels::read_shim(&name) else {
        return Ok(None);
    };
    if procfs::is_in_a_namespace_below(process.pid) {
        return Ok(None); // another host's, as `host` counts them
    }
    Ok(Some((ProcessId::seen(process)?.handle(), identity)))
}

/// Whose job a process belongs to; none if to no job of this boot and namespace.
fn job(process: &ProcessStat) -> io::Result<Option<(Handle, ContainerIdentity)>> {
    let env = procfs::environment(process.pid)?;
    let shim = procfs::value_in(&env, MARK).and_then(|handle| handle.parse::<ProcessId>().ok());
    let identity = procfs::value_in(&env, labels::CONTAINER).and_then(labels::read);
    let (Some(shim), Some(identity)) = (shim, identity) else {
        return Ok(None);
    };
    Ok(shim.is_of_here()?.then(|| (shim.handle(), identity)))
}

/// A shim has a child from the moment at which it was told to start.
fn phase_of(shim: &ProcessStat, processes: &[ProcessStat]) -> Phase {
    let has_child = processes.iter().any(|process| process.parent == shim.pid);
    if has_child {
        Phase::Running
    } else {
        Phase::Created
    }
}
