//! How well it goes, in numbers.

use egui::{Color32, Grid, RichText, Ui};
use farsend_ipc::message::{Minute, SessionState, Statistics};

use super::look::{self, Palette};
use crate::shared::View;
use crate::situation::Situation;

/// The statistics, or lines where they would be: side by side, where there is room.
pub(super) fn show(ui: &mut Ui, view: &View) {
    let numbers = view.statistics.as_deref();
    if ui.available_width() < NARROW {
        path(ui, numbers);
        ui.add_space(look::GAP);
        minute(ui, numbers, packet_ms(view));
        return;
    }
    ui.columns_const(|[left, right]| {
        path(left, numbers);
        minute(right, numbers, packet_ms(view));
    });
}

/// Delay, and what it is made of.
fn path(ui: &mut Ui, numbers: Option<&Statistics>) {
    ui.label(look::heading("Network"));
    let rows = [
        ("Queued", numbers.map(queue), QUEUE),
        ("Jitter", numbers.map(jitter), JITTER),
        ("Round trip", numbers.and_then(round_trip), ROUND_TRIP),
        ("One way", numbers.and_then(one_way), ONE_WAY),
        ("Drift", numbers.and_then(drift), DRIFT),
    ];
    grid(ui, "path", |ui| {
        for (name, value, meaning) in rows {
            let value = value.unwrap_or_else(|| NONE.into());
            ui.label(look::quiet(name)).on_hover_text(meaning);
            ui.label(RichText::new(value).monospace())
                .on_hover_text(meaning);
            ui.end_row();
        }
    });
}

/// What went wrong of late. `packet_ms`: how long one of the peer's packets is, if that is known.
fn minute(ui: &mut Ui, numbers: Option<&Statistics>, packet_ms: Option<f64>) {
    let colours = look::palette(ui);
    ui.label(look::heading(&period(numbers)));
    let minute = numbers.map(|numbers| numbers.minute);
    let of = |count: fn(&Minute) -> u64| minute.as_ref().map(count);
    let counts = [
        ("Lost", of(|minute| minute.lost), colours.bad, LOST),
        ("Late", of(|minute| minute.late), colours.warm, LATE),
        ("Dry", of(|minute| minute.dry), colours.warm, DRY),
        (
            "Repaired",
            of(|minute| minute.repaired),
            colours.good,
            REPAIRED,
        ),
    ];
    grid(ui, "minute", |ui| {
        for (name, value, colour, meaning) in counts {
            ui.label(look::quiet(name)).on_hover_text(meaning);
            ui.label(count(value, colour, colours))
                .on_hover_text(meaning);
            ui.end_row();
        }
        ui.label(look::quiet("Concealed")).on_hover_text(CONCEALED);
        ui.horizontal(|ui| {
            let ms = minute.map(|minute| minute.concealed_ms);
            let packets = match (ms, packet_ms) {
                (Some(ms), Some(packet_ms)) => Some(packets(ms, packet_ms)),
                // Whatever the packets are.
                (Some(0), None) => Some(0),
                _ => None,
            };
            if packets.is_some() || ms.is_none() {
                ui.label(count(packets, colours.warm, colours))
                    .on_hover_text(CONCEALED);
            }
            if let Some(ms @ 1..) = ms {
                let text = match packets {
                    Some(_) => look::quiet(format!("{ms} ms")),
                    None => RichText::new(format!("{ms:>5} ms"))
                        .monospace()
                        .color(colours.warm),
                };
                ui.label(text).on_hover_text(CONCEALED);
            }
        });
        ui.end_row();
    });
}

/// How long one of the peer's packets is.
fn packet_ms(view: &View) -> Option<f64> {
    let Situation::Session(SessionState::Connected { format, .. }) = &view.situation else {
        return None;
    };
    let rate = f64::from(format.rate.0.max(1));
    Some(f64::from(format.period.0.max(1)) / rate * 1e3)
}

/// What was invented, in packets: all that a packet's gap took counts.
fn packets(concealed_ms: u32, packet_ms: f64) -> u64 {
    (f64::from(concealed_ms) / packet_ms)
        .round()
        .max(f64::from(concealed_ms.min(1))) as u64
}

fn grid(ui: &mut Ui, name: &str, rows: impl FnOnce(&mut Ui)) {
    // Nothing here is pressed: lines as close as text.
    ui.spacing_mut().interact_size.y = 16.0;
    Grid::new(name)
        .num_columns(2)
        .min_col_width(NAMES)
        .spacing([10.0, 3.0])
        .show(ui, rows);
}

