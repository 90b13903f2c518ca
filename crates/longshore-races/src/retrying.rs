//! The store under the pump: [`Retrying`], which stands for the product's own of that name.
//!
//! Keeps what a store promises of `append_output`: a batch is stored whole or not at all, a number
//! that is there already changes nothing, and a lost lease is refused. Fails as stores do: before
//! anything happened, or with everything stored and the reply lost. And it is strict with the pump:
//! a number that comes again must bring the same, and a place to go on from must have everything
//! before it stored.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longshore_core::output::{Checkpoint, KeptOutput, ResumePoint, Stream};
use longshore_core::store::{LeaseStatus, OutputAppend, StoreError, StoreResult};

use crate::chance;
use crate::explore::reached;
use crate::time::sleep;

/// A table of output. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retrying(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<i32, OutputAppend>,
    faults_left: u32,
    is_lost: bool,
    calls_after_loss: u32,
}

/// What becomes of one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Answered,
    Refused,
    ReplyLost,
}

impl Retrying {
    /// A table that fails at most so often.
    pub fn failing(faults: u32) -> Self {
        let store = Self::default();
        store.table().faults_left = faults;
        store
    }

    /// Another worker took the lease over.
    pub fn lose_lease(&self) {
        self.table().is_lost = true;
    }

    /// How often something was to be stored after that.
    pub fn calls_after_loss(&self) -> u32 {
        self.table().calls_after_loss
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.table().rows.len()
    }

    /// What was stored of one stream, its rows put in order of their numbers.
    ///
    /// # Panics
    ///
    /// When a number is missing, or a row does not go on where the one before it ended.
    pub fn stored(&self, stream: Stream) -> Vec<u8> {
        let table = self.table();
        let mut all = Vec::new();
        for (at, (seq, row)) in table.rows.iter().enumerate() {
            assert_eq!(Ok(at), usize::try_from(*seq), "numbers are used in order");
            let KeptOutput {
                stream: of,
                position,
                bytes,
            } = &row.output;
            if *of == stream {
                assert_eq!(*position, all.len() as u64, "row {seq} goes on elsewhere");
                all.extend_from_slice(bytes);
            }
        }
        all
    }

    /// The place to go on from that was stored last.
    pub fn resume(&self) -> Option<ResumePoint> {
        let table = self.table();
        let mut newest_first = table.rows.values().rev();
        newest_first.find_map(|row| row.resume.clone())
    }

    /// The verb. Runs in a task of its own, as the product's does: what was sent goes on when its
    /// caller is gone.
    pub async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        let store = self.clone();
        let appends = appends.to_vec();
        let call = shuttle::future::spawn(async move { store.answer(&appends).await });
        call.await
            .map_err(|error| StoreError::unexpected("append_output", error))?
    }

    async fn answer(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        self.take_time().await;
        let fate = self.draw();
        let mut answer = Err(unavailable());
        if fate != Fate::Refused {
            let status = self.table().store(appends);
            self.take_time().await;
            if fate == Fate::Answered {
                answer = Ok(vec![status; appends.len()]);
            }
        }
        answer
    }

    /// A round trip: nothing, or less or more than the age of a batch.
    async fn take_time(&self) {
        match chance::below(4) {
            0 => sleep(Duration::from_millis(chance::of(&[20, 300]))).await,
            _ => shuttle::future::yield_now().await,
        }
    }

    fn draw(&self) -> Fate {
        let mut table = self.table();
        if table.faults_left == 0 {
            return Fate::Answered;
        }
        let fate = chance::of(&[Fate::Answered, Fate::Refused, Fate::ReplyLost]);
        match fate {
            Fate::Answered => {}
            Fate::Refused => {
                table.faults_left -= 1;
                reached("a call failed");
            }
            Fate::ReplyLost => {
                table.faults_left -= 1;
                reached("a reply was lost");
            }
        }
        fate
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn store(&mut self, appends: &[OutputAppend]) -> LeaseStatus {
        if self.is_lost {
            self.calls_after_loss += 1;
            return LeaseStatus::Lost;
        }
        for append in appends {
            match self.rows.get(&append.seq) {
                None => {
                    self.rows.insert(append.seq, append.clone());
                }
                Some(there) => {
                    assert_eq!(there, append, "a number that comes again brings the same");
                    reached("a number came again");
                }
            }
            if let Some(resume) = &append.resume {
                let rows = self.rows.values();
                let stored: usize = rows.map(|row| row.output.bytes.len()).sum();
                let checkpoint = Checkpoint::from_stored(Some(resume));
                assert_eq!(
                    checkpoint.at,
                    Some(ResumePoint(stored.to_string())),
                    "the place to go on from is where what is stored ends"
                );
                let seen: u64 = checkpoint.seen.iter().sum();
                assert_eq!(seen, stored as u64, "and its bytes are counted");
            }
        }
        LeaseStatus::Held
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable {
        verb: "append_output",
        source: "the connection broke".into(),
    }
}
