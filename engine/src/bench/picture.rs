//! A scenario as a picture: how late datagrams were, how deep the queue, what was lost and what concealed.

use std::fmt::Write as _;

use farsend_score::plot::{Axis, Plot};

use super::take::{Outcome, SETTLE};

/// What happened when, in one direction. Times are in seconds from the beginning.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Each datagram: when it was sent, and how many milliseconds it was under way; none: it was lost.
    pub travels: Vec<(f32, Option<f32>)>,
    /// Each block.
    pub blocks: Vec<BlockFacts>,
}

/// A block that was played.
#[derive(Debug, Clone, Copy)]
pub struct BlockFacts {
    /// When, in seconds.
    pub at: f32,
    /// The queue right before, in milliseconds.
    pub depth: f32,
    /// A part of it was missing.
    pub concealed: bool,
}

/// Both directions of a scenario as an SVG file, one below the other.
pub fn picture(name: &str, about: &str, ways: [(&str, &Outcome); 2]) -> String {
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}"><style>{STYLE}</style><rect class="paper" width="{WIDTH}" height="{HEIGHT}"/><text class="title" x="{LEFT}" y="26">{}</text>"#,
        escaped(about),
        escaped(&format!("{name}: {about}")),
    );
    let legend = [
        ("late", "under way for longer than the fastest datagram"),
        ("depth", "queue, least to most"),
        ("lost", "lost on the way"),
        ("concealed", "concealed"),
    ];
    let mut x = LEFT;
    for (class, text) in legend {
        // Writing to a string does not fail.
        _ = write!(
            svg,
            r#"<rect class="{class}" x="{x}" y="39" width="12" height="8"/><text class="tick" x="{}" y="47">{text}</text>"#,
            x + 17.0
        );
        x += 34.0 + 6.2 * text.len() as f64;
    }
    for (number, (way, outcome)) in (0..).zip(ways) {
        let down = HEAD + PART * f64::from(number);
        let delay = match outcome.score.mean_delay() {
            delay if delay.is_finite() => format!("{delay:.1} ms"),
            _ => "not known".to_owned(),
        };
        let words = format!(
            "{way}: {} of {} datagrams lost; after {SETTLE} s {} packets late, {} repaired, {} ms concealed; delay {delay}",
            outcome.traffic.lost,
            outcome.traffic.datagrams,
            outcome.counts.late,
            outcome.counts.repaired,
            outcome.counts.concealed * 1000 / u64::from(outcome.rate.0.max(1)),
        );
        _ = write!(
            svg,
            r#"<text class="way" x="{LEFT}" y="{:.1}">{}</text>"#,
            down + 14.0,
            escaped(&words)
        );
        svg += &part(&outcome.course).part(down + 20.0);
    }
    svg + "</svg>\n"
}

/// One direction.
fn part(course: &Course) -> Plot {
    let end = course
        .blocks
        .last()
        .map_or(1.0, |block| f64::from(block.at))
        .max(1.0);
    let least = course.travels.iter().filter_map(|(_, took)| *took);
    let least = least.fold(f32::INFINITY, f32::min);
    let late = columns(
        end,
        course
            .travels
            .iter()
            .filter_map(|(at, took)| Some((f64::from(*at), f64::from((*took)? - least)))),
    );
    let depth = columns(
        end,
        course
            .blocks
            .iter()
            .map(|block| (f64::from(block.at), f64::from(block.depth))),
    );
    let highest =
        |columns: &[(f64, f64, f64)]| columns.iter().map(|(_, _, most)| *most).fold(0.0, f64::max);
    let top = highest(&late).max(highest(&depth)).max(LOWEST_TOP) * 1.15;
    let seconds = Axis::linear(0.0, end, 10, " s");
    let mut plot = Plot::new(
        WIDTH,
        PART - 24.0,
        seconds,
        Axis::linear(0.0, top, 4, " ms"),
    );
    let column = end / COLUMNS as f64;
    let above: Vec<(f64, f64, f64)> = late.iter().map(|(at, _, most)| (*at, 0.0, *most)).collect();
    plot.band("late", &above);
    plot.band("depth", &depth);
    let lost = course.travels.iter().filter(|(_, took)| took.is_none());
    plot.marks(
        "lost",
        0,
        distinct(column, lost.map(|(at, _)| f64::from(*at))),
    );
    let concealed = course.blocks.iter().filter(|block| block.concealed);
    plot.marks(
        "concealed",
        1,
        distinct(column, concealed.map(|block| f64::from(block.at))),
    );
    plot
}

