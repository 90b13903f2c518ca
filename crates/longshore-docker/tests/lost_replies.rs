//! Replies that are lost: the request never came to the engine, or it was obeyed and nobody heard.
//! Whoever asked knows neither which, and has to come out right with both.

mod support;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Ensured, Executor, ExecutorError, Fate, Handle, Phase};
use longshore_testkit::executor::ExecutorHarness as _;
use longshore_testkit::executor::scene::{Launched, Scene, in_time};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};

use support::{Containers, on_an_engine};

/// When a connection is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lost {
    /// The engine hears nothing.
    BeforeTheAct,
    /// The engine has answered, and nobody hears it.
    AfterTheAct,
}

const BOTH: [Lost; 2] = [Lost::BeforeTheAct, Lost::AfterTheAct];

/// Stands before an engine, and cuts the next request of a kind.
#[derive(Clone, Default)]
struct Cutter(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    /// What the first line of the request holds, and when it is cut.
    next: Option<(&'static str, Lost)>,
    /// The first line of each request that the engine heard.
    heard: Vec<String>,
}

impl Cutter {
    fn before(engine: &str, socket: &Path) -> Self {
        let cutter = Self::default();
        let engine = engine.strip_prefix("unix://").expect("a socket's");
        let engine = engine.to_owned();
        let listener = UnixListener::bind(socket).expect("the folder is ours");
        let serving = cutter.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, engine) = (serving.clone(), engine.clone());
                // A broken connection is its client's to notice.
                tokio::spawn(async move { serving.serve(stream, &engine).await });
            }
        });
        cutter
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut_next(&self, kind: &'static str, lost: Lost) {
        self.told().next = Some((kind, lost));
    }

    /// Whether it has cut what it was told to.
    fn has_cut(&self) -> bool {
        self.told().next.is_none()
    }

    fn heard(&self, kind: &str) -> usize {
        let told = self.told();
        told.heard.iter().filter(|line| line.contains(kind)).count()
    }

    /// One request, and the connection is closed.
    async fn serve(&self, mut client: UnixStream, engine: &str) -> std::io::Result<()> {
        let mut request = Vec::new();
        let end = loop {
            if let Some(at) = request.windows(4).position(|end| end == b"\r\n\r\n") {
                break at + 4;
            }
            if client.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&request[..end]).into_owned();
        let (first, rest) = head.split_once("\r\n").expect("it has a line");
        let lost = {
            let mut told = self.told();
            let lost = told.next.filter(|(kind, _)| first.contains(kind));
            if lost.is_some() {
                told.next = None;
            }
            let lost = lost.map(|(_, lost)| lost);
            if lost != Some(Lost::BeforeTheAct) {
                told.heard.push(first.to_owned());
            }
            lost
        };
        if lost == Some(Lost::BeforeTheAct) {
            return Ok(());
        }
        let mut engine = UnixStream::connect(engine).await?;
        let head = format!("{first}\r\nConnection: close\r\n{rest}");
        engine.write_all(head.as_bytes()).await?;
        engine.write_all(&request[end..]).await?;
        if lost.is_none() {
            copy_bidirectional(&mut client, &mut engine).await?;
            return Ok(());
        }
        let length = rest.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.eq_ignore_ascii_case("content-length")).then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0usize).saturating_sub(request.len() - end)];
        client.read_exact(&mut body).await?;
        engine.write_all(&body).await?;
        let mut answer = Vec::new();
        engine.read_to_end(&mut answer).await?;
        Ok(())
    }
}

/// An executor that reaches the tests' engine through a cutter.
fn behind_a_cutter(test: impl AsyncFnOnce(&Cutter, &Scene, Arc<dyn Executor>)) {
    on_an_engine(async |containers, scene| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let socket = folder.path().join("cut.sock");
        let cutter = Cutter::before(containers.address(), &socket);
        let behind = Containers::at(format!("unix://{}", socket.display()))
            .with(|config| config.deadline = Duration::from_secs(20));
        test(&cutter, scene, behind.executor()).await;
    });
}

async fn watched(executor: &Arc<dyn Executor>, handle: &Handle, scene: &Scene) -> Launched {
    let watch = in_time("watch", executor.watch(handle, None)).await;
    let watch = watch.unwrap_or_else(|error| panic!("{error}"));
    Launched {
        handle: handle.clone(),
        identity: scene.request(scene.shell(":")).identity,
        output: watch.output,
        end: watch.end,
    }
}

fn is_unclear(error: &ExecutorError) {
    assert_eq!(error.class, ErrorClass::Transient, "{error}");
}

fn created(ensured: Result<Ensured, ExecutorError>) -> Handle {
    match ensured {
        Ok(Ensured::Created(handle)) => handle,
        other => panic!("not created: {other:?}"),
    }
}

#[test]
fn a_create_whose_reply_is_lost_leaves_one_container_that_was_never_started() {
    behind_a_cutter(async |cutter, scene, executor| {
        for lost in BOTH {
            let request = scene.request(scene.shell("echo ran"));
            cutter.cut_next("/containers/create", lost);
            let mut ensured = in_time("ensure", executor.ensure(&request)).await;
            assert!(cutter.has_cut(), "{lost:?}");
            if lost == Lost::BeforeTheAct {
                is_unclear(&ensured.expect_err("nobody answered, and nothing is there"));
                ensured = in_time("ensure", executor.ensure(&request)).await;
            }
            let handle = created(ensured);
            assert_eq!(scene.list().await.len(), 1, "{lost:?}");
            let launched = watched(&executor, &handle, scene).await;
            in_time("start", executor.start(&handle))
                .await
                .expect("it is there");
            assert_eq!(launched.finish().await.text(), "ran\n", "{lost:?}");
            scene.forget(&handle).await;
        }
    });
}

