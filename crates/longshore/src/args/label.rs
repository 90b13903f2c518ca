//! A label as people set it on a host, or ask it of one.

use std::str::FromStr;

use longshore_core::spec::check_name;

/// `KEY=VALUE`, or `KEY-`.
#[derive(Clone, Debug)]
pub struct LabelArg {
    /// The key.
    pub key: String,
    /// The value; none takes the label away.
    pub value: Option<String>,
}

impl FromStr for LabelArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = match (text.split_once('='), text.strip_suffix('-')) {
            (Some((key, value)), _) => (key, Some(value.to_owned())),
            (None, Some(key)) => (key, None),
            (None, None) => return Err("a label is KEY=VALUE, or KEY- to take it away".to_owned()),
        };
        check_name("label", key).map_err(|error| error.to_string())?;
        Ok(Self {
            key: key.to_owned(),
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_set_or_taken_away() {
        let parse = |text: &str| {
            let label: LabelArg = text.parse().expect(text);
            (label.key, label.value)
        };
        assert_eq!(parse("gpu=a100"), ("gpu".into(), Some("a100".into())));
        assert_eq!(parse("gpu=a=b-"), ("gpu".into(), Some("a=b-".into())));
        assert_eq!(parse("gpu="), ("gpu".into(), Some(String::new())));
        assert_eq!(parse("gpu-"), ("gpu".into(), None));
        for text in ["gpu", "=x", "-", "", "UPPER=1"] {
            assert!(text.parse::<LabelArg>().is_err(), "{text}");
        }
    }
}
