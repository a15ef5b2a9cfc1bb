//! The demo's report: one HTML page that needs nothing besides itself.

use std::time::Duration;

use farsend_score::plot::{Axis, Plot};

use super::compare::Comparison;
use super::music::Stereo;
use crate::host::Call;

/// What is reported.
#[derive(Debug)]
pub struct Facts {
    /// Frames a second.
    pub rate: u32,
    /// Frames a block of the host.
    pub block: u32,
    /// What went into the plugin.
    pub sent: Stereo,
    /// What came out of it, from the same moment on.
    pub returned: Stereo,
    /// How they compare; `None`: nothing came back.
    pub comparison: Option<Comparison>,
    /// The host's calls of `process()` meanwhile.
    pub calls: Vec<Call>,
    /// The peer, in a few words.
    pub peer: String,
    /// Stations of the audio on its way, and one line about each.
    pub stations: Vec<(String, String)>,
    /// What else a reader may want to know: (name, value).
    pub details: Vec<(String, String)>,
}

impl Facts {
    /// The four lines that sum it up: what came back, how late, what is missing, what it cost.
    pub fn summary(&self) -> [String; 4] {
        let seconds = self.sent[0].len() as f64 / f64::from(self.rate);
        let Some(found) = &self.comparison else {
            return [
                format!(
                    "Sent {seconds:.1} s of music to {}; nothing came back.",
                    self.peer
                ),
                "Round trip: unknown.".into(),
                "Missing: everything.".into(),
                self.cost(),
            ];
        };
        [
            format!(
                "Sent {seconds:.1} s of music through the plugin to {}: {} of it came back the same.",
                self.peer,
                percent(found.same, found.compared)
            ),
            format!(
                "Round trip, plugin to peer to plugin: {:.2} ms ({} frames, {} blocks of {}), {}.",
                self.milliseconds(found.delay),
                found.delay,
                found.delay as f64 / f64::from(self.block),
                self.block,
                if self.is_steady(found) {
                    "the same from beginning to end"
                } else {
                    "and it moved"
                }
            ),
            match found.altered.len() {
                0 => "Lost, late or concealed: nothing.".into(),
                count => format!(
                    "Lost, late or concealed: {:.1} ms in {count} places.",
                    self.milliseconds(found.compared - found.same)
                ),
            },
            self.cost(),
        ]
    }

    /// The page.
    pub fn page(&self) -> String {
        let template = include_str!("report.html");
        let [headline, ..] = self.summary();
        let replacements = [
            ("{{title}}", self.title()),
            ("{{headline}}", headline),
            ("{{tiles}}", self.tiles()),
            ("{{stations}}", self.stations()),
            ("{{overview}}", self.overview()),
            ("{{latency}}", self.latency()),
            ("{{histogram}}", self.histogram()),
            ("{{missing}}", self.missing()),
            ("{{process}}", self.process()),
            ("{{process_table}}", self.process_table()),
            ("{{details}}", self.details()),
            ("{{rate}}", self.rate.to_string()),
            ("{{sent_data}}", base64(&samples(&self.sent[0]))),
            ("{{returned_data}}", base64(&samples(self.aligned()))),
        ];
        replacements
            .iter()
            .fold(template.to_owned(), |page, (name, value)| {
                page.replace(name, value)
            })
    }

    fn title(&self) -> String {
        match &self.comparison {
            None => "Nothing came back.",
            Some(found) if found.altered.is_empty() => "What went out came back.",
            Some(_) => "It came back, not quite whole.",
        }
        .into()
    }

    fn cost(&self) -> String {
        let took = self.sorted_took();
        let part = quantile(&took, 0.5).as_secs_f64() / self.deadline().as_secs_f64();
        format!(
            "process(): {} as a rule, {} at most, of the {} that a block lasts ({:.2} %); {} allocations.",
            microseconds(quantile(&took, 0.5)),
            microseconds(quantile(&took, 1.0)),
            microseconds(self.deadline()),
            part * 100.0,
            self.calls.iter().map(|call| call.allocations).sum::<u64>()
        )
    }

