//! Every setting, in the order of the reference: what may stand in a file is read off here, and
//! `docs/configuration.md` is written from it.

use longshore_core::spec::format_duration;

use self::Default::{Code, Words};

/// What people can set, in the words of Markdown.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "but for the keys, the reference's alone")
)]
pub struct Setting {
    /// `section.key`, or `key` outside the sections; none for what no file says.
    pub key: &'static str,
    /// Its variable, if it has one.
    pub variable: &'static str,
    /// Its flag, if it has one.
    pub flag: &'static str,
    /// What it means.
    pub says: &'static str,
    /// What holds where nothing is said.
    pub default: Default,
}

/// A default.
#[cfg_attr(not(test), expect(dead_code, reason = "the reference's alone"))]
pub enum Default {
    /// Told in words.
    Words(&'static str),
    /// What the code has.
    Code(fn() -> String),
}

/// The keys of a section, in order, or with none those outside the sections and the sections' names.
pub fn keys(section: Option<&str>) -> Vec<&'static str> {
    let keys = SETTINGS.iter().filter_map(|setting| {
        let parts = setting.key.split_once('.');
        match (section, parts) {
            (None, None) => Some(setting.key),
            (None, Some((section, _))) => Some(section),
            (Some(wanted), Some((section, key))) if section == wanted => Some(key),
            (Some(_), _) => None,
        }
    });
    let mut keys: Vec<&str> = keys.filter(|key| !key.is_empty()).collect();
    keys.dedup();
    keys
}

/// The sections' names, in order.
pub fn sections() -> Vec<&'static str> {
    let sections = SETTINGS
        .iter()
        .filter_map(|setting| setting.key.split_once('.'));
    let mut sections: Vec<&str> = sections.map(|(section, _)| section).collect();
    sections.dedup();
    sections
}

fn worker() -> longshore_queue::WorkerConfig {
    longshore_queue::WorkerConfig::default()
}

fn postgres() -> longshore_postgres::Options {
    longshore_postgres::Options::default()
}

fn sqlite() -> longshore_sqlite::Options {
    longshore_sqlite::Options::default()
}

