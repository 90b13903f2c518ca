//! `docs/configuration.md`, the reference of keys and variables, is written from the settings, and its
//! file held to what is read.

use std::collections::BTreeSet;

use super::settings::{Default, SETTINGS, Setting};
use super::*;
use crate::cli::Cli;

const REFERENCE: &str = include_str!("../../../../docs/configuration.md");

/// What stands between a cell's first backticks.
fn word(cell: &'static str) -> &'static str {
    cell.split('`').nth(1).unwrap_or_default()
}

/// The reference with its two tables written anew from the settings.
fn written_anew() -> String {
    let mut page = Vec::new();
    let mut is_settings = false;
    for line in REFERENCE.lines() {
        let has_key = match line {
            "| key | variable | flag | what it says | default |" => true,
            "| variable | flag | what it says | default |" => false,
            _ => {
                is_settings &= line.starts_with('|');
                if !is_settings {
                    page.push(line.to_owned());
                }
                continue;
            }
        };
        is_settings = true;
        let columns = if has_key { 5 } else { 4 };
        page.push(line.to_owned());
        page.push(format!("{}|", "|---".repeat(columns)));
        let of_table = SETTINGS
            .iter()
            .filter(|setting| setting.key.is_empty() != has_key);
        page.extend(of_table.map(row));
    }
    page.join("\n") + "\n"
}

fn row(setting: &Setting) -> String {
    let key = match setting.key {
        "" => String::new(),
        key => format!("| `{key}` "),
    };
    let cell = |text: &str| match text {
        "" => "| ".to_owned(),
        text => format!("| {text} "),
    };
    let default = match &setting.default {
        Default::Words(words) => (*words).to_owned(),
        Default::Code(value) => format!("`{}`", value()),
    };
    let cells = [setting.variable, setting.flag, setting.says, &default].map(cell);
    format!("{key}{}|", cells.concat())
}

#[test]
fn the_reference_is_written_from_the_settings() {
    let page = written_anew();
    if std::env::var_os("LONGSHORE_WRITE_CONFIGURATION").is_some() {
        let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        std::fs::write(&at, &page).expect("the page can be written");
        return;
    }
    assert!(
        REFERENCE == page,
        "docs/configuration.md is not what the settings say: LONGSHORE_WRITE_CONFIGURATION=1 cargo test -p \
         longshore --bins reference"
    );
}

#[test]
fn every_variable_is_a_setting_and_no_other() {
    let variables = SETTINGS.iter().map(|setting| word(setting.variable));
    let known: BTreeSet<String> = variables
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    assert_eq!(known, Cli::variables());
}

#[test]
fn a_keys_variable_and_flag_are_named_after_it() {
    for setting in SETTINGS {
        let Some(key) = setting.key.strip_prefix("worker.") else {
            continue;
        };
        assert_eq!(
            word(setting.variable),
            format!("LONGSHORE_WORKER_{}", key.to_uppercase())
        );
        // Repeatable, so it is called after one.
        let flag = key.replace("queues", "queue").replace('_', "-");
        assert_eq!(word(setting.flag), format!("--{flag}"));
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
    let defaults = longshore_queue::WorkerConfig::default();
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
