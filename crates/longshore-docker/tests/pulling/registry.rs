//! A real registry on a loopback port, its data in a folder that goes with it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::query_parameters::{
    PushImageOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder,
};
use futures_util::TryStreamExt as _;
use longshore_testkit::wait::eventually;
use tempfile::TempDir;

/// Names the registry's program; without it, it is looked for on the `PATH`.
const REGISTRY: &str = "LONGSHORE_TEST_REGISTRY";
/// Who may log in, where somebody must.
pub const USER: &str = "someone";
/// That one's password.
pub const PASSWORD: &str = "sesame";
/// The same as the registry wants it: bcrypt of the lowest cost.
const HTPASSWD: &str = "someone:$2b$04$kmnBcbNb7F/qgKZKXlJxQuyVt1IzQtYwdbMj58KeroebiK6YNWiem\n";

/// A registry. Stopped when dropped.
pub struct Registry {
    folder: TempDir,
    program: PathBuf,
    address: SocketAddr,
    process: Option<Child>,
}

impl Registry {
    /// The registry's program; none where it can't be had, and then it says what is skipped.
    pub fn program() -> Option<PathBuf> {
        let named = std::env::var_os(REGISTRY).map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = named.or_else(|| {
            let mut places =
                std::env::split_paths(&path).map(|folder| folder.join("docker-registry"));
            places.find(|place| place.is_file())
        });
        if found.is_none() {
            let why = format!("no docker-registry; install it or set {REGISTRY}");
            longshore_testkit::skip::skipped(&why);
        }
        found
    }

    /// One that runs.
    pub async fn start(program: PathBuf, with_login: bool) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let folder = TempDir::new().expect("a folder can be made");
        let at = folder.path().display();
        let auth = if with_login {
            format!("auth: {{htpasswd: {{realm: test, path: '{at}/htpasswd'}}}}\n")
        } else {
            String::new()
        };
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{at}/data'}}}}\n\
             http: {{addr: '{address}'}}\n{auth}"
        );
        fs::write(folder.path().join("config.yml"), config).expect("the folder is ours");
        fs::write(folder.path().join("htpasswd"), HTPASSWD).expect("the folder is ours");
        let mut registry = Self {
            folder,
            program,
            address,
            process: None,
        };
        registry.up().await;
        registry
    }

    /// Starts it, with what it had.
    pub async fn up(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("the folder is ours");
        let errors = log.try_clone().expect("a file can be shared");
        let process = Command::new(&self.program)
            .arg("serve")
            .arg(self.folder.path().join("config.yml"))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("the registry's program can be run");
        self.process = Some(process);
        let address = self.address;
        eventually("the registry listens", async || {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
    }

    /// Stops it.
    pub fn down(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it is ours");
            process.wait().expect("it is ours");
        }
    }

    /// `127.0.0.1:port`.
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    /// Pushes the tests' image as `name`, and takes that name from the engine again.
    pub async fn fill(&self, docker: &Docker, name: &str) -> String {
        let full = format!("{}/{name}", self.address);
        let options = TagImageOptionsBuilder::new().repo(&full).tag("1").build();
        docker
            .tag_image("busybox:local", Some(options))
            .await
            .expect("the tests' image is there");
        let options = PushImageOptionsBuilder::new().tag("1").build();
        let login = DockerCredentials {
            username: Some(USER.to_owned()),
            password: Some(PASSWORD.to_owned()),
            serveraddress: Some(self.name()),
            ..DockerCredentials::default()
        };
        let pushed = docker.push_image(&full, Some(options), Some(login));
        let told: Vec<_> = pushed.try_collect().await.expect("it can be pushed");
        assert!(
            told.iter().all(|item| item.error_detail.is_none()),
            "{told:?}"
        );
        let image = format!("{full}:1");
        forget(docker, &image).await;
        image
    }

    /// How often a manifest was got from it: once for each pull.
    pub fn manifests_got(&self) -> usize {
        let log = fs::read(self.folder.path().join("log")).expect("it writes a log");
        let log = String::from_utf8_lossy(&log);
        log.lines()
            .filter(|line| line.contains("\"HEAD /v2/") || line.contains("\"GET /v2/"))
            .filter(|line| line.contains("/manifests/1 HTTP"))
            .count()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.down();
    }
}

/// Takes a name of an image from the engine, if it is there.
pub async fn forget(docker: &Docker, image: &str) {
    let options = RemoveImageOptionsBuilder::new().build();
    match docker.remove_image(image, Some(options), None).await {
        Ok(_)
        | Err(bollard::errors::Error::DockerResponseServerError {
            status_code: 404, ..
        }) => {}
        Err(error) => panic!("{image} can't be removed: {error}"),
    }
}
