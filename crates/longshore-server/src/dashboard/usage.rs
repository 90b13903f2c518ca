//! What an attempt used over time, as curves.

use std::fmt::Write as _;
use std::time::Duration;

use longshore_core::usage::UsagePoint;

use super::words::{bytes, span};

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 80.0;
/// What is the most still lies within the frame.
const TOP: f64 = 4.0;

/// A curve, and what it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Curve {
    /// Its name.
    pub name: &'static str,
    /// The points of an SVG of 600 by 80.
    pub points: String,
    /// The most of it, such as `1.5 cores` or `64 MiB`.
    pub most: String,
    /// The time that it is of.
    pub length: String,
}

/// CPU and memory, of each as much as is known; nothing of fewer than two samples.
pub(super) fn curves(points: &[UsagePoint]) -> Vec<Curve> {
    let Some(last) = points.last().filter(|_| points.len() > 1) else {
        return Vec::new();
    };
    let length = last.after_ms;
    let cpu = drawn(&cores(points), length);
    let memory: Vec<(u64, f64)> = points
        .iter()
        .filter_map(|point| Some((point.after_ms, as_float(point.memory_bytes?))))
        .collect();
    let memory = drawn(&memory, length);
    let most_memory = points.iter().filter_map(|point| point.memory_bytes).max();
    let length = span(Duration::from_millis(length));
    let cpu = cpu.map(|(points, most)| Curve {
        name: "CPU",
        points,
        most: format!("{most:.2} cores"),
        length: length.clone(),
    });
    let memory = memory.map(|(points, _)| Curve {
        name: "Memory of all its processes",
        points,
        most: bytes(most_memory.unwrap_or(0)),
        length,
    });
    cpu.into_iter().chain(memory).collect()
}

/// How many cores were busy up to each sample since the one before.
fn cores(points: &[UsagePoint]) -> Vec<(u64, f64)> {
    let mut cores = Vec::with_capacity(points.len());
    let (mut after, mut used) = (0, 0);
    for point in points {
        let Some(cpu) = point.cpu_micros else {
            continue;
        };
        let micros = point.after_ms.saturating_sub(after).saturating_mul(1000);
        if micros > 0 {
            let busy = as_float(cpu.saturating_sub(used)) / as_float(micros);
            cores.push((point.after_ms, busy));
        }
        (after, used) = (point.after_ms, cpu);
    }
    cores
}

/// Points of the picture, and the most of the values.
fn drawn(values: &[(u64, f64)], length: u64) -> Option<(String, f64)> {
    if values.len() < 2 {
        return None;
    }
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let mut points = String::new();
    for (after, value) in values {
        let x = as_float(*after) / as_float(length.max(1)) * WIDTH;
        let part = if most > 0.0 { value / most } else { 0.0 };
        let y = HEIGHT - part * (HEIGHT - TOP);
        // Writing to a text does not fail.
        let _ = write!(points, "{x:.1},{y:.1} ");
    }
    Some((points.trim_end().to_owned(), most))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture of 600 points is less precise"
)]
fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(after_ms: u64, cpu_micros: Option<u64>, memory_bytes: Option<u64>) -> UsagePoint {
        UsagePoint {
            after_ms,
            cpu_micros,
            memory_bytes,
        }
    }

    #[test]
    fn cpu_is_drawn_as_cores_between_samples_and_memory_as_it_was() {
        let points = [
            point(5000, Some(2_500_000), Some(32 << 20)),
            point(10_000, Some(7_500_000), Some(64 << 20)),
        ];
        let [cpu, memory] = &curves(&points)[..] else {
            panic!("two curves");
        };
        assert_eq!(cpu.points, "300.0,42.0 600.0,4.0");
        assert_eq!((&*cpu.most, &*cpu.length), ("1.00 cores", "10 s"));
        assert_eq!(memory.points, "300.0,42.0 600.0,4.0");
        assert_eq!(memory.most, "64 MiB");
    }

    #[test]
    fn what_is_not_known_is_not_drawn() {
        assert_eq!(curves(&[]), []);
        assert_eq!(curves(&[point(5000, Some(1), Some(1))]), []);
        let idle = [point(5000, Some(0), None), point(10_000, Some(0), None)];
        let drawn = curves(&idle);
        assert_eq!(drawn.len(), 1, "{drawn:?}");
        assert_eq!(drawn[0].points, "300.0,80.0 600.0,80.0");
        // Less than before is nothing at all.
        let again = [
            point(5000, Some(9_000_000), None),
            point(10_000, Some(1_000_000), None),
        ];
        assert_eq!(curves(&again)[0].points, "300.0,4.0 600.0,80.0");
    }
}
