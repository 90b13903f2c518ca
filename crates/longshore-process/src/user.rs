//! Whom a job runs as: `user`, `uid`, `user:group` or `uid:gid`, resolved to numbers.

use std::ffi::CString;

use longshore_core::executor::ExecutorError;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use crate::launch::permanent;
use crate::wire::RunAs;

/// A user, resolved.
pub struct Resolved {
    /// The numbers.
    pub run_as: RunAs,
    /// The home directory, if the user has an entry.
    pub home: Option<String>,
}

impl Resolved {
    /// Whether this is whom we are already, so that nothing needs to change.
    pub fn is_current(&self) -> bool {
        self.run_as.uid == Uid::effective().as_raw() && self.run_as.gid == Gid::effective().as_raw()
    }
}

/// Looks up `user`. May ask the network (NSS), so it blocks.
pub fn resolve(user: &str) -> Result<Resolved, ExecutorError> {
    let (user_part, group_part) = match user.split_once(':') {
        Some((user_part, group_part)) => (user_part, Some(group_part)),
        None => (user, None),
    };
    let (uid, entry) = find_user(user_part)?;
    let gid = match (group_part, &entry) {
        (Some(group), _) => find_group(group)?,
        (None, Some(entry)) => entry.gid,
        // Docker would take group 0 here: on a host that is more than was asked for.
        (None, None) => {
            return Err(refused(
                user,
                "this machine has no such user: name a group too, uid:gid",
            ));
        }
    };
    let groups = match &entry {
        Some(entry) => groups_of(entry, gid)?,
        None => vec![gid.as_raw()],
    };
    let home = entry.and_then(|entry| entry.dir.into_os_string().into_string().ok());
    let run_as = RunAs {
        uid: uid.as_raw(),
        gid: gid.as_raw(),
        groups,
    };
    Ok(Resolved { run_as, home })
}

fn find_user(text: &str) -> Result<(Uid, Option<User>), ExecutorError> {
    let by_name = User::from_name(text).map_err(|errno| lookup(text, errno))?;
    match (by_name, text.parse().map(Uid::from_raw)) {
        (Some(entry), _) => Ok((entry.uid, Some(entry))),
        (None, Ok(uid)) => Ok((
            uid,
            User::from_uid(uid).map_err(|errno| lookup(text, errno))?,
        )),
        (None, Err(_)) => Err(refused(text, "this machine has no such user")),
    }
}

fn find_group(text: &str) -> Result<Gid, ExecutorError> {
    let by_name = Group::from_name(text).map_err(|errno| lookup(text, errno))?;
    match (by_name, text.parse().map(Gid::from_raw)) {
        (Some(entry), _) => Ok(entry.gid),
        (None, Ok(gid)) => Ok(gid),
        (None, Err(_)) => Err(refused(text, "this machine has no such group")),
    }
}

fn groups_of(entry: &User, gid: Gid) -> Result<Vec<u32>, ExecutorError> {
    let name = CString::new(entry.name.as_str())
        .map_err(|_| refused(&entry.name, "its name holds a NUL byte"))?;
    let groups = getgrouplist(&name, gid).map_err(|errno| lookup(&entry.name, errno))?;
    Ok(groups.into_iter().map(Gid::as_raw).collect())
}

fn refused(text: &str, problem: &str) -> ExecutorError {
    permanent(format!("look up user {text:?}"), problem)
}

fn lookup(text: &str, errno: nix::errno::Errno) -> ExecutorError {
    ExecutorError::io(format!("look up user {text:?}"), &errno.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(user: &str) -> (u32, u32) {
        let run_as = resolve(user)
            .unwrap_or_else(|error| panic!("{user}: {error}"))
            .run_as;
        (run_as.uid, run_as.gid)
    }

    #[test]
    fn users_and_groups_are_found_by_name_and_by_number() {
        assert_eq!(numbers("root"), (0, 0));
        assert_eq!(numbers("0"), (0, 0));
        assert_eq!(numbers("root:12345"), (0, 12345));
        assert_eq!(numbers("4000000:12345"), (4_000_000, 12345));
        assert_eq!(
            resolve("root").expect("root exists").home.as_deref(),
            Some("/root")
        );
    }

    #[test]
    fn what_this_machine_does_not_know_is_refused_for_good() {
        for user in ["no-such-user", "root:no-such-group", "4000000", ""] {
            let error = resolve(user)
                .err()
                .unwrap_or_else(|| panic!("{user:?} was found"));
            assert!(!error.is_transient(), "{error}");
        }
    }
}
