//! What kind of failure an error is: by its code and kind; by its text only as the last resort.

use std::io;

use serde::{Deserialize, Serialize};

/// Whether trying again can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ErrorClass {
    /// Passes with time: retried.
    Transient,
    /// Will fail in the same way again: not retried.
    Permanent,
    /// Not known: retried, within the same bounds.
    Unknown,
}

impl ErrorClass {
    /// Whether another launch may be tried.
    pub fn is_retried(self) -> bool {
        match self {
            Self::Transient | Self::Unknown => true,
            Self::Permanent => false,
        }
    }

    /// The class's name in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of an error when it is classified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ErrorFacts<'a> {
    /// The status of an HTTP answer (a Docker Engine), if one came.
    pub http_status: Option<u16>,
    /// The operating system's error number, if that is where it comes from.
    pub os_error: Option<i32>,
    /// Its kind, if it is an error of input or output. Looked at when it has no number, or one that
    /// is not known: an error that was made by a library has only this.
    pub kind: Option<io::ErrorKind>,
    /// What it says. Looked at only when nothing else decides.
    pub text: &'a str,
}

/// The class of an error (nomad#3513: an engine's wording changes, its codes do not).
pub fn classify(facts: ErrorFacts<'_>) -> ErrorClass {
    if let Some(status) = facts.http_status {
        return of_http_status(status);
    }
    if let Some(class) = facts.os_error.and_then(of_os_error) {
        return class;
    }
    if let Some(class) = facts.kind.and_then(of_kind) {
        return class;
    }
    of_text(facts.text)
}

fn of_http_status(status: u16) -> ErrorClass {
    match status {
        408 | 425 | 429 | 500..=599 => ErrorClass::Transient,
        400..=499 => ErrorClass::Permanent,
        _ => ErrorClass::Unknown,
    }
}

/// Linux error numbers (`errno(3)`), by what they mean for a launch.
fn of_os_error(number: i32) -> Option<ErrorClass> {
    const EPERM: i32 = 1;
    const ENOENT: i32 = 2;
    const EINTR: i32 = 4;
    const E2BIG: i32 = 7;
    const ENOEXEC: i32 = 8;
    const EAGAIN: i32 = 11;
    const ENOMEM: i32 = 12;
    const EACCES: i32 = 13;
    const EBUSY: i32 = 16;
    const ENOTDIR: i32 = 20;
    const EISDIR: i32 = 21;
    const EINVAL: i32 = 22;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ETXTBSY: i32 = 26;
    const ENOSPC: i32 = 28;
    const EPIPE: i32 = 32;
    const ENAMETOOLONG: i32 = 36;
    const ELOOP: i32 = 40;
    const ECONNABORTED: i32 = 103;
    const ECONNRESET: i32 = 104;
    const ETIMEDOUT: i32 = 110;
    const ECONNREFUSED: i32 = 111;
    const EHOSTUNREACH: i32 = 113;
    match number {
        EINTR | EAGAIN | ENOMEM | EBUSY | ENFILE | EMFILE | ETXTBSY | ENOSPC | EPIPE
        | ECONNABORTED | ECONNRESET | ETIMEDOUT | ECONNREFUSED | EHOSTUNREACH => {
            Some(ErrorClass::Transient)
        }
        EPERM | ENOENT | E2BIG | ENOEXEC | EACCES | ENOTDIR | EISDIR | EINVAL | ENAMETOOLONG
        | ELOOP => Some(ErrorClass::Permanent),
        _ => None,
    }
}

fn of_kind(kind: io::ErrorKind) -> Option<ErrorClass> {
    use io::ErrorKind as K;
    match kind {
        K::Interrupted
        | K::WouldBlock
        | K::TimedOut
        | K::ConnectionRefused
        | K::ConnectionReset
        | K::ConnectionAborted
        | K::NotConnected
        | K::HostUnreachable
        | K::NetworkUnreachable
        | K::NetworkDown
        | K::BrokenPipe
        | K::UnexpectedEof
        | K::ResourceBusy
        | K::ExecutableFileBusy
        | K::StorageFull
        | K::OutOfMemory => Some(ErrorClass::Transient),
        K::NotFound
        | K::PermissionDenied
        | K::InvalidInput
        | K::InvalidFilename
        | K::ArgumentListTooLong
        | K::NotADirectory
        | K::IsADirectory
        | K::Unsupported => Some(ErrorClass::Permanent),
        _ => None,
    }
}

fn of_text(text: &str) -> ErrorClass {
    const TRANSIENT: [&str; 5] = [
        "timeout",
        "timed out",
        "temporarily",
        "connection refused",
        "connection reset",
    ];
    const PERMANENT: [&str; 4] = [
        "no such file",
        "not found",
        "permission denied",
        "invalid argument",
    ];
    let text = text.to_lowercase();
    let says = |patterns: &[&str]| patterns.iter().any(|pattern| text.contains(pattern));
    if says(&TRANSIENT) {
        ErrorClass::Transient
    } else if says(&PERMANENT) {
        ErrorClass::Permanent
    } else {
        ErrorClass::Unknown
    }
}
