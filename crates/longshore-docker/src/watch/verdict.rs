//! Whether an exit that an engine reports is the job's own.
//!
//! An engine that goes down takes its containers along, and a host that goes down takes all: what is
//! found afterwards under their names are codes that no job gave: 137 or 143 of a kill, 255, and
//! from some versions even 0 (moby#45788). So an exit is believed where the engine was the same
//! from the start to the end, or where the end was seen as it came; else only a code that nobody
//! but the job gives.

/// What is known of the engine since a container's start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Since {
    /// The run of the engine under which the container was started goes on.
    Same,
    /// It is another run, and the one before ended its containers with it.
    Restarted,
    /// Another run, which may have left containers alone or come after a crash of the host; or runs
    /// can't be told apart.
    Unclear,
}

/// Says why an exit code is not the job's own, if that is so.
pub(super) fn doubt(since: Since, code: i64) -> Option<&'static str> {
    match since {
        Since::Restarted => Some(
            "the engine was restarted and its containers ended with it: \
             the exit that it reports need not be the job's",
        ),
        Since::Unclear if matches!(code, 0 | 137 | 143 | 255) => Some(
            "nobody saw it end, and the engine may have gone down meanwhile: \
             the exit that it reports need not be the job's",
        ),
        Since::Same | Since::Unclear => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_leaves_behind_is_believed_only_of_an_engine_that_went_on() {
        for code in [0, 137, 143, 255] {
            assert_eq!(doubt(Since::Same, code), None, "{code}");
            assert!(doubt(Since::Unclear, code).is_some(), "{code}");
        }
        for code in [1, 7, 126, 139] {
            assert_eq!(doubt(Since::Unclear, code), None, "{code}");
        }
        for code in [0, 1, 7, 255] {
            assert!(doubt(Since::Restarted, code).is_some(), "{code}");
        }
    }
}
