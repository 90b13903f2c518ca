//! Queues, hosts and templates: making and changing them.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_core::Timestamp;
use longshore_core::host::HostChange;
use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, OnHostLost, QueueChange};
use longshore_core::spec::Timeout;
use longshore_core::template::Template;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::present;

/// A queue to be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQueueBody {
    /// Its name: lower-case letters, digits and `._-`.
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{0,62}$")]
    pub name: String,
    /// The kind of executor that all its jobs run on: `docker` or `process`.
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{0,62}$")]
    pub executor: String,
    /// Labels that a host must carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub host_selector: BTreeMap<String, String>,
    /// The most jobs launching or running at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<Limit>,
}

impl From<NewQueueBody> for NewQueue {
    fn from(body: NewQueueBody) -> Self {
        Self {
            name: body.name,
            executor: body.executor,
            host_selector: body.host_selector,
            max_concurrent: body.max_concurrent,
        }
    }
}

impl From<&NewQueue> for NewQueueBody {
    fn from(queue: &NewQueue) -> Self {
        Self {
            name: queue.name.clone(),
            executor: queue.executor.clone(),
            host_selector: queue.host_selector.clone(),
            max_concurrent: queue.max_concurrent,
        }
    }
}

/// A change to a queue: what is absent stays as it is, and `null` takes away.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueueBody {
    /// The most jobs launching or running at once.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, maximum = 2_147_483_647)]
    pub max_concurrent: Option<Option<Limit>>,
    /// Whether nothing is acquired from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Labels that its hosts must carry, and with `null` need no longer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub host_selector: BTreeMap<String, Option<String>>,
    /// What becomes of jobs on a host that nobody reaches any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_host_lost: Option<OnHostLost>,
    /// After waiting how long its jobs move up one priority: seconds, a text such as `"1h"`, or `"none"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = longshore_core::schemas::timeout)]
    pub ageing: Option<Timeout>,
}

impl From<QueueBody> for QueueChange {
    fn from(body: QueueBody) -> Self {
        Self {
            max_concurrent: body.max_concurrent,
            paused: body.paused,
            host_selector: body.host_selector,
            on_host_lost: body.on_host_lost,
            ageing: body.ageing.map(Timeout::limit),
        }
    }
}

impl From<&QueueChange> for QueueBody {
    fn from(change: &QueueChange) -> Self {
        let timeout = |after: Option<Duration>| after.map_or(Timeout::Never, Timeout::After);
        Self {
            max_concurrent: change.max_concurrent,
            paused: change.paused,
            host_selector: change.host_selector.clone(),
            on_host_lost: change.on_host_lost,
            ageing: change.ageing.map(timeout),
        }
    }
}

/// A change to a host: what is absent stays as it is, and `null` takes away.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HostBody {
    /// Whether it gets new jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Labels to set, and with `null` to take away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Option<String>>,
    /// Hosts of more weight are preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// The most jobs at once.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub slots: Option<Option<u32>>,
    /// The most memory, in bytes.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub memory_bytes: Option<Option<u64>>,
    /// The most CPUs, in thousandths.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub millicpus: Option<Option<u64>>,
}

impl From<HostBody> for HostChange {
    fn from(body: HostBody) -> Self {
        Self {
            enabled: body.enabled,
            labels: body.labels,
            weight: body.weight,
            slots: body.slots,
            memory_bytes: body.memory_bytes,
            millicpus: body.millicpus,
        }
    }
}

impl From<&HostChange> for HostBody {
    fn from(change: &HostChange) -> Self {
        Self {
            enabled: change.enabled,
            labels: change.labels.clone(),
            weight: change.weight,
            slots: change.slots,
            memory_bytes: change.memory_bytes,
            millicpus: change.millicpus,
        }
    }
}

/// A template's new body.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateBody {
    /// `KEY=value` lines; at most 64 KiB.
    pub body: String,
}

/// A template without its values.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TemplateSummary {
    /// Its name.
    pub name: String,
    /// The newest version.
    pub version: i32,
    /// The variables that it sets.
    pub keys: Vec<String>,
    /// When this version was saved.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl TemplateSummary {
    /// Of a stored template; one that can't be read has no variables.
    pub fn of(template: &Template) -> Self {
        let values = longshore_core::template::parse_template(&template.body);
        Self {
            name: template.name.clone(),
            version: template.version,
            keys: values
                .map(|values| values.into_keys().collect())
                .unwrap_or_default(),
            created_at: template.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_null_and_a_value_are_three_things() {
        for (json, expected) in [
            ("{}", None),
            (r#"{"max_concurrent": null}"#, Some(None)),
            (r#"{"max_concurrent": 3}"#, Some(Some(Limit(3)))),
        ] {
            let body: QueueBody = serde_json::from_str(json).expect(json);
            assert_eq!(body.max_concurrent, expected, "{json}");
            let again: QueueBody =
                serde_json::from_value(serde_json::to_value(&body).expect("JSON")).expect("read");
            assert_eq!(again, body);
        }
    }

    #[test]
    fn a_slip_in_a_fields_name_is_refused() {
        assert!(serde_json::from_str::<QueueBody>(r#"{"max_concurent": 3}"#).is_err());
        assert!(serde_json::from_str::<HostBody>(r#"{"enable": true}"#).is_err());
    }
}