    fn tiles(&self) -> String {
        let took = self.sorted_took();
        let (same, trip, holes) = match &self.comparison {
            Some(found) => (
                percent(found.same, found.compared),
                format!("{:.2} ms", self.milliseconds(found.delay)),
                format!("{:.1} ms", self.milliseconds(found.compared - found.same)),
            ),
            None => ("0 %".into(), "–".into(), "all".into()),
        };
        let largest = self
            .comparison
            .as_ref()
            .map_or(0.0, |found| found.largest_step);
        let tiles = [
            (
                same,
                "came back the same".into(),
                format!("every sample within {largest:.1} steps of 16 bit"),
            ),
            (
                trip,
                "round trip".into(),
                format!("{} frames, plugin out to plugin in", self.delay()),
            ),
            (
                holes,
                "lost, late or concealed".into(),
                format!("of {:.1} s", self.seconds()),
            ),
            (
                microseconds(quantile(&took, 0.5)),
                "in process()".into(),
                format!(
                    "{} at 99.9 %, of {}",
                    microseconds(quantile(&took, 0.999)),
                    microseconds(self.deadline())
                ),
            ),
        ];
        let tile = |(value, name, note): &(String, String, String)| {
            format!(
                r#"<div class="tile"><b>{value}</b><span>{name}</span><small>{note}</small></div>"#
            )
        };
        tiles.iter().map(tile).collect()
    }

    fn stations(&self) -> String {
        let station = |(name, note): &(String, String)| {
            format!(
                "<li><b>{}</b><span>{}</span></li>",
                escape(name),
                escape(note)
            )
        };
        self.stations.iter().map(station).collect()
    }

    fn details(&self) -> String {
        let row = |(name, value): &(String, String)| {
            format!(
                "<tr><th>{}</th><td>{}</td></tr>",
                escape(name),
                escape(value)
            )
        };
        self.details.iter().map(row).collect()
    }

    /// Both waveforms, one above the other, and what is left when one is taken from the other.
    fn overview(&self) -> String {
        let peak = self.sent[0]
            .iter()
            .fold(0.01_f32, |peak, x| peak.max(x.abs()));
        let peak = f64::from(peak) * 1.02;
        let lane = |samples: &[f32], class: &str, height: f64| {
            let axis = Axis {
                range: (-peak, peak),
                logarithmic: false,
                ticks: vec![(0.0, String::new())],
            };
            let mut plot = Plot::new(
                1040.0,
                height,
                Axis {
                    ticks: Vec::new(),
                    ..self.time_axis()
                },
                axis,
            );
            plot.band(class, &self.envelope(samples));
            plot.finish("waveform")
        };
        let difference = self.difference();
        let mut plot = Plot::new(
            1040.0,
            120.0,
            self.time_axis(),
            Axis::linear(-120.0, 0.0, 3, " dB"),
        );
        let decibels: Vec<(f64, f64, f64)> = self
            .envelope(&difference)
            .into_iter()
            .map(|(x, low, high)| {
                (
                    x,
                    -120.0,
                    20.0 * low.abs().max(high.abs()).max(1e-6).log10(),
                )
            })
            .collect();
        plot.band("difference", &decibels);
        plot.level(
            "limit",
            20.0 * (1.0_f64 / 32_768.0).log10(),
            "one step of 16 bit",
        );
        format!(
            r#"<figcaption>sent</figcaption>{}<figcaption>returned, moved back by {} frames</figcaption>{}<figcaption>difference</figcaption>{}"#,
            lane(&self.sent[0], "sent", 110.0),
            self.delay(),
            lane(self.aligned(), "returned", 110.0),
            plot.finish("level of the difference between what was sent and what returned")
        )
    }

