//! Podman's names for a container's state, put into Docker's words.
//!
//! The client library knows Docker's alone, and refuses the whole answer for one that it does not
//! know (bollard#701). Podman has more: what is *configured* or *initialized* was never
//! started, and what is *stopped* has ended, with its exit code known, and is only still to be
//! tidied up by podman itself.

use bollard::errors::Error as EngineError;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The answer that the client library could not read, if that was for a name of podman's.
pub(crate) fn understood<T: DeserializeOwned>(error: EngineError) -> Result<T, EngineError> {
    if let EngineError::JsonDataError { contents, .. } = &error
        && let Ok(mut answer) = serde_json::from_str(contents)
        && translate(&mut answer)
        && let Ok(answer) = serde_json::from_value(answer)
    {
        return Ok(answer);
    }
    Err(error)
}

/// Says whether there was anything to translate.
fn translate(answer: &mut Value) -> bool {
    if let Value::Array(listed) = answer {
        // Each of them: no short cut at the first.
        return listed
            .iter_mut()
            .fold(false, |any, one| translate(one) | any);
    }
    let state = match answer.get_mut("State") {
        Some(Value::Object(state)) => state.get_mut("Status"), // of an inspection
        state => state,                                        // of a listing
    };
    let Some(state) = state else {
        return false;
    };
    let name = match state.as_str() {
        Some("configured" | "initialized") => "created",
        Some("stopped") => "exited",
        Some(_) | None => return false,
    };
    *state = Value::from(name);
    true
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerInspectResponse, ContainerSummary};
    use bollard::models::{ContainerStateStatusEnum, ContainerSummaryStateEnum};

    use super::*;

    fn unread(contents: &str) -> EngineError {
        EngineError::JsonDataError {
            message: "unknown variant".to_owned(),
            contents: contents.to_owned(),
            column: 1,
        }
    }

    #[test]
    fn an_inspection_of_a_stopped_container_is_one_that_has_ended() {
        let answer = unread(r#"{"Id": "a", "State": {"Status": "stopped", "ExitCode": 7}}"#);
        let found: ContainerInspectResponse = understood(answer).expect("it is understood");
        let state = found.state.expect("it has one");
        assert_eq!(state.status, Some(ContainerStateStatusEnum::EXITED));
        assert_eq!(state.exit_code, Some(7));
    }

    #[test]
    fn a_listing_is_understood_whole() {
        let answer = r#"[{"Id": "a", "State": "stopped"}, {"Id": "b", "State": "running"},
            {"Id": "c", "State": "initialized"}]"#;
        let listed: Vec<ContainerSummary> = understood(unread(answer)).expect("it is understood");
        let states: Vec<_> = listed.into_iter().filter_map(|one| one.state).collect();
        assert_eq!(
            states,
            [
                ContainerSummaryStateEnum::EXITED,
                ContainerSummaryStateEnum::RUNNING,
                ContainerSummaryStateEnum::CREATED
            ]
        );
    }

    #[test]
    fn what_nobody_knows_stays_an_error() {
        for answer in [r#"{"State": {"Status": "asleep"}}"#, "[]", "no json", "{}"] {
            let read = understood::<ContainerInspectResponse>(unread(answer));
            assert!(read.is_err(), "{answer}");
        }
    }
}