#[test]
fn a_start_whose_reply_is_lost_is_never_sent_twice_and_runs_once() {
    behind_a_cutter(async |cutter, scene, executor| {
        for lost in BOTH {
            let request = scene.request(scene.shell("echo ran; sleep 1; exit 7"));
            let first = created(in_time("ensure", executor.ensure(&request)).await);
            let mut launched = watched(&executor, &first, scene).await;
            cutter.cut_next("/start", lost);
            let started = in_time("start", executor.start(&first)).await;
            is_unclear(&started.expect_err("nobody answered"));
            assert!(cutter.has_cut(), "{lost:?}");
            let again = in_time("start", executor.start(&first)).await;
            again.expect_err("there is never a second start");
            let path = format!("/{}/start", first.0);
            // What it is comes from a look, and from nothing else.
            let handle = match in_time("ensure", executor.ensure(&request)).await {
                Ok(Ensured::Created(second)) => {
                    assert_eq!(lost, Lost::BeforeTheAct);
                    assert_eq!(cutter.heard(&path), 0);
                    launched = watched(&executor, &second, scene).await;
                    in_time("start", executor.start(&second))
                        .await
                        .expect("it is there");
                    second
                }
                Ok(Ensured::Running(found) | Ensured::Exited(found)) => {
                    assert_eq!((lost, &found), (Lost::AfterTheAct, &first));
                    assert_eq!(cutter.heard(&path), 1);
                    found
                }
                other => panic!("{lost:?}: {other:?}"),
            };
            let finished = launched.finish().await;
            assert_eq!((finished.text(), finished.code()), ("ran\n", 7), "{lost:?}");
            assert_eq!(scene.list().await.len(), 1, "{lost:?}");
            scene.forget(&handle).await;
        }
    });
}

#[test]
fn a_stop_whose_reply_is_lost_is_repeated_and_the_end_is_told() {
    behind_a_cutter(async |cutter, scene, executor| {
        for lost in BOTH {
            let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done";
            let mut launched = scene.launch(scene.shell(script)).await;
            launched.await_output("ready\n").await;
            cutter.cut_next("/kill", lost);
            let grace = Duration::from_mins(10);
            let stopped = in_time("stop", executor.stop(&launched.handle, grace)).await;
            assert!(cutter.has_cut(), "{lost:?}");
            if let Err(error) = stopped {
                is_unclear(&error);
                let stopped = in_time("stop", executor.stop(&launched.handle, grace)).await;
                stopped.expect("the engine answers");
            }
            assert_eq!(launched.finish().await.code(), 3, "{lost:?}");
        }
    });
}

#[test]
fn a_removal_whose_reply_is_lost_is_repeated_until_it_is_known_to_be_gone() {
    behind_a_cutter(async |cutter, scene, executor| {
        for lost in BOTH {
            let finished = scene.run(scene.shell(":")).await;
            let phase = async || scene.phase(&finished.handle).await;
            cutter.cut_next("DELETE ", lost);
            let forgotten = in_time("forget", executor.forget(&finished.handle)).await;
            is_unclear(&forgotten.expect_err("nobody answered"));
            assert!(cutter.has_cut(), "{lost:?}");
            let left = (lost == Lost::BeforeTheAct).then_some(Phase::Exited);
            assert_eq!(phase().await, left);
            let forgotten = in_time("forget", executor.forget(&finished.handle)).await;
            forgotten.expect("gone is gone");
            assert_eq!(phase().await, None);
        }
    });
}

#[test]
fn a_wait_whose_reply_is_lost_is_looked_behind_and_the_end_is_the_jobs_own() {
    behind_a_cutter(async |cutter, scene, executor| {
        for (lost, code) in [
            (Lost::BeforeTheAct, 0),
            (Lost::AfterTheAct, 0),
            (Lost::AfterTheAct, 9),
        ] {
            let request = scene.request(scene.shell(&format!("echo on; sleep 0.3; exit {code}")));
            let handle = created(in_time("ensure", executor.ensure(&request)).await);
            cutter.cut_next("/wait", lost);
            let launched = watched(&executor, &handle, scene).await;
            in_time("start", executor.start(&handle))
                .await
                .expect("it is there");
            let finished = launched.finish().await;
            assert_eq!(
                (finished.text(), finished.code()),
                ("on\n", code),
                "{lost:?}"
            );
            assert!(cutter.has_cut(), "{lost:?}");
        }
    });
}

#[test]
fn a_listing_whose_reply_is_lost_proves_nothing() {
    behind_a_cutter(async |cutter, scene, executor| {
        let created = scene.prepare(scene.shell(":")).await;
        let host = scene.executor.host().await.expect("the engine answers");
        let fate = async || {
            let asked = executor.fate(&created.handle, &created.identity, &host.identity);
            in_time("fate", asked).await
        };
        // The listing, the look at the engine's identity, the look by id.
        for (kind, removed) in [
            ("/containers/json", false),
            ("/info", false),
            ("/json", true),
        ] {
            if removed {
                scene.forget(&created.handle).await;
            }
            cutter.cut_next(kind, Lost::AfterTheAct);
            is_unclear(&fate().await.expect_err("nobody answered"));
            assert!(cutter.has_cut(), "{kind}");
        }
        assert_eq!(fate().await.expect("it answers"), Fate::Gone);
    });
}
