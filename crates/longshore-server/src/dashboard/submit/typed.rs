//! What was typed into the form, as a job.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use longshore_core::spec::{FieldError, ValidSpec, parse_value};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// What the form says; every field is a text, and an empty one says nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    pub seal: String,
    pub once: String,
    pub image: String,
    pub command: String,
    pub queue: String,
    pub priority: String,
    pub scheduled_for: String,
    pub run_timeout: String,
    pub max_retries: String,
    pub memory: String,
    pub cpus: String,
    pub name: String,
    pub labels: String,
    pub env: String,
    pub secret_env: String,
    pub more: String,
    pub hold: String,
}

impl Said {
    /// The job that it describes. Each field is read as in JSON, so that it is refused with the same words.
    pub fn job(&self) -> Result<ValidSpec, FieldError> {
        let mut job = more(&self.more)?;
        let mut put = |name: &'static str, value: Option<Value>| match value {
            Some(_) if job.contains_key(name) => Err(FieldError::new(
                name,
                "is also among the further fields: give it once",
            )),
            Some(value) => {
                job.insert(name.to_owned(), value);
                Ok(())
            }
            None => Ok(()),
        };
        put("image", text(&self.image))?;
        put("command", words(&self.command)?)?;
        put("queue", text(&self.queue))?;
        put("priority", number(&self.priority))?;
        put("scheduled_for", moment(&self.scheduled_for))?;
        put("run_timeout", number(&self.run_timeout))?;
        put("max_retries", number(&self.max_retries))?;
        put("memory", number(&self.memory))?;
        put("cpus", number(&self.cpus))?;
        put("name", text(&self.name))?;
        put("labels", pairs("labels", &self.labels)?)?;
        put("env", pairs("env", &self.env)?)?;
        put("secret_env", names(&self.secret_env))?;
        put("hold", (!self.hold.is_empty()).then_some(Value::Bool(true)))?;
        if !job.contains_key("idempotency_key") {
            // The same form twice is one job; the same page with another job in it is another.
            // The key is shown with the job, and what it is made of may be secret: so is the seal.
            let digest = Sha256::new()
                .chain_update(&self.seal)
                .chain_update(Value::Object(job.clone()).to_string());
            let digest = digest.finalize();
            let digest = URL_SAFE_NO_PAD.encode(digest);
            let once: String = self.once.chars().take(40).collect();
            let key = format!("form:{once}:{digest}");
            job.insert("idempotency_key".to_owned(), Value::String(key));
        }
        parse_value(Value::Object(job))
    }
}

/// Fields as JSON, for what the form has no place for.
fn more(said: &str) -> Result<Map<String, Value>, FieldError> {
    if said.trim().is_empty() {
        return Ok(Map::new());
    }
    let example = "write an object such as {\"user\": \"1000\"}";
    match serde_json::from_str(said) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(FieldError::new("more", format!("is no object: {example}"))),
        Err(error) => Err(FieldError::new(
            "more",
            format!("is not JSON ({error}): {example}"),
        )),
    }
}

fn text(said: &str) -> Option<Value> {
    let said = said.trim();
    (!said.is_empty()).then(|| Value::String(said.to_owned()))
}

/// A number if it is one; else the text, which may have a unit, or be refused.
fn number(said: &str) -> Option<Value> {
    let number = said.trim().parse().ok().map(Value::Number);
    number.or_else(|| text(said))
}

/// A command line, taken apart as a shell does, in which nothing is replaced.
fn words(said: &str) -> Result<Option<Value>, FieldError> {
    if said.trim().is_empty() {
        return Ok(None);
    }
    let words = shlex::split(said)
        .ok_or_else(|| FieldError::new("command", "has a quote that is not closed"))?;
    Ok(Some(words.into()))
}

/// A date and a time as browsers send them, in UTC.
fn moment(said: &str) -> Option<Value> {
    let said = said.trim();
    let bare = "2026-01-01T00:00".len();
    text(&match said.len() {
        length if length == bare => format!("{said}:00Z"),
        length if length == bare + 3 => format!("{said}Z"),
        _ => said.to_owned(),
    })
}