fn count(value: Option<u64>, colour: Color32, colours: &Palette) -> RichText {
    let text = value.map_or_else(|| NONE.into(), |value| value.to_string());
    let colour = if value.unwrap_or(0) > 0 {
        colour
    } else {
        colours.quiet
    };
    RichText::new(format!("{text:>5}"))
        .monospace()
        .color(colour)
}

fn queue(numbers: &Statistics) -> String {
    let [queue, target] = [numbers.queue_us, numbers.target_us].map(ms);
    format!("{queue} of {target} ms")
}

fn jitter(numbers: &Statistics) -> String {
    let [half, most, nearly_all] = numbers.jitter_us.map(ms);
    format!("{half} / {most} / {nearly_all} ms")
}

fn round_trip(numbers: &Statistics) -> Option<String> {
    let measured = numbers.round_trip_us.map(|us| format!("{} ms", ms(us)));
    measured.or_else(|| Some(format!("about {} ms", ms(numbers.round_trip_about_us?))))
}

fn one_way(numbers: &Statistics) -> Option<String> {
    Some(format!("about {} ms", ms(numbers.one_way_us?)))
}

fn drift(numbers: &Statistics) -> Option<String> {
    Some(format!("{:+.0} ppm", numbers.drift_ppm?))
}

/// What the counts are of.
fn period(numbers: Option<&Statistics>) -> String {
    match numbers.map_or(60, |numbers| numbers.minute.seconds) {
        0 => "So far".into(),
        seconds @ 1..58 => format!("In {seconds} s so far"),
        _ => "In the last minute".into(),
    }
}

fn ms(microseconds: u32) -> String {
    let ms = f64::from(microseconds) / 1e3;
    if ms < 99.95 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.0}")
    }
}

/// From here on it is too narrow for two columns.
const NARROW: f32 = 400.0;
/// Of the names.
const NAMES: f32 = 70.0;

const NONE: &str = "–";
const QUEUE: &str = "How long audio waits here before it is played, and how long it is to wait: what the network's \
                     lateness asks for, or what is set.";
const JITTER: &str = "How late half of the packets come, 95 % of them, and 99.9 %.";
const ROUND_TRIP: &str = "There and back on the network, without queues. Another Farsend answers for it; else it is about how long the host \
     there takes to answer an echo, if it does.";
const ONE_WAY: &str = "From the other end's sound card to yours, estimated: half the round trip, and what waits here.";
const DRIFT: &str = "How much faster the peer's clock is than yours.";
const LOST: &str = "Packets that never came.";
const LATE: &str = "Packets that came after their turn: a longer queue would wait for them.";
const DRY: &str = "Blocks that had to be filled with less than the audio due.";
const REPAIRED: &str =
    "Packets that were lost, and were there in time all the same: as a copy, or calculated.";
const CONCEALED: &str = "What was missing when it was to be played, and was invented: in the peer's packets, and how long that was.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be_understood() {
        let numbers = Statistics {
            queue_us: 5_333,
            target_us: 5_500,
            jitter_us: [90, 812, 134_250],
            round_trip_us: Some(23_400),
            one_way_us: Some(17_033),
            drift_ppm: Some(-12.3),
            ..Statistics::default()
        };
        assert_eq!(queue(&numbers), "5.3 of 5.5 ms");
        assert_eq!(jitter(&numbers), "0.1 / 0.8 / 134 ms");
        assert_eq!(round_trip(&numbers).as_deref(), Some("23.4 ms"));
        let echoed = Statistics {
            round_trip_us: None,
            round_trip_about_us: Some(12_140),
            ..numbers.clone()
        };
        assert_eq!(round_trip(&echoed).as_deref(), Some("about 12.1 ms"));
        assert_eq!(round_trip(&Statistics::default()), None);
        assert_eq!(one_way(&numbers).as_deref(), Some("about 17.0 ms"));
        assert_eq!(drift(&numbers).as_deref(), Some("-12 ppm"));
        assert_eq!(one_way(&Statistics::default()), None);
        assert_eq!([0, 1, 5, 8].map(|ms| packets(ms, 8.0 / 3.0)), [0, 1, 2, 3]);
    }

    #[test]
    fn a_young_session_says_how_young() {
        let after = |seconds| {
            period(Some(&Statistics {
                minute: Minute {
                    seconds,
                    ..Minute::default()
                },
                ..Statistics::default()
            }))
        };
        assert_eq!(after(0), "So far");
        assert_eq!(after(12), "In 12 s so far");
        assert_eq!(after(60), "In the last minute");
        assert_eq!(period(None), "In the last minute");
    }
}
