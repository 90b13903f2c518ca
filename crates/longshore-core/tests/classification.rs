//! Errors are classified by their code and kind; by their text only as the last resort.

use std::io::ErrorKind;

use longshore_core::classify::{ErrorClass, ErrorFacts, classify};
use longshore_core::executor::ExecutorError;
use proptest::prelude::*;

use ErrorClass::{Permanent, Transient, Unknown};

/// Statuses of the Docker Engine API and what they mean for a launch.
const STATUSES: [(u16, ErrorClass); 12] = [
    (400, Permanent), // bad parameter
    (401, Permanent),
    (404, Permanent), // no such image, network, …
    (406, Permanent),
    (408, Transient),
    (409, Permanent), // conflict
    (425, Transient),
    (429, Transient),
    (500, Transient),
    (503, Transient),
    (599, Transient),
    (304, Unknown), // no error at all
];

/// Linux error numbers that a launch can meet.
const ERRNOS: [(i32, ErrorClass); 16] = [
    (1, Permanent),   // EPERM
    (2, Permanent),   // ENOENT
    (4, Transient),   // EINTR
    (7, Permanent),   // E2BIG
    (8, Permanent),   // ENOEXEC
    (11, Transient),  // EAGAIN: too many processes for now
    (12, Transient),  // ENOMEM
    (13, Permanent),  // EACCES
    (20, Permanent),  // ENOTDIR
    (24, Transient),  // EMFILE
    (26, Transient),  // ETXTBSY
    (28, Transient),  // ENOSPC
    (32, Transient),  // EPIPE
    (36, Permanent),  // ENAMETOOLONG
    (110, Transient), // ETIMEDOUT
    (111, Transient), // ECONNREFUSED
];

/// Kinds of errors that libraries make, without a number of the system.
const KINDS: [(ErrorKind, ErrorClass); 6] = [
    (ErrorKind::TimedOut, Transient),
    (ErrorKind::ConnectionReset, Transient),
    (ErrorKind::UnexpectedEof, Transient),
    (ErrorKind::NotFound, Permanent),
    (ErrorKind::PermissionDenied, Permanent),
    (ErrorKind::InvalidInput, Permanent),
];

/// Texts that speak for a class, in the wordings of several engines and systems.
const TEXTS: [(&str, ErrorClass); 7] = [
    ("i/o Timeout", Transient),
    ("Connection refused by peer", Transient),
    ("resource temporarily unavailable", Transient),
    ("No such file or directory", Permanent),
    ("repository not found", Permanent),
    ("Permission denied", Permanent),
    ("something else", Unknown),
];

#[test]
fn a_status_decides_whatever_the_text_and_the_error_number_say() {
    for (status, class) in STATUSES {
        for (text, _) in TEXTS {
            for os_error in [None]
                .into_iter()
                .chain(ERRNOS.map(|(number, _)| Some(number)))
            {
                for (kind, _) in KINDS {
                    let facts = ErrorFacts {
                        http_status: Some(status),
                        os_error,
                        kind: Some(kind),
                        text,
                    };
                    assert_eq!(classify(facts), class, "{facts:?}");
                }
            }
        }
    }
}

#[test]
fn an_error_number_decides_whatever_the_kind_and_the_text_say() {
    for (number, class) in ERRNOS {
        for (text, _) in TEXTS {
            for (kind, _) in KINDS {
                let facts = ErrorFacts {
                    os_error: Some(number),
                    http_status: None,
                    kind: Some(kind),
                    text,
                };
                assert_eq!(classify(facts), class, "{facts:?}");
            }
        }
    }
}

#[test]
fn a_kind_decides_whatever_the_text_says_where_no_number_does() {
    for (kind, class) in KINDS {
        for (text, _) in TEXTS {
            for os_error in [None, Some(0), Some(9999)] {
                let facts = ErrorFacts {
                    os_error,
                    http_status: None,
                    kind: Some(kind),
                    text,
                };
                assert_eq!(classify(facts), class, "{facts:?}");
            }
        }
    }
}

#[test]
fn an_error_that_a_library_made_is_classified_by_its_kind() {
    for (kind, class) in KINDS {
        let error = std::io::Error::new(kind, "the wording says nothing");
        assert_eq!(ExecutorError::io("read", &error).class, class, "{kind:?}");
    }
}

#[test]
fn the_text_decides_only_when_nothing_else_does() {
    let nothing_known = [None, Some(0), Some(9999)];
    for (text, class) in TEXTS {
        for os_error in nothing_known {
            for kind in [None, Some(ErrorKind::Other)] {
                let facts = ErrorFacts {
                    os_error,
                    http_status: None,
                    kind,
                    text,
                };
                assert_eq!(classify(facts), class, "{facts:?}");
            }
        }
    }
}

#[test]
fn what_is_not_known_is_retried() {
    assert!(Unknown.is_retried() && Transient.is_retried());
    assert!(!Permanent.is_retried());
}

proptest! {
    #[test]
    fn a_text_never_changes_the_class_of_a_code(
        status in proptest::option::of(any::<u16>()),
        number in proptest::sample::select(&ERRNOS[..]),
        text in ".*",
        (contrary, _) in proptest::sample::select(&TEXTS[..]),
    ) {
        let facts = |text| ErrorFacts {
            http_status: status, os_error: Some(number.0), kind: None, text,
        };
        let plain = classify(facts(""));
        let text = format!("{text} {contrary}");
        prop_assert_eq!(classify(facts(&text)), plain);
        if status.is_none() {
            prop_assert_eq!(plain, number.1);
        }
    }

    #[test]
    fn a_status_that_is_no_error_has_no_class_whatever_else_is_said(
        status in prop_oneof![0..400_u16, 600_u16..],
        number in proptest::option::of(proptest::sample::select(&ERRNOS[..])),
        (text, _) in proptest::sample::select(&TEXTS[..]),
    ) {
        let os_error = number.map(|(number, _)| number);
        let facts = ErrorFacts { http_status: Some(status), os_error, kind: None, text };
        prop_assert_eq!(classify(facts), Unknown);
    }

    #[test]
    fn the_text_of_an_unknown_number_decides_wherever_in_it_the_words_stand(
        // Linux has no number above its MAX_ERRNO.
        number in proptest::option::of(prop_oneof![i32::MIN..=0, 4096..]),
        (before, after) in ("[0-9: ]*", "[0-9: ]*"),
        (words, class) in proptest::sample::select(&TEXTS[..]),
    ) {
        let text = format!("{before}{words}{after}");
        let facts = ErrorFacts { http_status: None, os_error: number, kind: None, text: &text };
        prop_assert_eq!(classify(facts), class);
    }
}
