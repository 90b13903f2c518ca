//! Whose a container is, as its processes show it: the shim in its name, the job's in their
//! environment. So another worker of this machine finds it, whatever became of the one that made it.

use longshore_core::executor::ContainerIdentity;
use longshore_core::{AttemptNumber, InstanceId, JobId, Token};

/// The environment variable that says so, in each of the job's processes.
pub const CONTAINER: &str = "LONGSHORE_PROCESS_CONTAINER";

/// What the name of a shim begins with, in listings of processes.
const SHIM: &str = "longshore-shim ";

/// `longshore-<instance>-<job>-<attempt>/<token>`.
pub fn write(identity: &ContainerIdentity) -> String {
    format!("{}/{}", identity.container_name(), identity.token)
}

/// As [`write()`] wrote it.
pub fn read(text: &str) -> Option<ContainerIdentity> {
    let (name, token) = text.rsplit_once('/')?;
    let (name, attempt) = name.rsplit_once('-')?;
    let (name, job) = name.rsplit_once('-')?;
    let instance = name.strip_prefix("longshore-")?;
    let identity = ContainerIdentity {
        instance: InstanceId(instance.to_owned()),
        job: JobId(job.parse().ok()?),
        attempt: AttemptNumber(attempt.parse().ok()?),
        token: Token(token.parse().ok()?),
    };
    // What reads back otherwise was not written by us.
    (write(&identity) == text).then_some(identity)
}

/// How a shim is named.
pub fn of_shim(identity: &ContainerIdentity) -> String {
    format!("{SHIM}{}", write(identity))
}

/// Whose shim is named so; none if it is none.
pub fn read_shim(name: &str) -> Option<ContainerIdentity> {
    read(name.strip_prefix(SHIM)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity_in(instance: &str) -> ContainerIdentity {
        ContainerIdentity {
            instance: InstanceId(instance.to_owned()),
            job: JobId(7),
            attempt: AttemptNumber(2),
            token: Token(99),
        }
    }

    #[test]
    fn what_is_written_is_read_again_whatever_the_instance_is_called() {
        for instance in ["abc", "a-b-1", "a/b", ""] {
            let identity = identity_in(instance);
            assert_eq!(read(&write(&identity)), Some(identity.clone()));
            assert_eq!(read_shim(&of_shim(&identity)), Some(identity));
        }
    }

    #[test]
    fn what_is_not_ours_is_nobodys() {
        for text in [
            "",
            "longshore-abc-7-2",
            "longshore-abc-7-x/1",
            "other-abc-7-2/1",
            "longshore-abc-07-2/1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read_shim("longshore-shim"), None);
    }
}