/// A line each of `KEY=VALUE`.
fn pairs(field: &'static str, said: &str) -> Result<Option<Value>, FieldError> {
    let mut pairs = Map::new();
    for (number, line) in said.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| {
            // Without what it holds: that may be a secret.
            let number = number + 1;
            FieldError::new(field, format!("must be KEY=VALUE in line {number}"))
        })?;
        let key = key.trim().to_owned();
        let problem = format!("has {key} twice");
        if pairs.insert(key, Value::String(value.to_owned())).is_some() {
            return Err(FieldError::new(field, problem));
        }
    }
    Ok((!pairs.is_empty()).then_some(Value::Object(pairs)))
}

/// Names between commas and white space.
fn names(said: &str) -> Option<Value> {
    let names = said.split(|c: char| c == ',' || c.is_whitespace());
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then(|| names.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(said: &Said) -> Result<Value, String> {
        let job = said.job().map_err(|error| error.to_string())?;
        let mut job = serde_json::to_value(job.spec()).expect("JSON");
        job.as_object_mut()
            .expect("fields")
            .remove("idempotency_key");
        Ok(job)
    }

    #[test]
    fn what_was_typed_is_the_job_that_json_would_be() {
        let said = Said {
            image: " alpine:3.20 ".to_owned(),
            command: "sh -c 'echo \"$HOME\"; exit 3'".to_owned(),
            priority: "70".to_owned(),
            scheduled_for: "2030-01-02T03:04".to_owned(),
            run_timeout: "90".to_owned(),
            memory: "512m".to_owned(),
            cpus: "1.5".to_owned(),
            labels: "team=search\r\n\r\nkind=a=b".to_owned(),
            more: r#"{"user": "1000"}"#.to_owned(),
            ..Said::default()
        };
        let same = parse_value(serde_json::json!({
            "image": "alpine:3.20", "command": ["sh", "-c", "echo \"$HOME\"; exit 3"], "priority": 70,
            "scheduled_for": "2030-01-02T03:04:00Z", "run_timeout": "90s", "memory": "512m", "cpus": 1.5,
            "labels": {"team": "search", "kind": "a=b"}, "user": "1000",
        }));
        let same = serde_json::to_value(same.expect("a job").spec()).expect("JSON");
        assert_eq!(job(&said), Ok(same));
    }

    #[test]
    fn what_is_wrong_is_said_of_its_field() {
        let with = |change: fn(&mut Said)| {
            let mut said = Said {
                command: "true".to_owned(),
                ..Said::default()
            };
            change(&mut said);
            said.job().expect_err("wrong").field
        };
        assert_eq!(with(|said| said.command = "echo 'a".to_owned()), "command");
        assert_eq!(with(|said| said.priority = "high".to_owned()), "priority");
        assert_eq!(with(|said| said.env = "A=1\nB".to_owned()), "env");
        assert_eq!(with(|said| said.env = "A=1\nA=2".to_owned()), "env");
        assert_eq!(with(|said| said.more = "[1]".to_owned()), "more");
        assert_eq!(
            with(|said| said.more = r#"{"command": ["a"]}"#.to_owned()),
            "command"
        );
        assert_eq!(
            with(|said| said.scheduled_for = "soon".to_owned()),
            "scheduled_for"
        );
    }

    #[test]
    fn a_form_that_is_sent_twice_is_one_job_and_another_job_is_another() {
        let said = |once: &str, command: &str| {
            let said = Said {
                once: once.to_owned(),
                command: command.to_owned(),
                ..Said::default()
            };
            said.job().expect("a job").spec().idempotency_key.clone()
        };
        assert_eq!(said("a", "true"), said("a", "true"));
        assert_ne!(said("a", "true"), said("a", "false"));
        assert_ne!(said("a", "true"), said("b", "true"));
    }
}
