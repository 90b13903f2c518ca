//! Values that must not be seen by accident.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of an environment variable. `Debug` shows `***`, and there is no `Display`: whoever
/// wants the value has to say [`EnvValue::reveal`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvValue(String);

impl EnvValue {
    /// The value itself, for the launch.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for EnvValue {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for EnvValue {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::JobSpec;

    #[test]
    fn debug_output_of_a_spec_hides_environment_values() {
        let mut spec = JobSpec::process(["true"]);
        spec.env.insert("PASSWORD".into(), "hunter2".into());
        let shown = format!("{spec:?}");
        assert!(
            shown.contains("PASSWORD") && shown.contains("***"),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
