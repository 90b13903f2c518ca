//! Why an engine could not be reached, and what a person can do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use bollard::errors::Error as EngineError;

use super::search::{Address, Candidate, SearchError};

/// No engine was found.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// What was chosen names no engine.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// None of these answered.
    #[error("no Docker engine could be reached:{}", Lines(.0))]
    NoneAnswered(Vec<Tried>),
}

/// An address that was tried in vain.
#[derive(Debug)]
pub struct Tried {
    /// Where, and who said so.
    pub candidate: Candidate,
    /// What happened.
    pub problem: Problem,
}

/// What happened at an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// No such socket.
    NotThere,
    /// There, but not for this user.
    PermissionDenied,
    /// Nobody listens.
    Refused,
    /// Somebody listens and says nothing.
    NoAnswer,
    /// A certificate is missing, unreadable or not accepted.
    Certificate(String),
    /// The engine speaks an older API than Longshore can.
    TooOld(String),
    /// Something answered with an error.
    Answered(String),
    /// Anything else, in its own words.
    Other(String),
}

impl ConnectError {
    /// Whether trying again, with nobody doing anything, can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Search(_) => false,
            Self::NoneAnswered(tried) => tried.iter().all(|tried| tried.problem.is_transient()),
        }
    }

    /// Without the advice and the list: for a log, and for why jobs wait.
    pub fn in_one_line(&self) -> String {
        let Self::NoneAnswered(tried) = self else {
            return self.to_string();
        };
        let tried: Vec<String> = tried
            .iter()
            .map(|Tried { candidate, problem }| format!("{}: {problem}", candidate.address))
            .collect();
        tried.join("; ")
    }
}

impl Problem {
    /// Whether it may pass by itself: a service that restarts.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotThere | Self::Refused | Self::NoAnswer | Self::Other(_) => true,
            Self::PermissionDenied | Self::Certificate(_) | Self::TooOld(_) | Self::Answered(_) => {
                false
            }
        }
    }

    /// Whether another engine may be taken instead, where nobody chose this one. A hanging or
    /// misconfigured engine is not passed over: jobs would silently run elsewhere.
    pub(super) fn is_passed_over(&self) -> bool {
        match self {
            Self::NotThere | Self::PermissionDenied | Self::Refused => true,
            Self::NoAnswer
            | Self::Certificate(_)
            | Self::TooOld(_)
            | Self::Answered(_)
            | Self::Other(_) => false,
        }
    }

    /// Reads what the client met at `address`.
    pub(super) fn of(address: &Address, error: &EngineError) -> Self {
        match error {
            EngineError::SocketNotFoundError(_) => return Self::NotThere,
            EngineError::RequestTimeoutError => return Self::NoAnswer,
            // Shown as its cause, so that it stands nowhere among the sources.
            EngineError::IOError { err } => {
                if let Some(found) = of_io(address, err) {
                    return found;
                }
            }
            EngineError::DockerResponseServerError {
                status_code,
                message,
            } => return Self::Answered(format!("status {status_code}: {}", message.trim())),
            EngineError::CertPathError { .. }
            | EngineError::CertMultipleKeys { .. }
            | EngineError::CertParseError { .. }
            | EngineError::NoNativeCertsError { .. }
            | EngineError::LoadNativeCertsErrors { .. } => {
                return Self::Certificate(error.to_string());
            }
            _ => {}
        }
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        let mut innermost = error.to_string();
        while let Some(inner) = cause {
            innermost = inner.to_string();
            if let Some(found) = inner
                .downcast_ref::<io::Error>()
                .and_then(|io| of_io(address, io))
            {
                return found;
            }
            cause = inner.source();
        }
        Self::Other(innermost)
    }

    fn advice(&self, address: &Address) -> &'static str {
        let local = matches!(address, Address::Unix(_));
        match self {
            Self::NotThere => "is the engine installed and running? `systemctl start docker`",
            Self::Refused if local => "the service is not running: `systemctl start docker`",
            Self::Refused => "is the engine running, and does it listen on this port?",
            Self::PermissionDenied => {
                "join the group `docker` (`sudo usermod -aG docker $USER`, then log in again), \
                 or use a rootless engine"
            }
            Self::NoAnswer => "the engine hangs or is overloaded: look at its log, or restart it",
            Self::Certificate(_) => {
                "see that DOCKER_CERT_PATH holds ca.pem, cert.pem and key.pem that this engine \
                 accepts, and that its certificate names this host"
            }
            Self::TooOld(_) => "upgrade the engine to Docker 20.10 or later",
            Self::Answered(_) if !local => {
                "is this an engine, and does its port want TLS? then set DOCKER_TLS_VERIFY=1"
            }
            Self::Answered(_) => "is this an engine's socket?",
            Self::Other(_) => "check the address",
        }
    }
}

fn of_io(address: &Address, error: &io::Error) -> Option<Problem> {
    use io::ErrorKind as K;
    // One may wrap another, and the chain of sources then passes over the inner one.
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some(found) = inner.and_then(|inner| of_io(address, inner)) {
        return Some(found);
    }
    match error.kind() {
        K::NotFound => Some(Problem::NotThere),
        K::PermissionDenied => Some(Problem::PermissionDenied),
        K::ConnectionRefused => Some(Problem::Refused),
        K::TimedOut | K::WouldBlock => Some(Problem::NoAnswer),
        // rustls reports every failure of a handshake as invalid data.
        K::InvalidData if matches!(address, Address::Tls { .. }) => {
            Some(Problem::Certificate(error.to_string()))
        }
        _ => None,
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => f.write_str("no such socket"),
            Self::PermissionDenied => f.write_str("permission denied"),
            Self::Refused => f.write_str("connection refused"),
            Self::NoAnswer => f.write_str("no answer in time"),
            Self::Certificate(what) | Self::Answered(what) | Self::Other(what) => f.write_str(what),
            Self::TooOld(version) => write!(f, "it speaks only API {version}"),
        }
    }
}

struct Lines<'a>(&'a [Tried]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Tried { candidate, problem } in self.0 {
            let address = &candidate.address;
            let advice = problem.advice(address);
            write!(
                f,
                "\n  {address} ({}): {problem}; {advice}",
                candidate.source
            )?;
        }
        Ok(())
    }
}