/// The least and the most of each column that has any: (its middle, least, most).
fn columns(end: f64, points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64, f64)> {
    let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); COLUMNS];
    for (at, value) in points {
        let column = (at / end * COLUMNS as f64) as usize;
        let range = &mut ranges[column.min(COLUMNS - 1)];
        *range = (range.0.min(value), range.1.max(value));
    }
    let width = end / COLUMNS as f64;
    let all = ranges.into_iter().enumerate();
    all.filter(|(_, (least, most))| least <= most)
        .map(|(column, (least, most))| ((column as f64 + 0.5) * width, least, most))
        .collect()
}

/// One place a column at most: what cannot be told apart is not drawn again and again.
fn distinct(column: f64, places: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = places.map(|at| (at / column).floor() * column).collect();
    all.dedup();
    all
}

/// As text of an XML file.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

const WIDTH: f64 = 1040.0;
const HEAD: f64 = 60.0;
const PART: f64 = 200.0;
const HEIGHT: f64 = HEAD + 2.0 * PART + 8.0;
/// Where plots begin.
const LEFT: f64 = 64.0;
/// Of what was drawn.
const COLUMNS: usize = 470;
/// In milliseconds: a calm line is to look calm.
const LOWEST_TOP: f64 = 8.0;

/// For light and for dark pages.
const STYLE: &str = ":root{--paper:#fff;--ink:#1d2430;--soft:#66707f;--line:#e3dfd6;--late:#a9bfd6;--depth:#d9772b;--lost:#66707f;--gone:#8a3b62}\
    @media (prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e8e6e1;--soft:#9aa3af;--line:#303743;--late:#41617f;--depth:#f0a35e;--lost:#9aa3af;--gone:#d58bb0}}\
    text{font:12px system-ui,sans-serif;fill:var(--soft)}.title{font-size:15px;font-weight:600;fill:var(--ink)}.way{fill:var(--ink)}\
    .end{text-anchor:end}.mid{text-anchor:middle}.paper{fill:var(--paper)}.grid{stroke:var(--line);stroke-width:1}\
    .late{fill:var(--late)}.depth{fill:var(--depth);stroke:var(--depth);stroke-width:1}.lost{fill:var(--lost)}.concealed{fill:var(--gone)}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_least_and_the_most_of_what_falls_into_it() {
        let points = [(0.0, 3.0), (0.001, 1.0), (9.99, 7.0), (10.0, 5.0)];
        let found = columns(10.0, points.into_iter());
        let middle = 10.0 / COLUMNS as f64 / 2.0;
        assert_eq!(found[0], (middle, 1.0, 3.0));
        assert_eq!((found.len(), found[1].1, found[1].2), (2, 5.0, 7.0));
    }

    #[test]
    fn what_cannot_be_told_apart_is_one_mark() {
        assert_eq!(
            distinct(0.5, [0.1, 0.2, 0.6, 0.7, 2.0].into_iter()),
            [0.0, 0.5, 2.0]
        );
    }

    #[test]
    fn a_name_is_text_whatever_is_in_it() {
        assert_eq!(escaped("a<b>&\"c\n"), "a&lt;b&gt;&amp;&quot;c ");
    }

    #[test]
    fn a_course_of_nothing_is_a_picture_too() {
        let plot = part(&Course::default());
        assert!(plot.part(0.0).contains(" ms</text>"));
    }
}
