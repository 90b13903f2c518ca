//! One pull: asked of the engine, its progress told, its failure understood.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::errors::Error as EngineError;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::ExecutorError;
use tokio::time::{Instant, timeout};

use super::credentials::{Credentials, Found};
use super::reference::Reference;
use crate::error::{executor_error, no_answer, status_of};

/// How long a pull may be silent. Unpacking a large layer on a slow disk says nothing for minutes.
const SILENCE: Duration = Duration::from_mins(5);
/// How long looking at an image, or asking a registry about one, may take.
const LOOK: Duration = Duration::from_mins(1);
/// How often progress is told at most.
const PACE: Duration = Duration::from_millis(300);

/// Whether the engine has it.
pub(super) async fn is_there(docker: &Docker, image: &str) -> Result<bool, ExecutorError> {
    let attempted = format!("look for image {image}");
    match timeout(LOOK, docker.inspect_image(image)).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(error)) if status_of(&error) == Some(404) => Ok(false),
        Ok(Err(error)) => Err(executor_error(attempted, &error)),
        Err(_late) => Err(no_answer(attempted)),
    }
}

/// Pulls it, whether or not it is there.
pub(super) async fn pull(
    docker: &Docker,
    credentials: &Credentials,
    image: &str,
    tell: impl Fn(String),
) -> Result<(), ExecutorError> {
    let attempted = format!("pull image {image}");
    let refuse = |problem: &str| {
        Err(ExecutorError::new(
            ErrorClass::Permanent,
            attempted.clone(),
            problem,
        ))
    };
    let (registry, repository, version) = match Reference::parse(image) {
        Ok(Reference::Named {
            registry,
            repository,
            version,
        }) => (registry, repository, version),
        Ok(Reference::Id(_)) => {
            return refuse("this engine does not have it, and ids can't be pulled: use its name");
        }
        Err(error) => return refuse(&error.to_string()),
    };
    let name = format!("{registry}/{repository}");
    let found = credentials.find(&registry).await;
    if let Some(trouble) = &found.trouble {
        tracing::warn!(registry, trouble, "a login of a registry could not be read");
    }
    let Err(error) = stream(docker, image, &name, &version, found.login.clone(), tell).await else {
        return Ok(());
    };
    Err(explain(
        docker,
        attempted,
        &registry,
        &full(&name, &version),
        found,
        error,
    )
    .await)
}

async fn stream(
    docker: &Docker,
    image: &str,
    name: &str,
    version: &str,
    login: Option<DockerCredentials>,
    tell: impl Fn(String),
) -> Result<(), EngineError> {
    let options = CreateImageOptionsBuilder::new()
        .from_image(name)
        .tag(version)
        .build();
    // The engine answers only once the registry does.
    let patient = docker.clone().with_timeout(SILENCE);
    let mut news = patient.create_image(Some(options), None, login);
    let mut progress = Progress::default();
    let mut told: Option<Instant> = None;
    loop {
        match timeout(SILENCE, news.next()).await {
            Ok(Some(Ok(item))) => {
                progress.take(item);
                if told.is_none_or(|told| told.elapsed() >= PACE) {
                    told = Some(Instant::now());
                    tell(progress.words(image));
                }
            }
            Ok(Some(Err(error))) => return Err(error),
            Ok(None) => return Ok(()),
            Err(_late) => return Err(EngineError::RequestTimeoutError),
        }
    }
}

