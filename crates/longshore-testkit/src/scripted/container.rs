//! One scripted container: its phase, its output, its end.

use futures_util::{FutureExt, StreamExt, stream};
use longshore_core::attempt::Exit;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{ContainerIdentity, Ended, ExecutorError, Phase, Watch};
use longshore_core::output::ResumePoint;
use tokio::sync::watch;

use super::Run;
use super::script::Script;

pub(super) struct Container {
    pub(super) identity: ContainerIdentity,
    pub(super) run: Run,
    pub(super) script: Script,
    life: watch::Sender<Life>,
    /// How it is to end before its script does, once somebody has asked.
    asked: watch::Sender<Option<Exit>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    Created,
    /// A start was sent, and failed or has not been answered yet.
    Starting,
    Running,
    Ended(Exit),
}

impl Container {
    pub(super) fn new(identity: ContainerIdentity, script: Script) -> Self {
        let run = Run {
            job: identity.job,
            attempt: identity.attempt,
            token: identity.token,
        };
        Self {
            identity,
            run,
            script,
            life: watch::Sender::new(Life::Created),
            asked: watch::Sender::new(None),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match *self.life.borrow() {
            Life::Created | Life::Starting => Phase::Created,
            Life::Running => Phase::Running,
            Life::Ended(_) => Phase::Exited,
        }
    }

    /// Whether this is the first start.
    pub(super) fn claim_start(&self) -> bool {
        self.life.send_if_modified(|life| {
            let first = *life == Life::Created;
            if first {
                *life = Life::Starting;
            }
            first
        })
    }

    pub(super) fn has_started(&self) {
        self.life.send_replace(Life::Running);
    }

    pub(super) fn has_ended(&self, exit: Exit) {
        self.life.send_replace(Life::Ended(exit));
    }

    /// The first to ask decides how it ends.
    pub(super) fn ask_to_end(&self, exit: Exit) {
        self.asked.send_if_modified(|asked| {
            let first = asked.is_none();
            asked.get_or_insert(exit);
            first
        });
    }

    /// What its job does while it runs; returns how it ended.
    pub(super) async fn play(&self) -> Exit {
        let by_itself = async {
            tokio::time::sleep(self.script.lasting).await;
            self.script.end_gate.passed().await;
            self.script.exit
        };
        let mut asked = self.asked.subscribe();
        tokio::select! {
            biased;
            asked = asked.wait_for(Option::is_some) => {
                asked.expect("the container itself holds the sender").expect("just looked at")
            }
            exit = by_itself => exit,
        }
    }

    pub(super) async fn until_ended(&self) -> Exit {
        until_ended(self.life.subscribe()).await
    }

    /// Its output from `from`, and its end.
    pub(super) fn watch(&self, from: Option<&ResumePoint>) -> Result<Watch, ExecutorError> {
        let skip = match from {
            None => 0,
            Some(point) => point.0.parse::<usize>().map_err(|_| {
                let attempted = format!("watch from {:?}", point.0);
                ExecutorError::new(ErrorClass::Permanent, attempted, "not a place of mine")
            })?,
        };
        let chunks: Vec<_> = self
            .script
            .output
            .iter()
            .skip(skip)
            .cloned()
            .map(Ok)
            .collect();
        let mut started = self.life.subscribe();
        let (ended, end) = (self.life.subscribe(), self.life.subscribe());
        let usage = self.script.usage;
        let written = async move {
            let ran = |life: &Life| matches!(life, Life::Running | Life::Ended(_));
            let ran = started.wait_for(ran).await.is_ok();
            stream::iter(if ran { chunks } else { Vec::new() })
        };
        let output = stream::once(written)
            .flatten()
            .chain(stream::once(until_ended(ended)).flat_map(|_| stream::empty()));
        let end = until_ended(end).map(move |exit| Ok(Ended { exit, usage }));
        Ok(Watch {
            output: output.boxed(),
            end: end.boxed(),
        })
    }
}

/// Removed before it ever ran counts as killed.
async fn until_ended(mut life: watch::Receiver<Life>) -> Exit {
    match life
        .wait_for(|life| matches!(life, Life::Ended(_)))
        .await
        .as_deref()
    {
        Ok(Life::Ended(exit)) => *exit,
        _ => Exit::by_signal(9),
    }
}
