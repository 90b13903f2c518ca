//! An engine that is upgraded under a worker, and refuses the API version that was agreed on.

mod support;

use std::path::Path;
use std::sync::{Arc, Mutex};

use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Ensured, Executor};
use longshore_testkit::executor::ExecutorHarness as _;
use longshore_testkit::executor::scene::Scene;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};

use support::{Containers, on_an_engine};

/// What it says to requests from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mood {
    AsTheEngine,
    /// It knows API 1.44 and newer alone.
    Upgraded,
    /// 400 to everything.
    AtOdds,
}

/// Stands before an engine.
#[derive(Clone)]
struct Upgrade {
    engine: String,
    mood: Arc<Mutex<Mood>>,
}

impl Upgrade {
    fn of(engine: &str, socket: &Path) -> Self {
        let upgrade = Self {
            engine: engine
                .strip_prefix("unix://")
                .expect("a socket's")
                .to_owned(),
            mood: Arc::new(Mutex::new(Mood::AsTheEngine)),
        };
        let listener = UnixListener::bind(socket).expect("the folder is ours");
        let serving = upgrade.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                // A broken connection is its client's to notice.
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        upgrade
    }

    fn turns(&self, mood: Mood) {
        *self.mood.lock().expect("nobody panics with it") = mood;
    }

    /// One request, and the connection is closed.
    async fn serve(&self, mut client: UnixStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if client.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let (first, rest) = request.split_once("\r\n").expect("it has a line");
        let mood = *self.mood.lock().expect("nobody panics with it");
        // A path without a version is answered in the newest that the engine knows.
        let is_refused = match mood {
            Mood::AsTheEngine => false,
            Mood::Upgraded => first.contains(" /v1.41/"),
            Mood::AtOdds => true,
        };
        if is_refused {
            let said = r#"{"message":"client version 1.41 is too old"}"#;
            return answer(&mut client, "400 Bad Request", said).await;
        }
        let mut engine = UnixStream::connect(&self.engine).await?;
        let head = format!("{first}\r\nConnection: close\r\n{rest}");
        engine.write_all(head.as_bytes()).await?;
        copy_bidirectional(&mut client, &mut engine).await?;
        Ok(())
    }
}

async fn answer(client: &mut UnixStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await?;
    client.write_all(body.as_bytes()).await
}

fn on_an_upgraded_engine(test: impl AsyncFnOnce(&Upgrade, &Scene, Arc<dyn Executor>)) {
    on_an_engine(async |containers, scene| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let socket = folder.path().join("upgraded.sock");
        let upgrade = Upgrade::of(containers.address(), &socket);
        let behind = Containers::at(format!("unix://{}", socket.display()));
        let executor = behind.executor();
        executor.host().await.expect("it answers");
        test(&upgrade, scene, executor).await;
    });
}

/// The client library agrees on a version and never says it: each request is answered in the
/// newest that the engine knows. Should that change, the version has to be agreed on anew here.
#[test]
fn an_engine_that_gave_up_the_version_that_was_agreed_on_is_used_as_before() {
    on_an_upgraded_engine(async |upgrade, scene, executor| {
        upgrade.turns(Mood::Upgraded);
        executor.host().await.expect("it answers");
        let listed = executor.list(&scene.instance).await;
        listed.expect("it answers");
        let request = scene.request(scene.shell("exit 0"));
        let ensured = executor.ensure(&request).await;
        let ensured = ensured.expect("it can be created");
        assert!(matches!(ensured, Ensured::Created(_)), "{ensured:?}");
    });
}

#[test]
fn an_engine_that_refuses_whatever_is_asked_is_no_fault_of_a_job() {
    on_an_upgraded_engine(async |upgrade, scene, executor| {
        upgrade.turns(Mood::AtOdds);
        let request = scene.request(scene.shell("exit 0"));
        let errors = [
            executor.host().await.expect_err("it refuses"),
            executor
                .list(&scene.instance)
                .await
                .expect_err("it refuses"),
            executor.ensure(&request).await.expect_err("it refuses"),
        ];
        for error in errors {
            assert_eq!(error.class, ErrorClass::Transient, "{error}");
        }
    });
}
