//! Creating, starting, stopping and removing: PROTOCOL section 4, against an engine.
//!
//! Owns the rules that keep a job from running twice: one name per attempt, the higher token has
//! it, what was never started is removed *without force* (its success proves that it never runs),
//! and no container id is ever sent a second start. Never reads output or waits for ends.

use std::sync::Arc;
use std::time::Duration;

use bollard::models::NetworkConnectRequest;
use bollard::query_parameters::WaitContainerOptionsBuilder;
use futures_util::StreamExt;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Ensured, ExecutorError, Handle, LaunchRequest, Phase, Tell};
use longshore_core::spec::PullPolicy;
use longshore_fault::{bug, point};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::body::{create_body, endpoint};
use crate::config::DockerConfig;
use crate::engine::{Answer, Engine, Seen, short};
use crate::host;
use crate::images::Images;
use crate::labels;
use crate::permits::Launches;
use crate::program::Programs;

/// How often a verb looks again when what it saw has changed before it could act.
const TURNS: u32 = 20;
/// Between two such looks.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a killed container may take to be seen as ended: the engine waits 2 s for its output.
const KILLED_WITHIN: Duration = Duration::from_mins(1);
/// Between two looks while an end is awaited, in case the engine's word gets lost.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Creates the attempt's container, unless it is there.
pub(crate) async fn ensure(
    engine: &Engine,
    launches: &Launches,
    images: &Images,
    config: &DockerConfig,
    request: &LaunchRequest,
) -> Result<Ensured, ExecutorError> {
    let mut may_provide = true;
    let name = request.identity.container_name();
    let epoch = host::epoch(engine).await?;
    let log = engine.log_driver().await?;
    let body = create_body(request, config, epoch.as_deref(), log)?;
    for _ in 0..TURNS {
        let permit = launches.acquire().await;
        let created = engine.create(&name, body.clone()).await;
        launches.finish(
            permit,
            created.as_ref().is_err_and(ExecutorError::is_transient),
        );
        let refusal = match created {
            Ok(Answer::Done(id)) => {
                join_networks(engine, request, &id).await?;
                return Ok(Ensured::Created(Handle(id)));
            }
            Ok(Answer::Conflict(_)) => None,
            // Podman says 500 where Docker says 409, and an answer may have been lost: whether the
            // name is taken is seen.
            Err(error) if error.is_transient() => Some(error),
            Ok(Answer::Absent(error)) => {
                let Some(image) = lacks_image(engine, request).await else {
                    return Err(error);
                };
                // It was made ready just before, and is gone again, by somebody's `prune`: made
                // ready anew, once. Nobody is told how far that is: usually its layers are there.
                let policy = request.spec.pull.unwrap_or(PullPolicy::Missing);
                let nobody: Tell = Arc::new(drop);
                if std::mem::take(&mut may_provide)
                    && images.provide(image, policy, &nobody).await.is_ok()
                {
                    continue;
                }
                // The next launch makes it ready too, and says so.
                return Err(ExecutorError {
                    class: ErrorClass::Transient,
                    ..error
                });
            }
            Err(error) => return Err(error),
        };
        let seen = match (engine.inspect(&name).await, refusal) {
            (Ok(Some(seen)), _) => seen,
            (Ok(None) | Err(_), Some(refusal)) => return Err(refusal),
            (Ok(None), None) => continue, // removed meanwhile
            (Err(error), None) => return Err(error),
        };
        match what_is_there(request, &seen)? {
            There::Answer(ensured) => return Ok(ensured),
            // Without force: if it was started meanwhile this is refused, and it is adopted.
            There::NeverStarted => drop(engine.remove(&seen.id).await?),
            There::Going => sleep(PAUSE).await,
        }
    }
    let problem = "it kept changing under our hands";
    Err(ExecutorError::new(
        ErrorClass::Transient,
        format!("create container {name}"),
        problem,
    ))
}

/// The image, if that is what is missing and it may be pulled.
async fn lacks_image<'a>(engine: &Engine, request: &'a LaunchRequest) -> Option<&'a str> {
    let image = request.spec.image.as_deref()?;
    let may_be_pulled = request.spec.pull != Some(PullPolicy::Never);
    (may_be_pulled && !engine.has_image(image).await.unwrap_or(true)).then_some(image)
}

enum There {
    Answer(Ensured),
    NeverStarted,
    Going,
}

