//! The folder of a cluster: its data, its log and its socket, and the account that owns them.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use crate::process::{check, end_of_log};

/// PostgreSQL refuses to run as root, so root runs it under the account of Debian's package.
const ACCOUNT: &str = "postgres";

/// An initialised cluster that is not running.
pub struct Home {
    folder: PathBuf,
    bin: PathBuf,
    account: Option<User>,
    temporary: Option<TempDir>,
}

impl Home {
    /// Makes a new cluster in `kept` or in a temporary folder, or opens the one in `kept`.
    pub fn open(bin: &Path, kept: Option<&Path>) -> Result<Self> {
        let account = account()?;
        let (folder, temporary) = if let Some(kept) = kept {
            fs::create_dir_all(kept)
                .with_context(|| format!("cannot create {}", kept.display()))?;
            (
                kept.canonicalize()
                    .with_context(|| format!("cannot find {}", kept.display()))?,
                None,
            )
        } else {
            let made = tempfile::Builder::new()
                .prefix("longshore-postgres-")
                .tempdir();
            let made = made.context("cannot create a temporary folder")?;
            (made.path().to_owned(), Some(made))
        };
        let home = Self {
            folder,
            bin: bin.to_owned(),
            account,
            temporary,
        };
        if !home.data().join("PG_VERSION").exists() {
            home.initialise()?;
        }
        Ok(home)
    }

    fn initialise(&self) -> Result<()> {
        let here = self.folder.display();
        let mut entries =
            fs::read_dir(&self.folder).with_context(|| format!("cannot read {here}"))?;
        if entries.next().is_some() {
            // It is about to change its owner: somebody else's files must not.
            bail!("{here} is neither empty nor a cluster of ours: choose another folder");
        }
        if let Some(account) = &self.account {
            chown(
                &self.folder,
                Some(account.uid.as_raw()),
                Some(account.gid.as_raw()),
            )
            .with_context(|| format!("cannot hand {here} to the account `{ACCOUNT}`"))?;
        }
        // One locale and encoding on every machine; no password, as it listens on loopback alone.
        check(
            self.command(&self.bin.join("initdb"))
                .args([
                    "--username=postgres",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--no-locale",
                    "--no-sync",
                ])
                .arg("--pgdata")
                .arg(self.data())
                // It talks at length when all is well; errors come by stderr.
                .stdout(Stdio::null()),
        )
    }

    /// A command that runs one of PostgreSQL's programs under the right account.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Not ours: that account may not be allowed to enter it.
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some(account) = &self.account {
            command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        command
    }

    /// The server program.
    pub fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }

    /// PostgreSQL's own data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder for the Unix socket.
    pub fn socket(&self) -> &Path {
        &self.folder
    }

    /// Whether the cluster goes on after this server.
    pub fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// A fresh log file.
    pub fn create_log(&self) -> Result<File> {
        let log = self.log();
        File::create(&log).with_context(|| format!("cannot create {}", log.display()))
    }

    /// The last lines of the log, for the message of a failure.
    pub fn end_of_log(&self) -> String {
        end_of_log(&self.log())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Removes the folder if it is a temporary one. So does a drop, but in silence.
    pub fn close(self) -> Result<()> {
        self.temporary
            .map_or(Ok(()), TempDir::close)
            .context("cannot remove the temporary cluster")
    }
}

fn account() -> Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let found = User::from_name(ACCOUNT)
        .with_context(|| format!("cannot look up the account `{ACCOUNT}`"))?;
    let found = found.with_context(|| {
        format!("PostgreSQL refuses to run as root, and there is no account `{ACCOUNT}` to run it under: create one, or do not be root")
    })?;
    Ok(Some(found))
}
