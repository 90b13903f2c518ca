//! The exposition format, read back.

use std::collections::{BTreeMap, BTreeSet};

/// A sample: its name, its labels, its number.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub number: f64,
}

/// What one scrape brought.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// By name: the kind that was said of it.
    pub kinds: BTreeMap<String, String>,
    /// Names that something was said of.
    pub described: BTreeSet<String>,
    pub samples: Vec<Sample>,
}

impl Scrape {
    /// Reads it; whatever does not fit the format fails the test.
    pub fn read(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a kind");
                let before = scrape.kinds.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} is said twice");
            } else if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, meaning) = rest.split_once(' ').expect("a name and a meaning");
                assert!(!meaning.is_empty(), "{name}");
                scrape.described.insert(name.to_owned());
            } else {
                scrape.samples.push(sample(line));
            }
        }
        scrape
    }

    /// The metric that a sample belongs to: of a histogram's, without what stands behind its name.
    pub fn metric_of<'s>(&self, sample: &'s Sample) -> &'s str {
        let name = &sample.name;
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
            let stem = name.strip_suffix(suffix)?;
            let kind = self.kinds.get(stem)?;
            (kind == "histogram").then_some(stem)
        });
        of_histogram.unwrap_or(name)
    }

    /// The sum of all samples of this name with these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |sample: &&Sample| {
            let has = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).is_some_and(|has| has == value)
            };
            sample.name == name && labels.iter().all(has)
        };
        self.samples.iter().filter(fits).map(|s| s.number).sum()
    }

    /// The samples of this name that are not 0, by the value of one label, summed over the others.
    pub fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.samples.iter().filter(|s| s.name == name) {
            let value = sample.labels.get(label).expect("the label");
            *sums.entry(value.clone()).or_default() += sample.number;
        }
        sums.retain(|_, sum| *sum != 0.0);
        sums
    }

    /// What tells one series from another.
    pub fn series(&self) -> BTreeSet<String> {
        let samples = self.samples.iter();
        samples
            .map(|s| format!("{}{:?}", s.name, s.labels))
            .collect()
    }
}

fn sample(line: &str) -> Sample {
    let (series, number) = line.rsplit_once(' ').expect("a series and a number");
    let number = number
        .parse()
        .unwrap_or_else(|_| panic!("a number: {line}"));
    let (name, labels) = match series.split_once('{') {
        None => (series, BTreeMap::new()),
        Some((name, labels)) => {
            let labels = labels.strip_suffix('}').expect("labels end");
            (name, read_labels(labels))
        }
    };
    let name = name.to_owned();
    Sample {
        name,
        labels,
        number,
    }
}

/// None of what is exported here has a quote or a comma in a value.
fn read_labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').map(|pair| {
        let (label, value) = pair.split_once('=').expect("a label and its value");
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        (label.to_owned(), value.expect("a quoted value").to_owned())
    });
    pairs.collect()
}
