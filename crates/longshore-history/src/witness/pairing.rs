//! Whether the store's lines fit together: each answer to a call of its own.
//!
//! A record in which they do not is broken, and cannot be believed: an error, never a finding.

use std::collections::BTreeMap;

use super::WitnessError;
use crate::store::{CallNumber, StoreEvent, Told};

/// The calls so far.
#[derive(Default)]
pub(super) struct Pairing {
    calls: BTreeMap<CallNumber, Stage>,
}

enum Stage {
    Open(&'static str),
    Answered,
}

impl Pairing {
    pub(super) fn note(&mut self, line: usize, event: &StoreEvent) -> Result<(), WitnessError> {
        let (mark, verb) = match &event.told {
            Told::Called(call) => ("CALL", Some(call.verb())),
            Told::Done(answer) => ("DONE", Some(answer.verb())),
            Told::Failed(..) => ("ERR", None),
        };
        let unpaired = |problem| WitnessError::Unpaired {
            line,
            mark,
            call: event.call.0,
            problem,
        };
        let stage = match (&event.told, self.calls.get(&event.call)) {
            (Told::Called(call), None) => Stage::Open(call.verb()),
            (Told::Called(_), Some(_)) => return Err(unpaired("was made before")),
            (Told::Done(_) | Told::Failed(..), None) => return Err(unpaired("was not made")),
            (Told::Done(_) | Told::Failed(..), Some(Stage::Answered)) => {
                return Err(unpaired("was answered before"));
            }
            (Told::Done(_) | Told::Failed(..), Some(Stage::Open(called))) => {
                if verb.is_some_and(|verb| verb != *called) {
                    return Err(unpaired("is of another verb"));
                }
                Stage::Answered
            }
        };
        self.calls.insert(event.call, stage);
        Ok(())
    }
}
