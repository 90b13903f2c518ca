//! What a metric is called and what it says: the description that code, scrapes and
//! `docs/metrics.md` share.

/// A metric. Each crate that has some lists them all in one place, so that tests can go through them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Metric {
    /// Its name, with `longshore_` before and the unit behind.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What it is counted in.
    pub unit: Unit,
    /// The names of its labels. Each has few values, whatever runs: none is a job, an image or a path.
    pub labels: &'static [&'static str],
    /// What it says, as one sentence without its stop.
    pub meaning: &'static str,
}

/// What kind of number a metric is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Only ever grows, from 0 when the process begins.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often values fell below each of these bounds, which are in the metric's unit.
    Histogram(&'static [f64]),
}

/// What a metric is counted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

impl Kind {
    /// As the exposition format calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl Unit {
    /// As people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

impl Metric {
    /// A counter of things.
    pub const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self::new(name, Kind::Counter, Unit::Count, labels, meaning)
    }

    /// A gauge of things.
    pub const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self::new(name, Kind::Gauge, Unit::Count, labels, meaning)
    }

    /// A histogram of durations.
    pub const fn durations(
        name: &'static str,
        bounds: &'static [f64],
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        let kind = Kind::Histogram(bounds);
        Self::new(name, kind, Unit::Seconds, labels, meaning)
    }

    /// The same, counted in something else.
    #[must_use]
    pub const fn of(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    const fn new(
        name: &'static str,
        kind: Kind,
        unit: Unit,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            unit,
            labels,
            meaning,
        }
    }

    /// Its line in the table of `docs/metrics.md`.
    pub fn row(&self) -> String {
        let labels: Vec<String> = self
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        format!(
            "| `{}` | {} | {} | {} | {} |",
            self.name,
            self.kind.as_str(),
            self.unit.as_str(),
            labels.join(", "),
            self.meaning,
        )
    }

    /// What is wrong with its name or its labels, by the habits of Prometheus.
    pub fn fault(&self) -> Option<String> {
        let Self { name, kind, .. } = self;
        let words = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let is_total = name.ends_with("_total");
        let stem = name.strip_suffix("_total").unwrap_or(name);
        if !name.starts_with("longshore_") || !words(name) {
            return Some("longshore_, then lower-case words".to_owned());
        }
        if (*kind == Kind::Counter) != is_total {
            return Some("a counter ends in _total, and nothing else does".to_owned());
        }
        if self.unit != Unit::Count && !stem.ends_with(self.unit.as_str()) {
            return Some(format!("ends in {}", self.unit.as_str()));
        }
        if self.labels.iter().any(|label| !words(label)) {
            return Some("labels are lower-case words".to_owned());
        }
        match kind {
            Kind::Histogram(bounds) if bounds.is_empty() || !bounds.is_sorted() => {
                Some("bounds rise".to_owned())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_against_the_habits_is_found() {
        let fine = Metric::counter("longshore_things_total", &["queue"], "Things");
        assert_eq!(fine.fault(), None);
        for bad in [
            Metric::counter("longshore_things", &[], "no _total"),
            Metric::gauge("longshore_things_total", &[], "no counter"),
            Metric::counter("things_total", &[], "no prefix"),
            Metric::gauge("longshore_Things", &[], "upper case"),
            Metric::counter("longshore_things_total", &["Queue"], "upper case"),
            Metric::counter("longshore_things_total", &[], "no unit").of(Unit::Bytes),
            Metric::durations("longshore_wait", &[1.0], &[], "no unit"),
            Metric::durations("longshore_wait_seconds", &[2.0, 1.0], &[], "falls"),
        ] {
            assert!(bad.fault().is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_row_says_everything() {
        let metric =
            Metric::counter("longshore_things_total", &["queue", "kind"], "Things").of(Unit::Bytes);
        assert_eq!(
            metric.row(),
            "| `longshore_things_total` | counter | bytes | `queue`, `kind` | Things |"
        );
    }
}
