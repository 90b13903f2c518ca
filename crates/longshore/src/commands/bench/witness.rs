//! What the no-op jobs of a benchmark write down themselves, and the verdict on it: figures of a run
//! that lost a job, or ran one twice, are none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use longshore_core::{AttemptNumber, JobId};
use longshore_history::{
    AttemptNumber as RunNumber, Expectation, JobId as RunJob, Mark, RunId, Verdict, Who, Witness,
    WitnessLine, check,
};

use crate::exit::Refused;

/// Where the jobs of one process write START and END. Several processes may write the same file.
pub struct WitnessFile {
    file: File,
    who: Who,
    opened: Instant,
}

impl WitnessFile {
    /// Appends to this file, which is made if it is not there.
    pub fn append_to(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self {
            file: file.with_context(|| format!("opening {}", path.display()))?,
            who: Who::new(&format!("pid-{}", std::process::id()))?,
            opened: Instant::now(),
        })
    }

    /// Writes one line, with one write.
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
        (&self.file).write_all(line.to_record().as_bytes())
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
