//! What an engine does with nothing of ours in the way: `true` in so many containers, created,
//! started, waited for and removed through its API, so many at once. `bench/launch` runs it beside
//! `longshore bench launch`.
//!
//! `bare_loop SOCKET IMAGE CONTAINERS AT_ONCE` prints containers per second.

use std::time::Instant;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    RemoveContainerOptions, StartContainerOptions, WaitContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, image, containers, at_once] = &arguments[..] else {
        eprintln!("usage: bare_loop SOCKET IMAGE CONTAINERS AT_ONCE");
        std::process::exit(2);
    };
    let containers: u32 = containers.parse().expect("CONTAINERS is a number");
    let at_once: usize = at_once.parse().expect("AT_ONCE is a number");
    let docker = Docker::connect_with_unix(socket, 120, API_DEFAULT_VERSION)
        .expect("the socket can be used");
    let docker = docker.negotiate_version().await.expect("it answers");
    let began = Instant::now();
    let ran = stream::iter(0..containers).map(|_| one(&docker, image));
    ran.buffer_unordered(at_once)
        .for_each(async |ran| ran.expect("the engine runs it"))
        .await;
    let rate = f64::from(containers) / began.elapsed().as_secs_f64();
    println!("{rate:.3}");
}

/// With what Longshore asks of every container that costs the engine something: an init process,
/// and a log driver with bounds.
async fn one(docker: &Docker, image: &str) -> Result<(), bollard::errors::Error> {
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec!["true".to_owned()]),
        host_config: Some(HostConfig {
            init: Some(true),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let id = docker.create_container(None, body).await?.id;
    docker
        .start_container(&id, None::<StartContainerOptions>)
        .await?;
    // Issued behind the start, so that one that has ended already answers at once.
    let wait = WaitContainerOptions {
        condition: "not-running".to_owned(),
    };
    let mut ended = docker.wait_container(&id, Some(wait));
    while ended.try_next().await?.is_some() {}
    docker
        .remove_container(&id, None::<RemoveContainerOptions>)
        .await
}
