//! How a job ended is reported as it was, and nothing of it stays behind.

use super::scene::{Scene, in_time};

pub async fn exit_codes_are_the_jobs_own(scene: &Scene) {
    for code in [0, 1, 42, 255] {
        let finished = scene.run(scene.shell(&format!("exit {code}"))).await;
        assert_eq!(finished.ended.exit.code, Some(code));
        assert_eq!(finished.ended.exit.signal, None);
    }
}

pub async fn an_end_by_a_signal_is_reported(scene: &Scene) {
    for (name, number) in [("KILL", 9), ("TERM", 15), ("PIPE", 13)] {
        let finished = scene
            .run(scene.shell(&format!("kill -{name} $$; sleep 1000")))
            .await;
        assert_eq!(finished.code(), 128 + number, "{name}");
    }
}

pub async fn the_end_of_the_main_process_ends_its_children(scene: &Scene) {
    let script = "sleep 1000 & sleep 1000 & echo left; exit 5";
    let launched = scene.launch(scene.shell(script)).await;
    let ended = in_time("the end", launched.end)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        scene.live_processes(),
        0,
        "everything has ended when the end is told"
    );
    assert_eq!(ended.exit.code, Some(5));
}

pub async fn the_end_of_the_main_process_ends_daemons_that_left_its_session(scene: &Scene) {
    // It goes on only when the daemon has said that it is up.
    let script =
        "{ setsid sh -c 'trap \"\" TERM HUP; echo up; sleep 1000; :' & } | read line; exit 6";
    let launched = scene.launch(scene.shell(script)).await;
    let ended = in_time("the end", launched.end)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        scene.live_processes(),
        0,
        "everything has ended when the end is told"
    );
    assert_eq!(ended.exit.code, Some(6));
}

pub async fn the_end_is_told_though_nobody_pulls_the_output(scene: &Scene) {
    let launched = scene.launch(scene.shell("echo unheard; exit 3")).await;
    let ended = in_time("the end", launched.end)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.exit.code, Some(3));
}
