//! Real pulls from a real registry by the engine that `LONGSHORE_TEST_DOCKER` names.

mod registry;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bollard::Docker;
use futures_util::future::join_all;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    ContainerIdentity, Ensured, Executor as _, ExecutorError, LaunchRequest, Tell,
};
use longshore_core::spec::PullPolicy::{self, Always, Missing, Never};
use longshore_core::{AttemptNumber, InstanceId, JobId, JobSpec, Token};
use longshore_docker::connect::connect;
use longshore_docker::images::{Credentials, Images, Login};
use longshore_docker::{DockerConfig, DockerExecutor};
use longshore_testkit::wait::eventually;

use registry::{PASSWORD, Registry, USER, forget};

/// An engine, a registry and what was told.
struct Scene {
    docker: Docker,
    registry: Registry,
    told: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    /// None where the engine or the registry is missing: then it says which test is skipped.
    async fn set(with_login: bool) -> Option<Self> {
        let Ok(engine) = std::env::var("LONGSHORE_TEST_DOCKER") else {
            longshore_testkit::skip::skipped("LONGSHORE_TEST_DOCKER is not set");
            return None;
        };
        let program = Registry::program()?;
        let docker = connect(Some(&engine))
            .await
            .expect("the engine answers")
            .docker;
        Some(Self {
            docker,
            registry: Registry::start(program, with_login).await,
            told: Arc::default(),
        })
    }

    fn images(&self, credentials: Credentials) -> Images {
        Images::new(self.docker.clone(), credentials)
    }

    fn login(&self, password: &str) -> Credentials {
        let login = Login {
            username: USER.to_owned(),
            password: password.to_owned().into(),
        };
        Credentials {
            by_registry: BTreeMap::from([(self.registry.name(), login)]),
            docker_config: None,
        }
    }

    fn tell(&self) -> Tell {
        let told = Arc::clone(&self.told);
        Arc::new(move |words| told.lock().expect("nobody panics").push(words))
    }

    async fn provide(
        &self,
        credentials: Credentials,
        image: &str,
        policy: PullPolicy,
    ) -> Result<(), ExecutorError> {
        self.images(credentials)
            .provide(image, policy, &self.tell())
            .await
    }