    fn latency(&self) -> String {
        let windows = self
            .comparison
            .as_ref()
            .map_or(&[][..], |found| &found.windows);
        let points: Vec<(f64, f64)> = windows
            .iter()
            .map(|window| {
                (
                    window.at as f64 / f64::from(self.rate),
                    self.milliseconds(window.delay),
                )
            })
            .collect();
        let highest = points.iter().map(|point| point.1).fold(1.0, f64::max);
        let axis = Axis::linear(0.0, highest * 1.35, 4, " ms");
        let mut plot = Plot::new(700.0, 220.0, self.time_axis(), axis);
        plot.steps("returned-line", &points);
        plot.finish("round trip over time, in milliseconds")
    }

    fn histogram(&self) -> String {
        let windows = self
            .comparison
            .as_ref()
            .map_or(&[][..], |found| &found.windows);
        let (least, most) = windows
            .iter()
            .map(|window| window.delay)
            .fold((usize::MAX, 0), |(low, high), delay| {
                (low.min(delay), high.max(delay))
            });
        let (least, most) = if windows.is_empty() {
            (0, 1)
        } else {
            (least, most)
        };
        let margin = ((most - least) / 8).max(self.block as usize * 2);
        let (from, to) = (least.saturating_sub(margin), most + margin);
        let cells = 41;
        let width = (to - from) as f64 / f64::from(cells);
        let bars: Vec<(f64, f64, f64)> = (0..cells)
            .map(|cell| {
                let low = from as f64 + f64::from(cell) * width;
                let inside = |delay: f64| delay >= low && delay < low + width;
                let count = windows
                    .iter()
                    .filter(|window| inside(window.delay as f64))
                    .count();
                (low, low + width, count as f64)
            })
            .collect();
        let highest = bars.iter().map(|bar| bar.2).fold(1.0, f64::max);
        let mut plot = Plot::new(
            340.0,
            220.0,
            Axis::linear(from as f64, to as f64, 4, ""),
            Axis::linear(0.0, highest * 1.1, 4, ""),
        );
        plot.bars("returned", &bars);
        plot.finish("how often each round trip was seen, in frames")
    }

    /// Milliseconds of what went out that came back otherwise, adding up over time.
    fn missing(&self) -> String {
        let altered = self
            .comparison
            .as_ref()
            .map_or(&[][..], |found| &found.altered);
        let mut sum = 0;
        let mut points = vec![(0.0, 0.0)];
        for (at, frames) in altered {
            sum += frames;
            points.push((*at as f64 / f64::from(self.rate), self.milliseconds(sum)));
        }
        points.push((self.seconds(), self.milliseconds(sum)));
        let highest = self.milliseconds(sum).max(10.0);
        let mut plot = Plot::new(
            1040.0,
            150.0,
            self.time_axis(),
            Axis::linear(0.0, highest * 1.2, 3, " ms"),
        );
        plot.steps("difference-line", &points);
        plot.finish("what was lost, late or concealed, adding up over time")
    }

    /// Each block's time in the plugin; a column is the range of the blocks in it.
    fn process(&self) -> String {
        let deadline = self.deadline().as_secs_f64() * 1e6;
        let ticks = [0.1, 1.0, 10.0, 100.0, 1000.0].map(|value| (value, format!("{value} µs")));
        let ticks = ticks
            .into_iter()
            .filter(|(value, _)| *value < deadline)
            .collect();
        let axis = Axis::logarithmic(0.1, deadline * 1.5, ticks);
        let mut plot = Plot::new(1040.0, 240.0, self.time_axis(), axis);
        let columns = 500;
        let size = self.calls.len().div_ceil(columns).max(1);
        let mut middle = Vec::new();
        let ranges: Vec<(f64, f64, f64)> = self
            .calls
            .chunks(size)
            .enumerate()
            .map(|(index, calls)| {
                let at = (index * size) as f64 * f64::from(self.block) / f64::from(self.rate);
                let mut took: Vec<Duration> = calls.iter().map(|call| call.took).collect();
                took.sort_unstable();
                middle.push((at, quantile(&took, 0.5).as_secs_f64() * 1e6));
                (
                    at,
                    took[0].as_secs_f64() * 1e6,
                    took[took.len() - 1].as_secs_f64() * 1e6,
                )
            })
            .collect();
        plot.band("sent-soft", &ranges);
        plot.line("sent-line", middle);
        plot.level("limit", deadline, "the block's own length: the deadline");
        plot.finish("time in process() for each block, in microseconds")
    }

