//! Plots as SVG text. Colours come from a style sheet, by class.

use std::fmt::Write as _;

/// A plot's frame: where data goes, and what the axes say.
#[derive(Debug, Clone)]
pub struct Plot {
    width: f64,
    height: f64,
    x: Axis,
    y: Axis,
    body: String,
}

/// One axis: the range of the data, and the values that are written beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Smallest and largest value.
    pub range: (f64, f64),
    /// Whether equal ratios are equal lengths.
    pub logarithmic: bool,
    /// Values with a mark, and what is written there.
    pub ticks: Vec<(f64, String)>,
}

const LEFT: f64 = 64.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;

impl Axis {
    /// A linear axis with marks at round values, some `count` of them, written with `unit`.
    pub fn linear(from: f64, to: f64, count: usize, unit: &str) -> Axis {
        let step = round_step((to - from) / count.max(1) as f64);
        let first = (from / step).ceil() as i64;
        let last = (to / step).floor() as i64;
        let decimals = usize::from(step < 1.0) + usize::from(step < 0.1);
        let ticks = (first..=last).map(|k| {
            let value = k as f64 * step;
            (value, format!("{value:.decimals$}{unit}"))
        });
        Axis {
            range: (from, to),
            logarithmic: false,
            ticks: ticks.collect(),
        }
    }

    /// A logarithmic axis with the given marks.
    pub fn logarithmic(from: f64, to: f64, ticks: Vec<(f64, String)>) -> Axis {
        Axis {
            range: (from, to),
            logarithmic: true,
            ticks,
        }
    }

    /// Where a value lies, from 0 to 1; outside of it at the nearer end.
    fn place(&self, value: f64) -> f64 {
        let scale = |x: f64| {
            if self.logarithmic {
                x.max(1e-12).ln()
            } else {
                x
            }
        };
        let (from, to) = (scale(self.range.0), scale(self.range.1));
        ((scale(value) - from) / (to - from)).clamp(0.0, 1.0)
    }
}

impl Plot {
    /// An empty plot with its grid.
    pub fn new(width: f64, height: f64, x: Axis, y: Axis) -> Plot {
        let mut plot = Plot {
            width,
            height,
            x,
            y,
            body: String::new(),
        };
        for (value, text) in plot.y.ticks.clone() {
            let y = plot.at_y(value);
            plot.push(&format!(
                r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="tick end" x="{:.1}" y="{:.1}">{text}</text>"#,
                width - RIGHT,
                LEFT - 8.0,
                y + 4.0
            ));
        }
        for (value, text) in plot.x.ticks.clone() {
            let (x, y) = (plot.at_x(value), height - 8.0);
            plot.push(&format!(
                r#"<text class="tick mid" x="{x:.1}" y="{y:.1}">{text}</text>"#
            ));
        }
        plot
    }

    /// A line through points.
    pub fn line(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let points = self.points(points);
        self.push(&format!(r#"<polyline class="{class}" points="{points}"/>"#));
    }

    /// A line that stays where it is until the next point.
    pub fn steps(&mut self, class: &str, points: &[(f64, f64)]) {
        let corners = points
            .windows(2)
            .flat_map(|pair| [pair[0], (pair[1].0, pair[0].1)]);
        self.line(class, corners.chain(points.last().copied()));
    }

    /// The area between a lower and an upper line: (x, low, high).
    pub fn band(&mut self, class: &str, points: &[(f64, f64, f64)]) {
        let there = points.iter().map(|(x, _, high)| (*x, *high));
        let back = points.iter().rev().map(|(x, low, _)| (*x, *low));
        let points = self.points(there.chain(back));
        self.push(&format!(r#"<polygon class="{class}" points="{points}"/>"#));
    }

    /// A horizontal line across, with a word at its left end.
    pub fn level(&mut self, class: &str, value: f64, text: &str) {
        let (y, right) = (self.at_y(value), self.width - RIGHT);
        self.push(&format!(
            r#"<line class="{class}" x1="{LEFT}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="note" x="{:.1}" y="{:.1}">{text}</text>"#,
            LEFT + 4.0,
            y - 5.0
        ));
    }

    /// Bars from the bottom: (from, to, height).
    pub fn bars(&mut self, class: &str, bars: &[(f64, f64, f64)]) {
        let bottom = self.at_y(self.y.range.0);
        for (from, to, height) in bars {
            let (x, y) = (self.at_x(*from), self.at_y(*height));
            let width = (self.at_x(*to) - x - 1.0).max(1.5);
            self.push(&format!(
                r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{:.1}"/>"#,
                (bottom - y).max(0.0)
            ));
        }
    }

    /// Marks at the upper edge, one row below another from 0 on.
    pub fn marks(&mut self, class: &str, row: u8, places: impl IntoIterator<Item = f64>) {
        let top = 2.0 + 6.0 * f64::from(row);
        for place in places {
            let x = self.at_x(place) - 0.75;
            self.push(&format!(
                r#"<rect class="{class}" x="{x:.1}" y="{top:.1}" width="1.5" height="5"/>"#
            ));
        }
    }

    /// The finished plot as a part of a larger picture, so far from its upper edge.
    pub fn part(self, down: f64) -> String {
        format!(r#"<g transform="translate(0 {down:.1})">{}</g>"#, self.body)
    }

    /// The finished picture, with a description for those who do not see it.
    pub fn finish(self, description: &str) -> String {
        let Plot {
            width,
            height,
            body,
            ..
        } = self;
        format!(
            r#"<svg viewBox="0 0 {width} {height}" role="img" aria-label="{description}">{body}</svg>"#
        )
    }

    fn at_x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (self.width - LEFT - RIGHT)
    }

    fn at_y(&self, value: f64) -> f64 {
        self.height - BOTTOM - self.y.place(value) * (self.height - TOP - BOTTOM)
    }

    fn points(&self, points: impl IntoIterator<Item = (f64, f64)>) -> String {
        points.into_iter().fold(String::new(), |mut text, (x, y)| {
            // Writing to a string does not fail.
            let _ = write!(text, "{:.1},{:.1} ", self.at_x(x), self.at_y(y));
            text
        })
    }

    fn push(&mut self, svg: &str) {
        self.body.push_str(svg);
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10.0_f64.powf(least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|k| k * power)
        .into_iter()
        .find(|step| *step >= least * 0.999)
        .unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers_within_the_range() {
        let axis = Axis::linear(0.0, 20.0, 10, " s");
        let texts: Vec<&str> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "0 s", "2 s", "4 s", "6 s", "8 s", "10 s", "12 s", "14 s", "16 s", "18 s", "20 s"
            ]
        );
    }

    #[test]
    fn points_outside_stay_at_the_edge() {
        let axis = Axis::logarithmic(1.0, 100.0, Vec::new());
        assert_eq!(
            (axis.place(0.0), axis.place(10.0), axis.place(1e6)),
            (0.0, 0.5, 1.0)
        );
    }
}
