//! Creating is apart from starting; a start happens once, or says for good why it can't.

use longshore_core::classify::ErrorClass;
use longshore_core::executor::Phase;

use super::scene::{Scene, in_time};

pub async fn nothing_runs_before_the_start(scene: &Scene) {
    let waiting = scene.prepare(scene.shell("echo ran")).await;
    // A whole other job: time enough for this one to run by mistake.
    assert_eq!(scene.run(scene.shell("echo other")).await.text(), "other\n");
    assert_eq!(scene.live_processes(), 0);
    assert_eq!(scene.phase(&waiting.handle).await, Some(Phase::Created));
    scene.start(&waiting.handle).await;
    assert_eq!(waiting.finish().await.text(), "ran\n");
}

pub async fn a_second_start_is_refused_and_runs_nothing(scene: &Scene) {
    let launched = scene.launch(scene.shell("echo once")).await;
    let handle = launched.handle.clone();
    let again = in_time("start", scene.executor.start(&handle)).await;
    assert!(again.is_err(), "while it runs, or after");
    assert_eq!(launched.finish().await.text(), "once\n");
    let later = in_time("start", scene.executor.start(&handle)).await;
    assert!(later.is_err(), "after its end");
    assert_eq!(scene.phase(&handle).await, Some(Phase::Exited));
}

pub async fn a_program_that_is_not_there_is_a_permanent_error(scene: &Scene) {
    for program in ["/no/such/program", "no-such-program-on-the-path"] {
        let error = scene.fail_to_start(scene.command(&[program])).await;
        assert_eq!(error.class, ErrorClass::Permanent, "{error}");
        assert!(error.to_string().contains(program), "{error}");
        assert_eq!(scene.list().await, [], "nothing is left of it");
    }
}

pub async fn a_program_that_is_not_executable_is_a_permanent_error(scene: &Scene) {
    let error = scene.fail_to_start(scene.command(&["/dev/null"])).await;
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
    assert_eq!(scene.list().await, [], "nothing is left of it");
}
