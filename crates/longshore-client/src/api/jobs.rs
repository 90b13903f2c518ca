//! Jobs: submitting and listing them.

use std::collections::BTreeMap;

use longshore_core::spec::FieldError;
use longshore_core::store::{JobDetail, JobFilter, Submitted};
use longshore_core::{JobId, JobSpec, State, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A job to be submitted. It needs an image or a command; everything else may be absent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewJob {
    /// What is asked for.
    #[serde(flatten)]
    pub spec: JobSpec,
    /// Whether it is on hold until it is released.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
}

/// Jobs to be submitted: all of them or none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SubmitMany {
    /// The jobs; at most 100,000 in one request.
    #[schema(max_items = 100_000)]
    pub jobs: Vec<NewJob>,
}

/// What became of submitted jobs, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SubmittedMany {
    /// One for each.
    pub jobs: Vec<Submitted>,
}

/// Everything about one job.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// The job.
    #[serde(flatten)]
    pub job: JobDetail,
    /// Whether values of its environment were replaced by `***` in this answer.
    pub env_masked: bool,
    /// What its last attempt wrote to its standard output, if it has completed and this is JSON of at
    /// most 64 KiB.
    pub result: Option<Value>,
}

/// Which jobs' states are asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatesRequest {
    /// The jobs; at most 100,000 in one request.
    #[schema(max_items = 100_000)]
    pub jobs: Vec<JobId>,
}

/// Where jobs stand, in the order in which they were asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatesAnswer {
    /// One for each.
    pub states: Vec<State>,
}

/// Which jobs to list, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct JobQuery {
    /// In any of these states; may be given several times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<State>,
    /// In this queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// With all of these labels, each as `key=value`; may be given several times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub label: Vec<String>,
    /// With this in its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of this image; one without tag and digest stands for all of its tags and digests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// With this in its name, in its image or in a word of its command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Whose last exit code is this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Submitted then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Submitted before then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Older than this job: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<JobId>,
    /// At most this many, 1 to 1000; 100 when absent. A page may have fewer though others follow: `next`
    /// tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

impl JobQuery {
    /// How many jobs a page has when nobody says.
    pub const DEFAULT_LIMIT: u32 = 100;

    /// The same as a store takes it.
    pub fn into_filter(self) -> Result<JobFilter, FieldError> {
        let labels: Result<BTreeMap<String, String>, FieldError> = self
            .label
            .into_iter()
            .map(|label| {
                let (key, value) = label
                    .split_once('=')
                    .ok_or_else(|| FieldError::new("label", "must be KEY=VALUE"))?;
                Ok((key.to_owned(), value.to_owned()))
            })
            .collect();
        let limit = self.limit.unwrap_or(Self::DEFAULT_LIMIT);
        if !(1..=JobFilter::MAX_PAGE).contains(&limit) {
            let problem = format!("must be from 1 to {}", JobFilter::MAX_PAGE);
            return Err(FieldError::new("limit", problem));
        }
        Ok(JobFilter {
            states: self.state,
            queue: self.queue,
            labels: labels?,
            name: self.name,
            image: self.image,
            search: self.search,
            exit_code: self.exit_code,
            since: self.since,
            until: self.until,
            before: self.before,
            limit,
        })
    }
}

impl From<&JobFilter> for JobQuery {
    fn from(filter: &JobFilter) -> Self {
        let labels = filter.labels.iter();
        Self {
            state: filter.states.clone(),
            queue: filter.queue.clone(),
            label: labels
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
            name: filter.name.clone(),
            image: filter.image.clone(),
            search: filter.search.clone(),
            exit_code: filter.exit_code,
            since: filter.since,
            until: filter.until,
            before: filter.before,
            limit: Some(filter.limit.clamp(1, JobFilter::MAX_PAGE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_was_asked_for_over_http_is_the_same() {
        let filter = JobFilter {
            states: vec![State::Queued, State::TimedOut],
            labels: BTreeMap::from([("a".to_owned(), "b=c".to_owned())]),
            since: Timestamp::from_second(1).ok(),
            before: Some(JobId(7)),
            limit: 5,
            ..JobFilter::default()
        };
        assert_eq!(JobQuery::from(&filter).into_filter(), Ok(filter));
    }

    #[test]
    fn a_label_without_a_value_and_a_page_of_no_size_are_refused_by_field() {
        let label = JobQuery {
            label: vec!["team".to_owned()],
            ..JobQuery::default()
        };
        let limit = |limit| JobQuery {
            limit: Some(limit),
            ..JobQuery::default()
        };
        for (query, field) in [
            (label, "label"),
            (limit(0), "limit"),
            (limit(1001), "limit"),
        ] {
            assert_eq!(query.into_filter().expect_err(field).field, field);
        }
    }
}
