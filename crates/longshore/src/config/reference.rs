//! `docs/configuration.md`, the reference of keys and variables, is held to what is read.

use std::collections::BTreeSet;

use longshore_core::spec::format_duration;

use super::*;
use crate::cli::Cli;

const REFERENCE: &str = include_str!("../../../../docs/configuration.md");

/// The rows of its tables of keys and variables whose first cell begins like this, cell by cell.
fn rows(begin: &str) -> Vec<Vec<&'static str>> {
    // What follows is of an address.
    let (of_keys, _) = REFERENCE
        .split_once("## An encrypted connection")
        .expect("a heading");
    let rows = of_keys.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect());
    let cells: Vec<Vec<&str>> = cells.collect();
    let begins = |row: &Vec<&'static str>| word(row[0]).starts_with(begin);
    cells.into_iter().filter(begins).collect()
}

/// What stands between a cell's first backticks.
fn word(cell: &'static str) -> &'static str {
    cell.split('`').nth(1).unwrap_or_default()
}

fn keys() -> Vec<String> {
    let of = |section: &str, keys: &[&str]| -> Vec<String> {
        keys.iter().map(|key| format!("{section}.{key}")).collect()
    };
    let keys = KEYS.iter().flat_map(|key| match *key {
        "submit" => of("submit", &SUBMIT_KEYS),
        "worker" => of("worker", &WORKER_KEYS),
        "http" => of("http", &HTTP_KEYS),
        "docker" => of("docker", &DOCKER_KEYS),
        "postgres" => of("postgres", &POSTGRES_KEYS),
        "sqlite" => of("sqlite", &SQLITE_KEYS),
        key => vec![key.to_owned()],
    });
    keys.collect()
}

fn defaults() -> longshore_queue::WorkerConfig {
    longshore_queue::WorkerConfig::default()
}

#[test]
fn the_reference_has_every_key_in_order_and_no_other() {
    let documented: Vec<&str> = rows("").iter().map(|row| word(row[0])).collect();
    let (documented, variables): (Vec<_>, Vec<_>) = documented
        .into_iter()
        .partition(|name| !name.starts_with("LONGSHORE_"));
    assert_eq!(documented, keys());
    assert_eq!(variables.len(), 3, "{variables:?}");
}

#[test]
fn the_reference_has_every_variable_and_no_other() {
    let of_keys = rows("").into_iter().map(|row| word(row[1]));
    let alone = rows("LONGSHORE_").into_iter().map(|row| word(row[0]));
    let documented: BTreeSet<String> = of_keys
        .chain(alone)
        .filter(|name| name.starts_with("LONGSHORE_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(documented, Cli::variables());
}

#[test]
fn a_keys_variable_and_flag_are_named_after_it() {
    for row in rows("worker.") {
        let key = word(row[0]).trim_start_matches("worker.");
        assert_eq!(
            word(row[1]),
            format!("LONGSHORE_WORKER_{}", key.to_uppercase())
        );
        // Repeatable, so it is called after one.
        let flag = key.replace("queues", "queue").replace('_', "-");
        assert_eq!(word(row[2]), format!("--{flag}"));
    }
}

#[test]
fn the_defaults_of_the_reference_are_the_workers() {
    let defaults = defaults();
    let worker = rows("worker.");
    let documented = |key: &str| {
        let row = worker
            .iter()
            .find(|row| word(row[0]) == format!("worker.{key}"));
        word(row.expect("the key is documented")[4])
    };
    assert_eq!(
        documented("max_concurrent"),
        defaults.max_concurrent.to_string()
    );
    for (key, default) in [
        ("poll_interval", defaults.poll_interval),
        ("timeout", defaults.acquire_timeout),
        ("shutdown_timeout", defaults.shutdown_timeout),
        ("lease_ttl", defaults.lease_ttl),
        ("heartbeat", defaults.heartbeat_interval),
        ("retention", defaults.retention.keep),
    ] {
        assert_eq!(documented(key), format_duration(default), "{key}");
    }
}

#[test]
fn the_whole_file_of_the_reference_is_read_and_has_every_key() {
    let (_, rest) = REFERENCE.split_once("```toml\n").expect("it shows a file");
    let (text, _) = rest.split_once("```").expect("the file ends");
    let config = Config::parse(text, Path::new("configuration.md")).expect("it is read");
    let WorkerConfig {
        queues,
        max_concurrent,
        poll_interval,
        timeout,
        shutdown_timeout,
        lease_ttl,
        heartbeat,
        retention,
        metrics_listen,
    } = config.worker;
    let HttpConfig {
        listen,
        names,
        anonymous,
        certificate,
        key,
        behind_proxy,
        webhooks,
    } = config.http;
    assert!(listen.is_some() && !names.is_empty() && anonymous.is_some());
    assert!(certificate.is_some() && key.is_some() && !behind_proxy && webhooks.is_some());
    assert!(config.server.is_some() && config.token_file.is_some());
    let DockerConfig {
        hosts,
        binds,
        host_network,
        devices,
        privileged,
        registries,
    } = config.docker;
    assert!(hosts.is_some() && !binds.is_empty() && !host_network);
    assert!(!devices.is_empty() && !privileged && !registries.is_empty());
    let stores = longshore_postgres::Options::default();
    let PostgresConfig {
        pool_size,
        application_name,
        lock_timeout,
        statement_timeout,
    } = config.postgres;
    assert_eq!(pool_size.map(|size| size as usize), Some(stores.pool_size));
    assert_eq!(application_name, Some(stores.application_name));
    assert_eq!(lock_timeout, Some(stores.lock_timeout));
    assert_eq!(statement_timeout, Some(stores.statement_timeout));
    let stores = longshore_sqlite::Options::default();
    let SqliteConfig {
        busy_timeout,
        readers,
    } = config.sqlite;
    assert_eq!(busy_timeout, Some(stores.busy_budget));
    assert_eq!(
        readers.map(|readers| readers as usize),
        Some(stores.readers)
    );
    let defaults = defaults();
    assert!(config.database.is_some() && config.submit.queue.is_some() && queues.is_some());
    assert!(metrics_listen.is_some());
    assert_eq!(max_concurrent, Some(defaults.max_concurrent));
    assert_eq!(poll_interval, Some(defaults.poll_interval));
    assert_eq!(timeout, Some(defaults.acquire_timeout));
    assert_eq!(shutdown_timeout, Some(defaults.shutdown_timeout));
    assert_eq!(lease_ttl, Some(defaults.lease_ttl));
    assert_eq!(heartbeat, Some(defaults.heartbeat_interval));
    assert_eq!(retention, Some(Timeout::After(defaults.retention.keep)));
}
