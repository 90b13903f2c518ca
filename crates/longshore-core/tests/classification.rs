//! Errors are classified by their code and kind; by their text only as the last resort.

use longshore_core::classify::{ErrorClass, ErrorFacts, classify};
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
                let facts = ErrorFacts {
                    http_status: Some(status),
                    os_error,
                    text,
                };
                assert_eq!(classify(facts), class, "{facts:?}");
            }
        }
    }
}

#[test]
fn an_error_number_decides_whatever_the_text_says() {
    for (number, class) in ERRNOS {
        for (text, _) in TEXTS {
            let facts = ErrorFacts {
                os_error: Some(number),
                http_status: None,
                text,
            };
            assert_eq!(classify(facts), class, "{facts:?}");
        }
    }
}

#[test]
fn the_text_decides_only_when_nothing_else_does() {
    let nothing_known = [None, Some(0), Some(9999)];
    for (text, class) in TEXTS {
        for os_error in nothing_known {
            let facts = ErrorFacts {
                os_error,
                http_status: None,
                text,
            };
            assert_eq!(classify(facts), class, "{facts:?}");
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
        let facts = |text| ErrorFacts { http_status: status, os_error: Some(number.0), text };
        let plain = classify(facts(""));
        let text = format!("{text} {contrary}");
        prop_assert_eq!(classify(facts(&text)), plain);
        if status.is_none() {
            prop_assert_eq!(plain, number.1);
        }
    }

    #[test]
    fn any_error_has_a_class(
        status in proptest::option::of(any::<u16>()),
        number in proptest::option::of(any::<i32>()),
        text in ".*",
    ) {
        let facts = ErrorFacts { http_status: status, os_error: number, text: &text };
        prop_assert_eq!(classify(facts), classify(facts), "and always the same");
    }
}
