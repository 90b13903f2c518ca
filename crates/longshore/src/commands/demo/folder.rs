//! The demo's folder: database, witness file, record of what was submitted, logs of the workers.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use longshore_core::JobId;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::exit::Refused;

/// What was submitted, written down before any worker starts.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// The database that was named, without its password; none if it is the folder's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The demo's queue.
    pub queue: String,
    /// Its limit.
    pub limit: u32,
    /// Its jobs, in the order of their submission.
    pub jobs: Vec<JobId>,
}

/// The demo's folder.
pub enum Folder {
    /// Goes away with the demo.
    Temporary(TempDir),
    /// Stays.
    Kept(PathBuf),
}

impl Folder {
    /// A new folder: the given one, which must not exist or be empty, or a temporary one.
    pub fn make(keep: Option<&Path>) -> anyhow::Result<Self> {
        let folder = match keep {
            None => Self::Temporary(TempDir::with_prefix("longshore-demo-")?),
            Some(path) => {
                fs::create_dir_all(path)
                    .with_context(|| format!("making the folder {}", path.display()))?;
                if fs::read_dir(path)?.next().is_some() {
                    let problem = format!("the folder {} is not empty", path.display());
                    let refused = Refused::usage(problem);
                    return Err(refused.hint("--keep takes a new folder").into());
                }
                // Absolute, since the jobs run in another folder.
                Self::Kept(fs::canonicalize(path)?)
            }
        };
        File::create(folder.witness())?;
        Ok(folder)
    }

    /// The folder of a demo that was kept.
    pub fn kept(path: &Path) -> anyhow::Result<Self> {
        if !path.join("demo.json").is_file() {
            let problem = format!("{} is not the folder of a kept demo", path.display());
            return Err(Refused::usage(problem)
                .hint("`longshore demo --keep FOLDER` makes one")
                .into());
        }
        Ok(Self::Kept(path.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }

    /// Where it is, if it stays.
    pub fn kept_path(&self) -> Option<&Path> {
        match self {
            Self::Temporary(_) => None,
            Self::Kept(path) => Some(path),
        }
    }

    /// The database of its own, unless another was named.
    pub fn database(&self) -> PathBuf {
        self.path().join("longshore.db")
    }

    /// Where the jobs write START and END.
    pub fn witness(&self) -> PathBuf {
        self.path().join("witness.log")
    }

    /// A new log for a worker.
    pub fn worker_log(&self, worker: &str) -> anyhow::Result<File> {
        let path = self.path().join(format!("{worker}.log"));
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))
    }

    /// Writes the record down.
    pub fn write_record(&self, record: &Record) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(record)?;
        fs::write(self.path().join("demo.json"), json).context("writing demo.json")
    }

    /// Reads the record.
    pub fn read_record(&self) -> anyhow::Result<Record> {
        let json = fs::read(self.path().join("demo.json")).context("reading demo.json")?;
        serde_json::from_slice(&json).context("demo.json is not the record of a demo")
    }
}