    fn process_table(&self) -> String {
        let took = self.sorted_took();
        let mut late: Vec<Duration> = self.calls.iter().map(|call| call.late).collect();
        late.sort_unstable();
        let row = |name: &str, sorted: &[Duration]| {
            let cell = |part| format!("<td>{}</td>", microseconds(quantile(sorted, part)));
            let cells: String = [0.5, 0.9, 0.99, 0.999, 1.0].map(cell).concat();
            format!("<tr><th>{name}</th>{cells}</tr>")
        };
        row("process() takes", &took) + &row("the host calls late by", &late)
    }

    fn sorted_took(&self) -> Vec<Duration> {
        let mut took: Vec<Duration> = self.calls.iter().map(|call| call.took).collect();
        took.sort_unstable();
        took
    }

    /// (second, lowest, highest) of each column of an overview.
    fn envelope(&self, samples: &[f32]) -> Vec<(f64, f64, f64)> {
        const COLUMNS: usize = 960;
        let frames = self.sent[0].len();
        let size = frames.div_ceil(COLUMNS).max(1);
        let column = |at: usize| {
            let from = at.min(samples.len());
            let part = &samples[from..(from + size).min(samples.len())];
            let (low, high) = part.iter().fold((0.0_f32, 0.0_f32), |(low, high), x| {
                (low.min(*x), high.max(*x))
            });
            (
                at as f64 / f64::from(self.rate),
                f64::from(low),
                f64::from(high),
            )
        };
        (0..frames).step_by(size).map(column).collect()
    }

    fn difference(&self) -> Vec<f32> {
        self.sent[0]
            .iter()
            .zip(self.aligned())
            .map(|(sent, returned)| sent - returned)
            .collect()
    }

    /// The left channel of what came back, moved back by its delay.
    fn aligned(&self) -> &[f32] {
        let aligned = self
            .comparison
            .as_ref()
            .and_then(|found| found.aligned.first());
        aligned.map_or(&self.returned[0], |channel| channel)
    }

    fn time_axis(&self) -> Axis {
        Axis::linear(0.0, self.seconds(), 10, " s")
    }

    fn delay(&self) -> usize {
        self.comparison.as_ref().map_or(0, |found| found.delay)
    }

    fn is_steady(&self, found: &Comparison) -> bool {
        found
            .windows
            .iter()
            .all(|window| window.delay == found.delay)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs_f64(f64::from(self.block) / f64::from(self.rate))
    }

    fn seconds(&self) -> f64 {
        self.sent[0].len() as f64 / f64::from(self.rate)
    }

    fn milliseconds(&self, frames: usize) -> f64 {
        frames as f64 * 1000.0 / f64::from(self.rate)
    }
}

/// Of sorted times, the one that `part` of them do not exceed.
fn quantile(sorted: &[Duration], part: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((part * last as f64).round() as usize)
        .copied()
        .unwrap_or_default()
}

fn microseconds(time: Duration) -> String {
    let time = time.as_secs_f64() * 1e6;
    if time < 100.0 {
        format!("{time:.1} µs")
    } else {
        format!("{time:.0} µs")
    }
}

/// Rounded down: only the whole is 100 %.
fn percent(part: usize, whole: usize) -> String {
    if part == whole {
        return "100 %".into();
    }
    let percent = (part as f64 * 100_000.0 / whole.max(1) as f64).floor() / 1000.0;
    format!("{percent:.3} %")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// 16 bit, little endian.
fn samples(samples: &[f32]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|x| ((x * 32_767.0).round().clamp(-32_767.0, 32_767.0) as i16).to_le_bytes())
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * i) & 63) as usize];
            text.push(if i > chunk.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_its_standard_has_it() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn only_the_whole_is_a_hundred_percent() {
        assert_eq!(percent(960_000, 960_000), "100 %");
        assert_eq!(percent(959_999, 960_000), "99.999 %");
    }
}