/// What a container under our name means for this launch.
fn what_is_there(request: &LaunchRequest, seen: &Seen) -> Result<There, ExecutorError> {
    let wanted = &request.identity;
    let found = labels::identity(&seen.labels).filter(|found| {
        (&found.instance, found.job, found.attempt)
            == (&wanted.instance, wanted.job, wanted.attempt)
    });
    let Some(found) = found else {
        return Err(ExecutorError::new(
            ErrorClass::Permanent,
            format!("create container {}", wanted.container_name()),
            "a container that is not Longshore's has that name: remove or rename it",
        ));
    };
    if found.token > wanted.token && !bug!("adopt_without_token") {
        return Ok(There::Answer(Ensured::Superseded));
    }
    let handle = Handle(seen.id.clone());
    Ok(match seen.phase {
        Some(Phase::Running) => There::Answer(Ensured::Running(handle)),
        Some(Phase::Exited) => There::Answer(Ensured::Exited(handle)),
        Some(Phase::Created) => There::NeverStarted,
        None => There::Going,
    })
}

/// Joins the networks beyond the first, which it was created with.
async fn join_networks(
    engine: &Engine,
    request: &LaunchRequest,
    id: &str,
) -> Result<(), ExecutorError> {
    for network in request.spec.networks.iter().skip(1) {
        let join = NetworkConnectRequest {
            container: id.to_owned(),
            endpoint_config: Some(endpoint(network)),
        };
        if let Err(error) = engine.connect(&network.name, join).await {
            leave_nothing(engine, id).await;
            return Err(error);
        }
    }
    Ok(())
}

/// Starts a container that was never started. The caller sees to it that this is called once.
pub(crate) async fn start(
    engine: &Engine,
    launches: &Launches,
    programs: &Programs,
    look: &Notify,
    id: &str,
) -> Result<(), ExecutorError> {
    let attempted = || format!("start container {}", short(id));
    let refuse = |problem: &str| ExecutorError::new(ErrorClass::Permanent, attempted(), problem);
    let Some(seen) = engine.inspect(id).await? else {
        // Somebody's `prune` took it, which says nothing of the job.
        let problem = "it is gone";
        return Err(ExecutorError::new(
            ErrorClass::Transient,
            attempted(),
            problem,
        ));
    };
    match seen.phase {
        Some(Phase::Created) => {}
        Some(Phase::Running) => return Err(refuse("it runs already")),
        // The engine would run it again (its answer would be 204).
        Some(Phase::Exited) => return Err(refuse("it has ended")),
        None => return Err(refuse("it is being removed")),
    }
    if let Some(created_under) = seen.labels.get(labels::EPOCH)
        && host::epoch(engine).await?.as_ref() != Some(created_under)
    {
        // The label is what an exit is judged by; it would make this one look inflicted.
        leave_nothing(engine, id).await;
        let problem = "the engine was restarted since the container was created";
        return Err(ExecutorError::new(
            ErrorClass::Transient,
            attempted(),
            problem,
        ));
    }
    if let Err(error) = programs.check(engine, &seen).await {
        if !error.is_transient() {
            leave_nothing(engine, id).await;
        }
        return Err(error);
    }
    let job = labels::identity(&seen.labels).map_or(0, |identity| identity.job.0);
    let _ = point!("start.checked", job).await;
    let permit = launches.acquire().await;
    // A short job is over before the answer has arrived.
    look.notify_one();
    let mut started = engine.start(id).await;
    if bug!("start_repeated") && matches!(&started, Err((None, _))) {
        sleep(LOOK_AGAIN).await;
        started = engine.start(id).await;
    }
    // 500 may be the job's own fault; it is told apart below.
    let failed = matches!(&started, Err((None | Some(503 | 429), _)));
    launches.finish(permit, failed);
    let Err((status, error)) = started else {
        return Ok(());
    };
    let Some(status) = status else {
        return Err(error); // nobody knows: whoever asked looks
    };
    Err(refused_start(engine, id, status, error).await)
}

/// The engine answered that it did not start the container. Whether that is the job's fault is
/// known by the status and, where an engine says 500 to everything, by what it recorded: 126 and
/// 127 are what it writes when the program can't be run, and no process of the job ever had them.
async fn refused_start(
    engine: &Engine,
    id: &str,
    status: u16,
    error: ExecutorError,
) -> ExecutorError {
    let Ok(Some(seen)) = engine.inspect(id).await else {
        return error;
    };
    if seen.phase != Some(Phase::Created) {
        return error; // it runs after all, or did: whoever asked looks
    }
    let class = match (status, seen.exit_code) {
        (500.., Some(126 | 127)) => ErrorClass::Permanent,
        // The runtime could not: a resource that is short, or something of the job.
        (500, Some(128)) => ErrorClass::Unknown,
        _ => error.class,
    };
    leave_nothing(engine, id).await;
    let problem = if seen.error.is_empty() {
        error.problem
    } else {
        seen.error
    };
    ExecutorError::new(class, error.attempted, problem)
}