/// What a failed pull means. Engines say 500 both for a wrong password and for a registry that is
/// away, so the registry is asked again in a way that keeps its own status.
async fn explain(
    docker: &Docker,
    attempted: String,
    registry: &str,
    full: &str,
    found: Found,
    error: EngineError,
) -> ExecutorError {
    let mut explained = executor_error(attempted, &error);
    let in_stream = matches!(error, EngineError::DockerStreamError { .. });
    if !in_stream && status_of(&error).is_none_or(|status| status < 500) {
        return explained;
    }
    let anonymous = found.login.is_none();
    let asked = docker.inspect_registry_image(full, found.login);
    let status = match timeout(LOOK, asked).await {
        Ok(Ok(_)) => 200,
        Ok(Err(error)) => status_of(&error).unwrap_or(504),
        Err(_late) => 504,
    };
    explained.class = match status {
        // It is there and may be pulled: what the engine told lies elsewhere.
        200 if in_stream => ErrorClass::Unknown,
        400 | 401 | 403 => ErrorClass::Permanent,
        404 if answers_for_registries(docker).await => ErrorClass::Permanent,
        // Docker 20.10 says this too of a registry that asks for a login when none was sent. It may
        // also be away: nothing but the words would tell, and words change.
        500 if anonymous => ErrorClass::Unknown,
        _ => ErrorClass::Transient,
    };
    let advice = match (explained.class, &found.trouble) {
        _ if status == 404 => return explained,
        (ErrorClass::Transient, _) => return explained,
        (_, Some(trouble)) => trouble.clone(),
        (ErrorClass::Unknown, None) if anonymous => {
            format!("if {registry} asks for a login: `docker login {registry}`")
        }
        (ErrorClass::Unknown, None) => return explained,
        (ErrorClass::Permanent, None) if anonymous => {
            format!("log in to {registry} (`docker login {registry}`)")
        }
        (ErrorClass::Permanent, None) => format!("check the login for {registry}"),
    };
    explained.problem.push_str("; ");
    explained.problem.push_str(&advice);
    explained
}

/// Podman has no such way to ask a registry; its 404 is about the way, not the image.
async fn answers_for_registries(docker: &Docker) -> bool {
    match timeout(LOOK, docker.version()).await {
        Ok(Ok(version)) => !version
            .components
            .unwrap_or_default()
            .iter()
            .any(|component| component.name.to_lowercase().contains("podman")),
        Ok(Err(_)) | Err(_) => false,
    }
}

fn full(name: &str, version: &str) -> String {
    let separator = if version.contains(':') { '@' } else { ':' };
    format!("{name}{separator}{version}")
}

/// How far a pull is, over all of its layers.
#[derive(Default)]
struct Progress {
    /// Bytes got and to get, by layer.
    layers: HashMap<String, (i64, i64)>,
}

impl Progress {
    fn take(&mut self, item: CreateImageInfo) {
        let (Some(layer), Some(status)) = (item.id, item.status) else {
            return;
        };
        let detail = item.progress_detail.unwrap_or_default();
        match (status.as_str(), detail.current, detail.total) {
            ("Downloading", Some(current), Some(total)) if total > 0 => {
                self.layers.insert(layer, (current.clamp(0, total), total));
            }
            // Engines differ in what they say next; whatever it is, the bytes are there.
            ("Downloading" | "Waiting" | "Pulling fs layer", _, _) => {}
            _ => {
                if let Some((current, total)) = self.layers.get_mut(&layer) {
                    *current = *total;
                }
            }
        }
    }

    fn words(&self, image: &str) -> String {
        let (current, total) = self.layers.values().fold((0_i64, 0_i64), |sum, layer| {
            (sum.0 + layer.0, sum.1 + layer.1)
        });
        match total {
            0 => format!("pulling image {image}"),
            total if current == total => format!("unpacking image {image}"),
            total => {
                let percent = i128::from(current) * 100 / i128::from(total);
                format!("pulling image {image}: {percent} % of {}", size(total))
            }
        }
    }
}

fn size(bytes: i64) -> String {
    match bytes {
        1_000_000.. => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} kB", bytes.max(1000) / 1000),
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    fn item(layer: &str, status: &str, bytes: Option<(i64, i64)>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(layer.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: bytes.map(|(current, total)| ProgressDetail {
                current: Some(current),
                total: Some(total),
            }),
            ..CreateImageInfo::default()
        }
    }

    #[test]
    fn progress_is_told_over_all_layers() {
        let mut progress = Progress::default();
        assert_eq!(progress.words("x"), "pulling image x");
        for (layer, status, bytes, words) in [
            ("a", "Pulling fs layer", None, "pulling image x"),
            (
                "a",
                "Downloading",
                Some((30_000_000, 60_000_000)),
                "pulling image x: 50 % of 60 MB",
            ),
            (
                "b",
                "Downloading",
                Some((24_000_000, 60_000_000)),
                "pulling image x: 45 % of 120 MB",
            ),
            (
                "a",
                "Download complete",
                None,
                "pulling image x: 70 % of 120 MB",
            ),
            (
                "b",
                "Extracting",
                Some((1, 60_000_000)),
                "unpacking image x",
            ),
        ] {
            progress.take(item(layer, status, bytes));
            assert_eq!(progress.words("x"), words, "{layer} {status}");
        }
    }
}
