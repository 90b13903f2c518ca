//! Which container engines are meant.

/// Which container engines are meant.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct EngineArgs {
    /// Container engines to launch on.
    #[arg(
        long = "docker-host",
        value_name = "ADDRESS",
        env = "LONGSHORE_DOCKER_HOSTS",
        help = "A container engine to launch on, such as unix:///var/run/docker.sock or \
                tcp://build-1:2376; repeatable [default: the one that the docker command would use]"
    )]
    #[arg(value_delimiter = ',', hide_env_values = true)]
    pub docker_hosts: Vec<String>,
}

impl EngineArgs {
    /// The variable alone, for commands without the flag.
    pub fn of_environment() -> Self {
        let named = std::env::var("LONGSHORE_DOCKER_HOSTS").unwrap_or_default();
        let named = named.split(',').filter(|address| !address.is_empty());
        Self {
            docker_hosts: named.map(str::to_owned).collect(),
        }
    }
}
