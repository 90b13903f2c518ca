//! A connection that is dead without a word, as behind a gateway that forgot it.

mod support;

use std::path::Path;
use std::time::Duration;

use longshore_testkit::executor::ExecutorHarness as _;
use longshore_testkit::executor::scene::Launched;
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use support::{Containers, on_an_engine};

/// Stands before an engine's socket, and may forget the connections that it has.
struct Gateway(watch::Sender<u32>);

impl Gateway {
    fn between(socket: &Path, engine: &str) -> Self {
        let listener = UnixListener::bind(socket).expect("the folder is ours");
        let engine = engine.strip_prefix("unix://").expect("it is a socket's");
        let engine = engine.to_owned();
        let (forgets, forgotten) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut inner, _)) = listener.accept().await {
                let mut outer = UnixStream::connect(&engine).await.expect("it listens");
                let mut forgotten = forgotten.clone();
                forgotten.mark_unchanged();
                tokio::spawn(async move {
                    let forgets = tokio::select! {
                        _ = copy_bidirectional(&mut inner, &mut outer) => false,
                        changed = forgotten.changed() => changed.is_ok(),
                    };
                    if forgets {
                        // Neither side hears of it.
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self(forgets)
    }

    fn forget_all(&self) {
        self.0.send_modify(|times| *times += 1);
    }
}

#[test]
fn output_goes_on_when_the_connection_that_brings_it_is_dead_without_a_word() {
    on_an_engine(async |containers, scene| {
        let script = "echo first; sleep 4; echo second; exec sleep 1000";
        let mut first = scene.launch(scene.shell(script)).await;
        first.await_output("first\n").await;

        let folder = tempfile::tempdir().expect("a folder can be made");
        let socket = folder.path().join("gateway.sock");
        let gateway = Gateway::between(&socket, containers.address());
        let behind = Containers::at(format!("unix://{}", socket.display()))
            .with(|config| config.deadline = Duration::from_secs(2));
        let watch = behind.executor().watch(&first.handle, None).await;
        let watch = watch.expect("it can be adopted");
        let mut adopted = Launched {
            handle: first.handle.clone(),
            identity: first.identity.clone(),
            output: watch.output,
            end: watch.end,
        };
        adopted.await_output("first\n").await;
        gateway.forget_all();
        adopted.await_output("second\n").await;
    });
}
