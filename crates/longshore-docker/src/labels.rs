//! Whose a container is, as its labels say (PROTOCOL section 4).

use std::collections::HashMap;

use longshore_core::executor::ContainerIdentity;
use longshore_core::{AttemptNumber, InstanceId, JobId, Token};

const INSTANCE: &str = "longshore.instance";
const JOB: &str = "longshore.job";
const ATTEMPT: &str = "longshore.attempt";
const TOKEN: &str = "longshore.token";
/// Which run of the engine the container was created under (see [`crate::host`]).
pub(crate) const EPOCH: &str = "longshore.engine_epoch";

/// The labels of a container that is to be made.
pub(crate) fn of(identity: &ContainerIdentity, epoch: Option<&str>) -> HashMap<String, String> {
    let mut labels = HashMap::from([
        (INSTANCE.to_owned(), identity.instance.to_string()),
        (JOB.to_owned(), identity.job.to_string()),
        (ATTEMPT.to_owned(), identity.attempt.to_string()),
        (TOKEN.to_owned(), identity.token.to_string()),
    ]);
    if let Some(epoch) = epoch {
        labels.insert(EPOCH.to_owned(), epoch.to_owned());
    }
    labels
}

/// What asks the engine for the containers of one instance.
pub(crate) fn filter(instance: &InstanceId) -> String {
    format!("{INSTANCE}={instance}")
}

/// Whose a container is; none if it is not one of ours.
pub(crate) fn identity(labels: &HashMap<String, String>) -> Option<ContainerIdentity> {
    Some(ContainerIdentity {
        instance: InstanceId(labels.get(INSTANCE)?.clone()),
        job: JobId(labels.get(JOB)?.parse().ok()?),
        attempt: AttemptNumber(labels.get(ATTEMPT)?.parse().ok()?),
        token: Token(labels.get(TOKEN)?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let identity_of_one = ContainerIdentity {
            instance: InstanceId("abc".to_owned()),
            job: JobId(7),
            attempt: AttemptNumber(2),
            token: Token(99),
        };
        assert_eq!(
            identity(&of(&identity_of_one, Some("e"))),
            Some(identity_of_one)
        );
    }

    #[test]
    fn what_is_not_ours_is_nobodys() {
        let theirs = HashMap::from([(INSTANCE.to_owned(), "abc".to_owned())]);
        assert_eq!(identity(&theirs), None);
    }
}