/// Removes what was never started. If that fails it stays behind as created, and whoever launched
/// it removes it.
async fn leave_nothing(engine: &Engine, id: &str) {
    match engine.remove(id).await {
        Ok(Answer::Done(()) | Answer::Absent(_)) => {}
        Ok(Answer::Conflict(error)) | Err(error) => {
            tracing::warn!(container = short(id), error = %error, "a container is left over");
        }
    }
}

/// TERM, then KILL after the grace, then its end. The engine's own stop counts in whole seconds,
/// and a later one does not shorten an earlier one; so the signals are sent one by one.
pub(crate) async fn stop(engine: &Engine, id: &str, grace: Duration) -> Result<(), ExecutorError> {
    for _ in 0..TURNS {
        let Some(seen) = engine.inspect(id).await? else {
            return Ok(());
        };
        match seen.phase {
            Some(Phase::Exited) => return Ok(()),
            Some(Phase::Running) => return end(engine, id, grace).await,
            // It will never run. Refused if it was started meanwhile: then it is stopped.
            Some(Phase::Created) => match engine.remove(id).await? {
                Answer::Done(()) | Answer::Absent(_) => return Ok(()),
                Answer::Conflict(_) => {}
            },
            None => {}
        }
        sleep(PAUSE).await;
    }
    Err(unsettled("stop", id))
}

async fn end(engine: &Engine, id: &str, grace: Duration) -> Result<(), ExecutorError> {
    if !grace.is_zero() {
        let deadline = Instant::now() + grace;
        if signal(engine, id, "SIGTERM").await? || has_ended_by(engine, id, deadline).await? {
            return Ok(());
        }
    }
    if signal(engine, id, "SIGKILL").await? {
        return Ok(());
    }
    if has_ended_by(engine, id, Instant::now() + KILLED_WITHIN).await? {
        return Ok(());
    }
    let problem = "it was killed, and is still there: something of it can't be interrupted";
    let attempted = format!("stop container {}", short(id));
    Err(ExecutorError::new(
        ErrorClass::Transient,
        attempted,
        problem,
    ))
}

/// Sends a signal; whether it has ended before it came. Docker says 409 then and podman 500: so
/// whether it has is seen.
async fn signal(engine: &Engine, id: &str, name: &str) -> Result<bool, ExecutorError> {
    match engine.kill(id, name).await {
        Ok(Answer::Absent(_)) => Ok(true),
        // A conflict: it has ended meanwhile, which whoever waits for it sees.
        Ok(Answer::Done(()) | Answer::Conflict(_)) => Ok(false),
        Err(error) => match engine.inspect(id).await? {
            Some(seen) if seen.phase == Some(Phase::Running) => Err(error),
            Some(_) | None => Ok(true),
        },
    }
}

/// Waits until a container that was started does not run any more, up to the deadline.
async fn has_ended_by(engine: &Engine, id: &str, deadline: Instant) -> Result<bool, ExecutorError> {
    loop {
        // It was started, so that this can't be mistaken for a container that never ran.
        let options = WaitContainerOptionsBuilder::new()
            .condition("not-running")
            .build();
        let mut wait = Box::pin(engine.docker.wait_container(id, Some(options)));
        let until = deadline.min(Instant::now() + LOOK_AGAIN);
        let _ = timeout(until.saturating_duration_since(Instant::now()), wait.next()).await;
        match engine.inspect(id).await? {
            None => return Ok(true),
            Some(seen) if seen.phase != Some(Phase::Running) => return Ok(true),
            Some(_) if Instant::now() >= deadline => return Ok(false),
            Some(_) => sleep(PAUSE.min(deadline.saturating_duration_since(Instant::now()))).await,
        }
    }
}

/// Removes a container that does not run.
pub(crate) async fn forget(engine: &Engine, id: &str) -> Result<(), ExecutorError> {
    for _ in 0..TURNS {
        let error = match engine.remove(id).await? {
            Answer::Done(()) | Answer::Absent(_) => return Ok(()),
            Answer::Conflict(error) => error,
        };
        match engine.inspect(id).await? {
            None => return Ok(()),
            Some(seen) if seen.phase == Some(Phase::Running) => return Err(error),
            // Somebody else is removing it, or it has ended since.
            Some(_) => sleep(PAUSE).await,
        }
    }
    Err(unsettled("remove", id))
}

fn unsettled(verb: &str, id: &str) -> ExecutorError {
    ExecutorError::new(
        ErrorClass::Transient,
        format!("{verb} container {}", short(id)),
        "it kept changing under our hands",
    )
}
