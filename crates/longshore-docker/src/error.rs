//! What an engine's error means: by the status of its answer or the kind of the failure, never by
//! its text (nomad#3513: the wording changes, the codes do not).

use std::error::Error as StdError;
use std::io;

use bollard::errors::Error as EngineError;
use longshore_core::classify::{ErrorClass, ErrorFacts, classify};
use longshore_core::executor::ExecutorError;

/// Says what was attempted when the engine failed; the engine's own words are kept.
pub(crate) fn executor_error(attempted: impl Into<String>, error: &EngineError) -> ExecutorError {
    ExecutorError::new(class_of(error), attempted, words_of(error))
}

/// The call had no answer in its time.
pub(crate) fn no_answer(attempted: impl Into<String>) -> ExecutorError {
    ExecutorError::new(
        ErrorClass::Transient,
        attempted,
        "the engine did not answer in time",
    )
}

/// The status of the engine's answer, if it is an answer at all.
pub(crate) fn status_of(error: &EngineError) -> Option<u16> {
    match error {
        EngineError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Whether trying again can help.
pub(crate) fn class_of(error: &EngineError) -> ErrorClass {
    match error {
        EngineError::DockerResponseServerError { status_code, .. } => classify(ErrorFacts {
            http_status: Some(*status_code),
            ..ErrorFacts::default()
        }),
        // No answer, or half of one. Nobody knows what the engine did.
        EngineError::RequestTimeoutError
        | EngineError::HyperResponseError { .. }
        | EngineError::HyperLegacyError { .. }
        | EngineError::SocketNotFoundError(_) => ErrorClass::Transient,
        EngineError::IOError { err } => match of_io(err) {
            ErrorClass::Permanent => ErrorClass::Transient, // the socket is away, not the job wrong
            class => class,
        },
        // The engine speaks another language than ours; an upgrade of either may help.
        _ => ErrorClass::Unknown,
    }
}

fn of_io(error: &io::Error) -> ErrorClass {
    classify(ErrorFacts {
        http_status: None,
        os_error: error.raw_os_error(),
        kind: Some(error.kind()),
        text: "",
    })
}

/// The engine's own words, or the whole chain of causes: the outer ones say little.
fn words_of(error: &EngineError) -> String {
    if let EngineError::DockerResponseServerError {
        status_code,
        message,
    } = error
    {
        let message = message.trim();
        return if message.is_empty() {
            format!("the engine answered with status {status_code}")
        } else {
            message.to_owned()
        };
    }
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_words = inner.to_string();
        if !words.contains(&inner_words) {
            words.push_str(": ");
            words.push_str(&inner_words);
        }
        cause = inner.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status_code: u16) -> EngineError {
        EngineError::DockerResponseServerError {
            status_code,
            message: "connection refused".to_owned(),
        }
    }

    #[test]
    fn an_answer_is_classified_by_its_status_whatever_it_says() {
        for (status, class) in [
            (400, ErrorClass::Permanent),
            (404, ErrorClass::Permanent),
            (409, ErrorClass::Permanent),
            (429, ErrorClass::Transient),
            (500, ErrorClass::Transient),
            (503, ErrorClass::Transient),
        ] {
            assert_eq!(class_of(&answer(status)), class, "{status}");
        }
    }

    #[test]
    fn an_engine_that_cannot_be_reached_is_transient() {
        for kind in [
            io::ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::ConnectionRefused,
        ] {
            let error = EngineError::IOError { err: kind.into() };
            assert_eq!(class_of(&error), ErrorClass::Transient, "{kind:?}");
        }
        assert_eq!(
            class_of(&EngineError::RequestTimeoutError),
            ErrorClass::Transient
        );
    }

    #[test]
    fn the_engines_reason_is_kept() {
        let error = executor_error("create container x", &answer(400));
        assert_eq!(error.to_string(), "create container x: connection refused");
    }
}