/// All of them.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "database",
        variable: "`LONGSHORE_DATABASE_URL`",
        flag: "`--database`",
        says: "where the jobs are: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`",
        default: Words(
            "`sqlite:` a file in the user's data folder: `~/.local/share/longshore/longshore.db`, \
               or below `XDG_DATA_HOME`",
        ),
    },
    Setting {
        key: "server",
        variable: "`LONGSHORE_SERVER`",
        flag: "`--server`",
        says: "a server that client commands ask instead of the database: `http://HOST:PORT` or \
         `https://…`. A database that a flag names goes over it; workers, servers and whatever else \
         needs the database itself do not heed it",
        default: Words("none"),
    },
    Setting {
        key: "token_file",
        variable: "`LONGSHORE_TOKEN_FILE`",
        flag: "`--token-file`",
        says: "a file with the token that is shown to the server",
        default: Words("none"),
    },
    Setting {
        key: "submit.queue",
        variable: "`LONGSHORE_SUBMIT_QUEUE`",
        flag: "`--queue` of `submit` and `run`",
        says: "the queue of jobs that name none, also of those in a file",
        default: Words("`default` with an image, `local` without"),
    },
    Setting {
        key: "worker.queues",
        variable: "`LONGSHORE_WORKER_QUEUES` (commas between)",
        flag: "`--queue` of `worker` (repeatable)",
        says: "the queues that a worker serves",
        default: Words("every queue that this machine can serve"),
    },
    Setting {
        key: "worker.max_concurrent",
        variable: "`LONGSHORE_WORKER_MAX_CONCURRENT`",
        flag: "`--max-concurrent`",
        says: "the most jobs at once in one worker, from 1 to 1000",
        default: Code(|| worker().max_concurrent.to_string()),
    },
    Setting {
        key: "worker.poll_interval",
        variable: "`LONGSHORE_WORKER_POLL_INTERVAL`",
        flag: "`--poll-interval`",
        says: "how often it looks for work when nothing hints at any, or comes due; at least 10ms. A third as \
         often while PostgreSQL's notifications are known to arrive",
        default: Code(|| format_duration(worker().poll_interval)),
    },
    Setting {
        key: "worker.timeout",
        variable: "`LONGSHORE_WORKER_TIMEOUT`",
        flag: "`--timeout`",
        says: "how long taking jobs may be repeated while the database is busy",
        default: Code(|| format_duration(worker().acquire_timeout)),
    },
    Setting {
        key: "worker.shutdown_timeout",
        variable: "`LONGSHORE_WORKER_SHUTDOWN_TIMEOUT`",
        flag: "`--shutdown-timeout`",
        says: "how long what runs has to end once a drain begins",
        default: Code(|| format_duration(worker().shutdown_timeout)),
    },
    Setting {
        key: "worker.lease_ttl",
        variable: "`LONGSHORE_WORKER_LEASE_TTL`",
        flag: "`--lease-ttl`",
        says: "after how long without a heartbeat the worker counts as dead; at least 1s",
        default: Code(|| format_duration(worker().lease_ttl)),
    },
    Setting {
        key: "worker.heartbeat",
        variable: "`LONGSHORE_WORKER_HEARTBEAT`",
        flag: "`--heartbeat`",
        says: "how often it gives a sign of life; at most half of `lease_ttl`",
        default: Code(|| format_duration(worker().heartbeat_interval)),
    },
    Setting {
        key: "worker.retention",
        variable: "`LONGSHORE_WORKER_RETENTION`",
        flag: "`--retention`",
        says: "how long ended jobs are kept, with their attempts and output; at least 1m, or `none`: they \
         stay until `longshore prune`. Each worker takes away what is older than its own word, so \
         give all the same",
        default: Code(|| format_duration(worker().retention.keep)),
    },
    Setting {
        key: "worker.metrics_listen",
        variable: "`LONGSHORE_WORKER_METRICS_LISTEN`",
        flag: "`--metrics-listen`",
        says: "where a worker serves `/metrics`, `/healthz` and `/readyz` ([metrics](metrics.md)), over \
         plain HTTP and to whoever asks; port 0 takes any that is free. `longshore up` serves them at \
         `http.listen`",
        default: Words("none"),
    },
    Setting {
        key: "http.listen",
        variable: "`LONGSHORE_HTTP_LISTEN`",
        flag: "`--listen` of `server` and `up`",
        says: "where HTTP is served; port 0 takes any that is free",
        default: Words("`127.0.0.1:7373`"),
    },
    Setting {
        key: "http.names",
        variable: "`LONGSHORE_HTTP_NAMES` (commas between)",
        flag: "`--host-name` (repeatable)",
        says: "names by which the server is called, beside loopback's own; requests for others are refused",
        default: Words("loopback's own; any for a server that listens elsewhere"),
    },
    Setting {
        key: "http.anonymous",
        variable: "`LONGSHORE_HTTP_ANONYMOUS`",
        flag: "`--anonymous`",
        says: "the role of callers without a token, on loopback alone: `reader`, `submitter`, `operator`, \
         `admin` or `none`",
        default: Words("`submitter`; `none` behind a proxy"),
    },
    Setting {
        key: "http.certificate",
        variable: "`LONGSHORE_HTTP_CERTIFICATE`",
        flag: "`--certificate`",
        says: "the server's certificate, and those that lead to its authority, as PEM",
        default: Words("none: plain HTTP, on loopback or behind a proxy"),
    },
    Setting {
        key: "http.key",
        variable: "`LONGSHORE_HTTP_KEY`",
        flag: "`--key`",
        says: "the certificate's key, as PEM",
        default: Words("none"),
    },
    Setting {
        key: "http.behind_proxy",
        variable: "",
        flag: "`--behind-proxy`",
        says: "whether a proxy before the server speaks TLS to callers, so that it may listen elsewhere \
         than on loopback without a certificate, and callers from loopback are as good as strangers",
        default: Words("`false`"),
    },
    Setting {
        key: "http.webhooks",
        variable: "`LONGSHORE_HTTP_WEBHOOKS`",
        flag: "`--webhooks`",
        says: "which webhooks the server tells of changes: those at `public` addresses, `any` (also at \
         those that only its own network reaches), or `none`",
        default: Words("`public`"),
    },
    Setting {
        key: "docker.hosts",
        variable: "`LONGSHORE_DOCKER_HOSTS` (commas between)",
        flag: "`--docker-host` of `worker`, `run`, `doctor` and `hosts test` (repeatable)",
        says: "the container engines to launch on: `unix:///path`, `tcp://host:port`",
        default: Words(
            "as the `docker` command finds its engine: `DOCKER_HOST`, the docker context, the usual \
               and the rootless sockets. Where none is named, a worker that finds no engine serves \
               what needs none, and keeps looking",
        ),
    },
    Setting {
        key: "docker.binds",
        variable: "",
        flag: "",
        says: "paths of the engine's host that jobs may bind, with everything below them",
        default: Words("none"),
    },
    Setting {
        key: "docker.host_network",
        variable: "",
        flag: "",
        says: "whether jobs may join the host's own network (`--network host`)",
        default: Words("`false`"),
    },
    Setting {
        key: "docker.devices",
        variable: "",
        flag: "",
        says: "devices of the engine's host that jobs may have (`--device`); a folder stands for all below \
         it",
        default: Words("none"),
    },
    Setting {
        key: "docker.privileged",
        variable: "",
        flag: "",
        says: "whether jobs may run with every capability and device of the host (`--privileged`): who may \
         submit them is then as good as root there",
        default: Words("`false`"),
    },
    Setting {
        key: "docker.registries",
        variable: "",
        flag: "",
        says: "logins for pulls, by registry: a `username`, and a `password` or a `password_file`",
        default: Words("those of the `docker login` of whoever runs the worker"),
    },
    Setting {
        key: "postgres.pool_size",
        variable: "`LONGSHORE_POSTGRES_POOL_SIZE`",
        flag: "",
        says: "the most connections of one process at once, from 1 to 1000; one more listens. A worker is \
         content with few: calls are short, and those that end together are stored together. With little to \
         do it has the one that listens, and lets go of the others after 10 s",
        default: Code(|| postgres().pool_size.to_string()),
    },
    Setting {
        key: "postgres.application_name",
        variable: "`LONGSHORE_POSTGRES_APPLICATION_NAME`",
        flag: "",
        says: "what `pg_stat_activity` shows for its sessions",
        default: Code(|| postgres().application_name),
    },
    Setting {
        key: "postgres.lock_timeout",
        variable: "`LONGSHORE_POSTGRES_LOCK_TIMEOUT`",
        flag: "",
        says: "how long a statement waits for a lock; then the call is rolled back and repeated, with a \
         growing pause. No lock of ours is held across anything slow, so a longer wait means trouble \
         that repeating outlasts better than waiting",
        default: Code(|| format_duration(postgres().lock_timeout)),
    },
    Setting {
        key: "postgres.statement_timeout",
        variable: "`LONGSHORE_POSTGRES_STATEMENT_TIMEOUT`",
        flag: "",
        says: "how long a statement may take, likewise",
        default: Code(|| format_duration(postgres().statement_timeout)),
    },
    Setting {
        key: "sqlite.busy_timeout",
        variable: "`LONGSHORE_SQLITE_BUSY_TIMEOUT`",
        flag: "",
        says: "how long a call waits for the write lock of another process, likewise",
        default: Code(|| format_duration(sqlite().busy_budget)),
    },
    Setting {
        key: "sqlite.readers",
        variable: "`LONGSHORE_SQLITE_READERS`",
        flag: "",
        says: "threads that answer questions, from 1 to 64: a slow one does not hold back a quick one",
        default: Code(|| sqlite().readers.to_string()),
    },
    Setting {
        key: "",
        variable: "`LONGSHORE_CONFIG`",
        flag: "`--config`",
        says: "the configuration file",
        default: Words("the user's own"),
    },
    Setting {
        key: "",
        variable: "`LONGSHORE_TOKEN`",
        flag: "",
        says: "the token that is shown to a server; goes over `token_file`",
        default: Words("none"),
    },
    Setting {
        key: "",
        variable: "`LONGSHORE_LOG_FORMAT`",
        flag: "`--log-format`",
        says: "how logs are written to stderr: `text` or `json`",
        default: Words("`text`"),
    },
];
