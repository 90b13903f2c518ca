//! The exposition format of Prometheus, for what is read anew at each scrape: what is there no more is
//! absent, where a collector would show it for ever.

use std::fmt::Write as _;

use longshore_core::metric::Metric;

/// Samples in the exposition format, metric by metric.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// The samples of one metric: each with the values of its labels, in their order.
    pub fn metric<const LABELS: usize>(
        &mut self,
        metric: &Metric,
        samples: impl IntoIterator<Item = ([String; LABELS], f64)>,
    ) {
        let Metric {
            name,
            kind,
            labels,
            meaning,
            ..
        } = metric;
        debug_assert_eq!(labels.len(), LABELS, "{name}");
        let (help, kind) = (escaped(meaning, false), kind.as_str());
        // A String takes whatever is written.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (values, number) in samples {
            let pairs = labels.iter().zip(values);
            let pairs: Vec<String> = pairs
                .map(|(label, value)| format!("{label}=\"{}\"", escaped(&value, true)))
                .collect();
            let _ = match &pairs[..] {
                [] => writeln!(self.0, "{name} {number}"),
                pairs => writeln!(self.0, "{name}{{{}}} {number}", pairs.join(",")),
            };
        }
        self.0.push('\n');
    }

    pub fn finish(self) -> String {
        self.0
    }
}

fn escaped(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quoted {
        text.replace('"', "\\\"")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_value_is_escaped() {
        let metric = Metric::gauge("longshore_things", &["queue", "state"], "Things");
        let mut text = Text::default();
        let samples = [
            (["a\"b\\c\nd".to_owned(), "due".to_owned()], 1.0),
            (["x".to_owned(), "later".to_owned()], 2.5),
        ];
        text.metric(&metric, samples);
        text.metric(&Metric::gauge("longshore_up", &[], "Up"), [([], 0.0)]);
        assert_eq!(
            text.finish(),
            "# HELP longshore_things Things\n# TYPE longshore_things gauge\n\
             longshore_things{queue=\"a\\\"b\\\\c\\nd\",state=\"due\"} 1\n\
             longshore_things{queue=\"x\",state=\"later\"} 2.5\n\n\
             # HELP longshore_up Up\n# TYPE longshore_up gauge\nlongshore_up 0\n\n"
        );
    }
}
