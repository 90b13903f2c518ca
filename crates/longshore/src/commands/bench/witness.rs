//! What the no-op jobs of a benchmark write down themselves, and the verdict on it: figures of a run
//! that lost a job, or ran one twice, are none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use longshore_core::{AttemptNumber, JobId};
use longshore_history::{
    AttemptNumber as RunNumber, Expectation, JobId as RunJob, Mark, RunId, Verdict, Who, Witness,
    WitnessLine, check,
};

use crate::exit::Refused;

/// Where the jobs of one process write START and END.
pub struct WitnessFile {
    file: File,
    /// What is still to be written, where no other process writes the same file.
    pending: Option<Mutex<Vec<u8>>>,
    who: Who,
    opened: Instant,
}

impl WitnessFile {
    /// Appends each line as it comes: others may write the same file, and all is in one order.
    pub fn shared(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self {
            file: file.with_context(|| format!("opening {}", path.display()))?,
            pending: None,
            who: Who::new(&format!("pid-{}", std::process::id()))?,
            opened: Instant::now(),
        })
    }

    /// For the only process that writes the file: what it costs to write each line would be measured
    /// with the queue. All is there after [`Self::written`].
    pub fn alone(path: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            pending: Some(Mutex::default()),
            ..Self::shared(path)?
        })
    }

    /// Writes one line.
    pub fn note(&self, mark: Mark, job: JobId, attempt: AttemptNumber) -> io::Result<()> {
        let line = WitnessLine {
            mark,
            run: RunId {
                job: RunJob(job.0),
                attempt: RunNumber(u32::try_from(attempt.0).unwrap_or_default()),
            },
            nanos: u64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(u64::MAX),
            who: self.who.clone(),
        };
        match &self.pending {
            Some(pending) => {
                let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
                writeln!(pending, "{line}")
            }
            None => (&self.file).write_all(line.to_record().as_bytes()),
        }
    }

    /// Sees to it that all lines are in the file.
    pub fn written(&self) -> io::Result<()> {
        let Some(pending) = &self.pending else {
            return Ok(());
        };
        let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
        (&self.file).write_all(&std::mem::take(&mut *pending))
    }
}

/// Refuses the figures of a run whose jobs did not do what was to be expected.
pub fn judge(path: &Path, expectation: &Expectation) -> anyhow::Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let witness = Witness::parse(&text).context("what the jobs wrote down")?;
    match check(&witness, expectation) {
        Verdict::Passed { .. } => Ok(()),
        verdict @ (Verdict::Violated { .. } | Verdict::Unknown { .. }) => {
            Err(Refused::failed(format!("{verdict}: this is no result")).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const FIRST: AttemptNumber = AttemptNumber(1);

    fn ran(witness: &WitnessFile, job: i64) {
        for mark in [Mark::Start, Mark::End] {
            let noted = witness.note(mark, JobId(job), FIRST);
            noted.expect("the file can be written");
        }
    }

    #[test]
    fn figures_are_refused_unless_each_job_ran_exactly_once() {
        let folder = TempDir::new().expect("a folder can be made");
        let path = folder.path().join("witness.log");
        let expected = Expectation::each_once([RunJob(1), RunJob(2)]);
        let witness = WitnessFile::alone(&path).expect("it can be made");
        ran(&witness, 1);
        witness.written().expect("it can be written");
        let lost = judge(&path, &expected).expect_err("the second never ran");
        assert!(lost.to_string().contains("this is no result"), "{lost}");
        ran(&witness, 2);
        witness.written().expect("it can be written");
        judge(&path, &expected).expect("each ran once");
        // Of another process, straight into the same file.
        ran(&WitnessFile::shared(&path).expect("it is there"), 1);
        let doubled = judge(&path, &expected).expect_err("the first ran twice");
        assert!(doubled.to_string().contains("VIOLATED"), "{doubled}");
    }
}