    async fn has(&self, image: &str) -> bool {
        self.docker.inspect_image(image).await.is_ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_image_is_pulled_and_that_is_told() {
    let Some(scene) = Scene::set(false).await else {
        return;
    };
    let image = scene.registry.fill(&scene.docker, "simple").await;
    let provided = scene.provide(Credentials::default(), &image, Missing).await;
    provided.expect("the registry has it");
    assert!(scene.has(&image).await);
    let told = scene.told.lock().expect("nobody panics").clone();
    assert!(told.contains(&format!("pulling image {image}")), "{told:?}");
    forget(&scene.docker, &image).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_tag_or_repository_is_permanent() {
    let Some(scene) = Scene::set(false).await else {
        return;
    };
    let image = scene.registry.fill(&scene.docker, "tagged").await;
    let registry = scene.registry.name();
    assert!(image.ends_with("/tagged:1"), "{image}");
    for absent in [
        format!("{registry}/tagged:two"),
        format!("{registry}/none:1"),
    ] {
        let error = scene
            .provide(Credentials::default(), &absent, Missing)
            .await;
        let error = error.expect_err("there is none");
        assert_eq!(error.class, ErrorClass::Permanent, "{error}");
        assert!(error.to_string().contains(&absent), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_permanent_none_is_unknown_and_the_right_one_pulls() {
    let Some(scene) = Scene::set(true).await else {
        return;
    };
    let image = scene.registry.fill(&scene.docker, "locked").await;
    for (credentials, advice, class) in [
        (
            scene.login("hunter2"),
            "check the login",
            ErrorClass::Permanent,
        ),
        // This engine says 500 then, as for a registry that is away: only its words would tell.
        (Credentials::default(), "docker login", ErrorClass::Unknown),
    ] {
        let error = scene.provide(credentials, &image, Missing).await;
        let error = error.expect_err("the registry wants the right password");
        assert_eq!(error.class, class, "{error}");
        let text = error.to_string();
        assert!(text.contains(advice) && !text.contains("hunter2"), "{text}");
    }
    let provided = scene.provide(scene.login(PASSWORD), &image, Missing).await;
    provided.expect("the password is right");
    forget(&scene.docker, &image).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_found_in_dockers_own_configuration() {
    let Some(scene) = Scene::set(true).await else {
        return;
    };
    let image = scene.registry.fill(&scene.docker, "configured").await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let config = folder.path().join("config.json");
    let registry = scene.registry.name();
    // "someone:sesame" in base64.
    let text = format!(r#"{{"auths":{{"{registry}":{{"auth":"c29tZW9uZTpzZXNhbWU="}}}}}}"#);
    std::fs::write(&config, text).expect("the folder is ours");
    let credentials = Credentials {
        docker_config: Some(config),
        ..Credentials::default()
    };
    let provided = scene.provide(credentials, &image, Missing).await;
    provided.expect("the login is in the file");
    forget(&scene.docker, &image).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_down_is_transient_and_once_up_it_serves() {
    for with_login in [false, true] {
        let Some(mut scene) = Scene::set(with_login).await else {
            return;
        };
        let image = scene.registry.fill(&scene.docker, "away").await;
        let credentials = scene.login(PASSWORD);
        scene.registry.down();
        let error = scene.provide(credentials.clone(), &image, Missing).await;
        let error = error.expect_err("the registry is down");
        assert_eq!(error.class, ErrorClass::Transient, "{error}");
        scene.registry.up().await;
        let provided = scene.provide(credentials, &image, Missing).await;
        provided.expect("the registry is up");
        forget(&scene.docker, &image).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_that_want_one_image_cause_one_pull() {
    let Some(scene) = Scene::set(false).await else {
        return;
    };
    let image = scene.registry.fill(&scene.docker, "wanted").await;
    // What one pull looks like to the registry, to compare with.
    let before = scene.registry.manifests_got();
    let provided = scene.provide(Credentials::default(), &image, Missing).await;
    provided.expect("the registry has it");
    let one = scene.registry.manifests_got() - before;
    assert!(one > 0, "a pull gets a manifest");
    for _ in 0..20 {
        forget(&scene.docker, &image).await;
        let images = scene.images(Credentials::default());
        let tell = scene.tell();
        let before = scene.registry.manifests_got();
        let all = join_all((0..20).map(|_| images.provide(&image, Missing, &tell))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        assert_eq!(scene.registry.manifests_got() - before, one);
    }
    forget(&scene.docker, &image).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn always_asks_the_registry_again_and_missing_does_not() {
    let Some(scene) = Scene::set(false).await else {
        return;
    };
    let image = scene.registry.fill(&scene.docker, "again").await;
    for (policy, asks) in [
        (Missing, true),
        (Missing, false),
        (Always, true),
        (Never, false),
    ] {
        let before = scene.registry.manifests_got();
        let provided = scene.provide(Credentials::default(), &image, policy).await;
        provided.expect("it is there or can be pulled");
        assert_eq!(scene.registry.manifests_got() > before, asks, "{policy:?}");
    }
    forget(&scene.docker, &image).await;
    let error = scene.provide(Credentials::default(), &image, Never).await;
    let error = error.expect_err("it is not there");
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
    assert!(!scene.has(&image).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiter_that_is_cancelled_does_not_stop_the_pull_of_the_others() {
    let Some(scene) = Scene::set(false).await else {
        return;
    };
    let image = scene.registry.fill(&scene.docker, "left").await;
    for _ in 0..20 {
        let images = Arc::new(scene.images(Credentials::default()));
        let begun = Arc::new(tokio::sync::Notify::new());
        let (first, name, notify) = (Arc::clone(&images), image.clone(), Arc::clone(&begun));
        let tell: Tell = Arc::new(move |_| notify.notify_one());
        let leaver = tokio::spawn(async move { first.provide(&name, Missing, &tell).await });
        begun.notified().await;
        let tell = scene.tell();
        let stays = images.provide(&image, Missing, &tell);
        leaver.abort();
        stays.await.expect("the registry has it");
        forget(&scene.docker, &image).await;
        // And with nobody left it goes on to its end.
        let notify = Arc::clone(&begun);
        let tell: Tell = Arc::new(move |_| notify.notify_one());
        let (last, name) = (Arc::clone(&images), image.clone());
        let leaver = tokio::spawn(async move { last.provide(&name, Missing, &tell).await });
        begun.notified().await;
        leaver.abort();
        eventually("the pull ends by itself", async || {
            scene.has(&image).await.then_some(())
        })
        .await;
        forget(&scene.docker, &image).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_pruned_right_before_the_create_is_made_ready_again() {
    let Some(scene) = Scene::set(false).await else {
        return;
    };
    let image = scene.registry.fill(&scene.docker, "pruned").await;
    let address = std::env::var("LONGSHORE_TEST_DOCKER").expect("the scene is set");
    let connection = connect(Some(&address)).await.expect("the engine answers");
    let executor = DockerExecutor::new(connection, DockerConfig::default());
    let request = LaunchRequest {
        identity: ContainerIdentity {
            instance: InstanceId(format!("test{:x}", std::process::id())),
            job: JobId(1),
            attempt: AttemptNumber(1),
            token: Token(1),
        },
        spec: JobSpec {
            image: Some(image.clone()),
            command: vec!["true".to_owned()],
            ..JobSpec::default()
        },
        env: BTreeMap::new(),
    };
    let ready = executor.prepare(&request, scene.tell()).await;
    ready.expect("the registry has it");
    forget(&scene.docker, &image).await;
    assert!(!scene.has(&image).await);
    let ensured = executor.ensure(&request).await;
    let Ok(Ensured::Created(handle)) = ensured else {
        panic!("not created: {ensured:?}");
    };
    executor.forget(&handle).await.expect("it never ran");
    forget(&scene.docker, &image).await;
}
