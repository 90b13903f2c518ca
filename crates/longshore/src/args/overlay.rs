//! Fields laid over a job: what the command line says over what a file or another job says.
//!
//! One value replaces another; what is a collection grows: `env` and `labels` by key, mounts by
//! target, networks by name, devices by their path in the container, templates at the end, where
//! they win.

use longshore_core::spec::{FieldError, ValidSpec, parse_value};
use serde_json::{Map, Value};

/// What was given, and where a job goes that names no queue.
#[derive(Clone, Default)]
pub struct Overlay {
    /// The fields, in a job's JSON form.
    pub given: Map<String, Value>,
    /// Stands where neither the job nor a flag names a queue.
    pub default_queue: Option<String>,
}

impl Overlay {
    /// The job beneath, with what was given over it, checked.
    pub fn over(&self, job: Value) -> Result<ValidSpec, FieldError> {
        parse_value(self.laid_over(job))
    }

    fn laid_over(&self, mut job: Value) -> Value {
        // What is no object is the parser's to refuse.
        let Some(fields) = job.as_object_mut() else {
            return job;
        };
        for (name, value) in &self.given {
            match fields.get_mut(name).filter(|beneath| !beneath.is_null()) {
                Some(beneath) => lay(name, beneath, value.clone()),
                None => drop(fields.insert(name.clone(), value.clone())),
            }
        }
        if let Some(queue) = &self.default_queue
            && fields.get("queue").is_none_or(Value::is_null)
        {
            fields.insert("queue".to_owned(), Value::from(queue.as_str()));
        }
        job
    }
}

fn lay(name: &str, beneath: &mut Value, value: Value) {
    match (name, &mut *beneath, value) {
        ("env" | "labels", Value::Object(beneath), Value::Object(over)) => beneath.extend(over),
        ("mounts", Value::Array(beneath), Value::Array(over)) => by_key("target", beneath, over),
        ("networks", Value::Array(beneath), Value::Array(over)) => by_key("name", beneath, over),
        ("devices", Value::Array(beneath), Value::Array(over)) => {
            replace(beneath, over, |device| {
                device
                    .get("target")
                    .filter(|target| !target.is_null())
                    .or_else(|| device.get("source"))
            });
        }
        ("env_templates" | "secret_env", Value::Array(beneath), Value::Array(over)) => {
            beneath.retain(|name| !over.contains(name));
            beneath.extend(over);
        }
        // A collection that is none: left for the parser to refuse.
        (
            "env" | "labels" | "mounts" | "networks" | "devices" | "env_templates" | "secret_env",
            _,
            _,
        ) => {}
        (_, beneath, over) => *beneath = over,
    }
}

fn by_key(key: &str, beneath: &mut Vec<Value>, over: Vec<Value>) {
    replace(beneath, over, |item| item.get(key));
}

/// Each item stands in for the one of the same name, or behind all of them.
fn replace(beneath: &mut Vec<Value>, over: Vec<Value>, name: impl Fn(&Value) -> Option<&Value>) {
    for item in over {
        match beneath.iter_mut().find(|old| name(old) == name(&item)) {
            Some(old) => *old = item,
            None => beneath.push(item),
        }
    }
}

/// Not derived: the environment's values may be secrets.
impl std::fmt::Debug for Overlay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields: Vec<&String> = self.given.keys().collect();
        f.debug_struct("Overlay")
            .field("given", &fields)
            .field("default_queue", &self.default_queue)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn overlay(given: Value, default_queue: Option<&str>) -> Overlay {
        let Value::Object(given) = given else {
            panic!("fields are an object")
        };
        Overlay {
            given,
            default_queue: default_queue.map(str::to_owned),
        }
    }

    #[test]
    fn values_are_replaced_and_collections_grow() {
        let job = json!({
            "image": "a", "command": ["x", "y"], "priority": 20, "name": null,
            "env": {"A": "1", "B": "1"}, "env_templates": ["s", "t"],
            "mounts": [{"target": "/a", "source": "old"}, {"target": "/b"}],
            "networks": [{"name": "n"}],
            "devices": [{"source": "/dev/a", "target": null}, {"source": "/dev/b", "target": "/dev/c"}],
        });
        let given = json!({
            "command": ["z"], "priority": 80, "name": "n",
            "env": {"B": "2", "C": "2"}, "env_templates": ["s"],
            "mounts": [{"target": "/a", "source": "new"}], "networks": [{"name": "m"}],
            "devices": [
                {"source": "/dev/x", "target": "/dev/a"}, {"source": "/dev/b"},
                {"source": "/dev/c", "permissions": "r"},
            ],
            "privileged": true,
        });
        assert_eq!(
            overlay(given, None).laid_over(job),
            json!({
                "image": "a", "command": ["z"], "priority": 80, "name": "n",
                "env": {"A": "1", "B": "2", "C": "2"}, "env_templates": ["t", "s"],
                "mounts": [{"target": "/a", "source": "new"}, {"target": "/b"}],
                "networks": [{"name": "n"}, {"name": "m"}],
                "devices": [
                    {"source": "/dev/x", "target": "/dev/a"}, {"source": "/dev/c", "permissions": "r"},
                    {"source": "/dev/b"},
                ],
                "privileged": true,
            })
        );
    }

    #[test]
    fn the_default_queue_is_for_jobs_that_name_none() {
        let queue = |job: Value, given: Value| {
            overlay(given, Some("night")).laid_over(job)["queue"].clone()
        };
        assert_eq!(queue(json!({}), json!({})), "night");
        assert_eq!(queue(json!({"queue": null}), json!({})), "night");
        assert_eq!(queue(json!({"queue": "day"}), json!({})), "day");
        assert_eq!(queue(json!({}), json!({"queue": "noon"})), "noon");
        assert_eq!(
            queue(json!({"queue": "day"}), json!({"queue": "noon"})),
            "noon"
        );
    }

    #[test]
    fn what_is_no_collection_is_refused_and_not_replaced() {
        let given = overlay(json!({"env": {"A": "1"}}), None);
        let refused = given.over(json!({"command": ["x"], "env": ["hunter2"]}));
        let error = refused.expect_err("a list is no environment");
        assert_eq!(error.to_string(), "env: must be an object of texts");
    }
}
