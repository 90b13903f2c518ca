//! Whether a container's program is there, asked before its start.
//!
//! Every container has an init, and it is the init that the engine starts: a program that is not
//! there would only show as the init's exit code 127, as if the job had run. So the program is
//! looked for through the engine first, in the way in which the init would: in the folders of
//! `PATH`, or by its own path. Found once, it is not looked for again in the same image. What can
//! only be seen by running it (a missing interpreter, another machine's code) still shows as exit
//! code 126 or 127.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bollard::query_parameters::ContainerArchiveInfoOptionsBuilder;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::ExecutorError;

use crate::engine::{Answer, Engine, Seen};

/// Where engines look when neither the image nor the job has a `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How many programs are remembered; beyond that all are forgotten.
const MOST_REMEMBERED: usize = 4096;
/// Go's `os.FileMode`: a folder, a symbolic link, and any kind that is not a regular file.
const MODE_DIR: u32 = 1 << 31;
const MODE_SYMLINK: u32 = 1 << 27;
const MODE_IRREGULAR: u32 =
    MODE_DIR | MODE_SYMLINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;
const MODE_EXECUTE: u32 = 0o111;

/// Programs that were found: by image, path and name.
#[derive(Debug, Default)]
pub(crate) struct Programs(Mutex<HashSet<(String, String, String)>>);

enum Found {
    Program,
    NotExecutable,
    Nothing,
}

impl Programs {
    /// An error of class permanent if the container's program can't be run.
    pub async fn check(&self, engine: &Engine, seen: &Seen) -> Result<(), ExecutorError> {
        let path = seen
            .env
            .iter()
            .rev()
            .find_map(|entry| entry.strip_prefix("PATH="))
            .unwrap_or(DEFAULT_PATH);
        let program = seen.program.as_str();
        let key = (seen.image.clone(), path.to_owned(), seen.program.clone());
        if program.is_empty() || self.lock().contains(&key) {
            return Ok(());
        }
        let mut best = Found::Nothing;
        for candidate in candidates(program, path, &seen.working_directory) {
            match look(engine, &seen.id, &candidate).await? {
                Found::Program => {
                    best = Found::Program;
                    break;
                }
                Found::NotExecutable => best = Found::NotExecutable,
                Found::Nothing => {}
            }
        }
        let problem = match best {
            Found::Program => {
                // Mounts and working folders are the job's, not the image's.
                if !seen.has_mounts && (!program.contains('/') || program.starts_with('/')) {
                    let mut found = self.lock();
                    if found.len() >= MOST_REMEMBERED {
                        found.clear();
                    }
                    found.insert(key);
                }
                return Ok(());
            }
            Found::NotExecutable => "it is not executable",
            Found::Nothing if program.contains('/') => "there is no such file in the container",
            Found::Nothing => "it is not found on the container's PATH",
        };
        let attempted = format!("run program {program:?}");
        Err(ExecutorError::new(
            ErrorClass::Permanent,
            attempted,
            problem,
        ))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<(String, String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the program may be, in order.
fn candidates(program: &str, path: &str, working_directory: &str) -> Vec<String> {
    if program.starts_with('/') {
        return vec![program.to_owned()];
    }
    let below = |folder: &str| format!("{}/{program}", folder.trim_end_matches('/'));
    if program.contains('/') {
        return vec![below(working_directory)];
    }
    path.split(':')
        .map(|folder| match folder {
            "" => below(working_directory),
            folder if folder.starts_with('/') => below(folder),
            folder => below(&format!("{working_directory}/{folder}")),
        })
        .collect()
}

/// What is at a path of the container, behind a symbolic link too.
async fn look(engine: &Engine, id: &str, path: &str) -> Result<Found, ExecutorError> {
    let mut path = path.to_owned();
    // The engine resolves a link's target whole, so that one step is enough; one more for luck.
    for _ in 0..3 {
        let options = ContainerArchiveInfoOptionsBuilder::new()
            .path(&path)
            .build();
        let call = engine.docker.get_container_archive_info(id, Some(options));
        let stat = match engine.call(format!("look for {path:?}"), call).await? {
            Answer::Done(stat) => stat,
            Answer::Absent(_) => return Ok(Found::Nothing),
            Answer::Conflict(error) => return Err(error),
        };
        if stat.file_mode & MODE_SYMLINK != 0 && stat.link_target != path {
            path = stat.link_target;
            continue;
        }
        let runs = stat.file_mode & MODE_IRREGULAR == 0 && stat.file_mode & MODE_EXECUTE != 0;
        return Ok(if runs {
            Found::Program
        } else {
            Found::NotExecutable
        });
    }
    Ok(Found::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_on_the_path_and_a_path_where_it_says() {
        assert_eq!(candidates("sh", "/a:/b/", "/w"), ["/a/sh", "/b/sh"]);
        assert_eq!(candidates("sh", ":bin", "/w"), ["/w/sh", "/w/bin/sh"]);
        assert_eq!(candidates("/bin/sh", "/a", "/w"), ["/bin/sh"]);
        assert_eq!(candidates("./run", "/a", "/w"), ["/w/./run"]);
    }
}
