//! Which failures are retried, and when (promise S9).

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::priority::Priority;

/// How the retries of a job are spaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Strategy {
    /// 3 retries, from 2 s up to 60 s.
    Default,
    /// 5 retries, from 1 s up to 30 s.
    Aggressive,
    /// 2 retries, from 5 s up to 5 min.
    Conservative,
    /// 5 retries, from 0.5 s up to 15 s.
    HighPriority,
}

/// A row of figures: how often, and between which bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// How many further attempts follow the first.
    pub attempts: u32,
    /// The delay before the first retry, before jitter.
    pub base: Duration,
    /// No delay is longer, jitter included.
    pub max: Duration,
}

impl Strategy {
    /// The strategy of a job that names none.
    pub fn for_priority(priority: Priority) -> Self {
        if priority >= Priority::HIGH {
            Self::HighPriority
        } else if priority <= Priority::LOW {
            Self::Conservative
        } else {
            Self::Default
        }
    }

    /// The strategy's figures.
    pub fn backoff(self) -> Backoff {
        let (attempts, base_ms, max_s) = match self {
            Self::Default => (3, 2000, 60),
            Self::Aggressive => (5, 1000, 30),
            Self::Conservative => (2, 5000, 300),
            Self::HighPriority => (5, 500, 15),
        };
        Backoff {
            attempts,
            base: Duration::from_millis(base_ms),
            max: Duration::from_secs(max_s),
        }
    }

    /// Every strategy's name.
    pub const NAMES: [&str; 4] = ["default", "aggressive", "conservative", "high_priority"];
}

impl Backoff {
    /// How long to wait before retry number `retry` (1 is the first).
    ///
    /// Doubles from `base` to `max`. `jitter` is drawn by the caller, uniform in [0, 1): the delay
    /// lies in the upper half of its step, so that delays grow while crowds spread out: each is at
    /// least the one before it, until the step is cut at `max` and jitter may shorten it. ("Equal
    /// jitter" in the AWS Architecture Blog, "Exponential Backoff And Jitter".) What is no number
    /// counts as 0.
    pub fn delay(&self, retry: u32, jitter: f64) -> Duration {
        let doublings = retry.saturating_sub(1).min(31);
        let step = self.base.saturating_mul(1 << doublings).min(self.max);
        let jitter = if jitter.is_nan() {
            0.0
        } else {
            jitter.clamp(0.0, 1.0)
        };
        step.mul_f64(0.5 + jitter / 2.0).min(self.max)
    }
}

/// Which of a job's own exit codes are retried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RetriedExitCodes {
    /// Every one but 0.
    Any,
    /// These: 1 to 255.
    These(Vec<i32>),
}

impl RetriedExitCodes {
    /// Whether the job's exit with `code` is retried.
    pub fn covers(&self, code: i32) -> bool {
        match self {
            Self::Any => code != 0,
            Self::These(codes) => codes.contains(&code),
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Any => Ok(()),
            Self::These(codes)
                if codes.len() <= 255 && codes.iter().all(|c| (1..=255).contains(c)) =>
            {
                Ok(())
            }
            Self::These(_) => Err(EXIT_CODES_EXPECTED.to_owned()),
        }
    }
}

const EXIT_CODES_EXPECTED: &str = "must be \"any\" or a list of exit codes from 1 to 255";

impl Serialize for RetriedExitCodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_str("any"),
            Self::These(codes) => codes.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RetriedExitCodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "must be \"any\" or a list of exit codes from 1 to 255"
        )]
        enum Written {
            Word(String),
            Codes(Vec<i32>),
        }
        match Written::deserialize(deserializer)? {
            Written::Word(word) if word == "any" => Ok(Self::Any),
            Written::Word(_) => Err(serde::de::Error::custom(EXIT_CODES_EXPECTED)),
            Written::Codes(codes) => Ok(Self::These(codes)),
        }
    }
}
