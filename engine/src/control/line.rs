//! The numbers of a session in one line of a terminal.

use std::time::Duration;

use farsend_units::Frames;

use super::adopted;
use super::health::Health;
use super::minute::Minute;
use super::words;
use crate::statistics::Statistics;

/// The line: at most so many columns; what matters least is left out as far as it does not fit. `channels`: sent and received.
///
/// ```text
/// out ▕███▌ ▏in ▕███▏ ▏  peer "Violin 1"  queue 5.3/5.5  jitter 0.1/0.8/4.2  trip 12.1  one way 11.4 ms  +12 ppm  a minute: 3 lost 2 late 13 ms concealed
/// ```
pub fn line(now: &Statistics, health: &Health, channels: [usize; 2], width: usize) -> String {
    let levels = levels(now, channels);
    if !now.present {
        return format!("{levels}  nobody is there");
    }
    let minute = health.minute();
    let [queue, target] = health.queue(now);
    let [half, most, nearly_all] =
        [now.jitter.half, now.jitter.most, now.jitter.nearly_all].map(ms);
    let depth = format!("  queue {}/{}", ms(queue), ms(target));
    let jitter = [
        format!("  jitter {half}/{most}/{nearly_all}"),
        format!("  jitter {nearly_all}"),
    ];
    // What the peer itself does not answer is about so.
    let about = if now.round_trip.is_some() { "" } else { "~" };
    let trip = now.round_trip.or(now.echoed);
    let trip = trip.map_or_else(String::new, |trip| format!("  trip {about}{}", ms(trip)));
    let one_way = minute
        .one_way(queue)
        .map_or_else(String::new, |time| format!("  one way {about}{}", ms(time)));
    let drift = now
        .drift_ppm
        .map_or_else(String::new, |ppm| format!("  {ppm:+.0} ppm"));
    let sent = now
        .adopted
        .filter(|adopted| adopted.sent != adopted.own)
        .map_or_else(String::new, |adopted| {
            format!("  sent {}", adopted::short(&adopted.sent))
        });
    let concealed = Frames(u32::try_from(minute.buffer.concealed).unwrap_or(u32::MAX));
    let events = events(&minute, now.duration(concealed, health.rate()));
    let happened = match events.as_str() {
        "" => "  no gaps".to_owned(),
        events => format!("  a minute: {events}"),
    };
    let named = named(now);
    let [long, short] = &jitter;
    let without = String::new();
    let ways: [[&String; 6]; 8] = [
        [&named, long, &trip, &one_way, &drift, &sent],
        [&named, short, &trip, &one_way, &drift, &sent],
        [&named, short, &without, &one_way, &drift, &sent],
        [&without, short, &without, &one_way, &drift, &sent],
        [&without, short, &without, &one_way, &without, &sent],
        [&without, short, &without, &one_way, &without, &without],
        [&without, &without, &without, &one_way, &without, &without],
        [&without; 6],
    ];
    let lines = ways.map(|[named, jitter, trip, one_way, drift, sent]| {
        format!("{levels}{named}{depth}{jitter}{trip}{one_way} ms{drift}{sent}{happened}")
    });
    let short = [
        format!("{levels}{depth} ms  {events}"),
        format!("{} ms  {events}", depth.trim_start()),
    ];
    let short = short.iter().filter(|_| !events.is_empty());
    let fits = |line: &&String| line.chars().count() <= width;
    let shortest = short.clone().next_back().unwrap_or(&lines[lines.len() - 1]);
    let line = lines.iter().chain(short).find(fits).unwrap_or(shortest);
    line.chars().take(width).collect()
}

/// Who is there, if they have said.
fn named(now: &Statistics) -> String {
    let name = now.name.as_str();
    if name.is_empty() {
        return String::new();
    }
    let cut: String = name.chars().take(LETTERS).collect();
    let more = if cut.len() < name.len() { "…" } else { "" };
    format!("  peer \"{cut}{more}\"")
}

/// What there was to hear, or to mend, in the last minute.
fn events(minute: &Minute, concealed: Duration) -> String {
    let counts = &minute.buffer;
    let told: Vec<String> = [
        (u128::from(counts.lost), "lost"),
        (u128::from(counts.late), "late"),
        (u128::from(counts.dry), "dry"),
        (concealed.as_millis(), "ms concealed"),
        (
            u128::from(counts.repaired.saturating_add(counts.revived)),
            "repaired",
        ),
        (u128::from(minute.xruns), "xruns"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    told.join(" ")
}

fn levels(now: &Statistics, [send, receive]: [usize; 2]) -> String {
    let loudest =
        |all: &[f32], channels: usize| all.iter().take(channels).copied().fold(0.0, f32::max);
    format!(
        "out {}in {}",
        meter(loudest(&now.peaks_out, send)),
        meter(loudest(&now.peaks_in, receive))
    )
}

/// A level from -60 dB to 0 dB as a bar.
pub(crate) fn meter(peak: f32) -> String {
    let most = (8 * CELLS) as f32;
    let eighths = ((words::decibels(peak) + 60.0) / 60.0 * most).clamp(0.0, most) as usize;
    let (full, part) = (eighths / 8, eighths % 8);
    let mut bar = "█".repeat(full);
    if part > 0 {
        bar.push(['▏', '▎', '▍', '▌', '▋', '▊', '▉'][part - 1]);
    }
    let width = full + usize::from(part > 0);
    format!("▕{bar}{}▏", " ".repeat(CELLS - width))
}

fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 99.95 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.0}")
    }
}

/// Of a meter.
const CELLS: usize = 5;
/// Of a name.
const LETTERS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::trouble::Caller;
    use crate::sending::{Adopted, Wire};
    use farsend_stream::{DepthPolicy, Jitter};
    use farsend_units::SampleRate;
    use farsend_wire::SampleFormat;
    use farsend_wire::jacktrip::Name;

    #[test]
    fn a_clean_session_is_told_whole() {
        assert_eq!(
            told(&session(), 0),
            "out ▕████▏▏in ▕███▍ ▏  queue 5.3/5.5  jitter 0.1/0.8/4.2  trip 12.1  one way 11.4 ms  +12 ppm  no gaps"
        );
    }

    #[test]
    fn a_peer_that_has_a_name_is_told_by_it() {
        let mut now = session();
        now.name = Name::new("Violin 1");
        assert_eq!(
            told(&now, 0),
            "out ▕████▏▏in ▕███▍ ▏  peer \"Violin 1\"  queue 5.3/5.5  jitter 4.2  trip 12.1  one way 11.4 ms  +12 ppm  no gaps"
        );
        now.name = Name::new("The second violins on the left");
        let line = told(&now, 0);
        let name = "peer \"The second violins o…\"";
        assert!(
            line.contains(name) && line.chars().count() <= WIDTH,
            "{line}"
        );
    }

    #[test]
    fn a_jacktrip_whose_host_answers_no_echoes_has_no_round_trip() {
        let now = Statistics {
            round_trip: None,
            ..session()
        };
        assert_eq!(
            told(&now, 0),
            "out ▕████▏▏in ▕███▍ ▏  queue 5.3/5.5  jitter 0.1/0.8/4.2 ms  +12 ppm  no gaps"
        );
    }

    #[test]
    fn that_of_a_jacktrip_is_about_what_its_host_says() {
        let now = Statistics {
            round_trip: None,
            echoed: Some(Duration::from_micros(12_140)),
            ..session()
        };
        assert_eq!(
            told(&now, 0),
            "out ▕████▏▏in ▕███▍ ▏  queue 5.3/5.5  jitter 0.1/0.8/4.2  trip ~12.1  one way ~11.4 ms  +12 ppm  no gaps"
        );
    }

    #[test]
    fn what_the_peer_is_sent_is_told_where_it_was_adopted() {
        let own = Wire {
            rate: SampleRate::HZ_48000,
            period: Frames(128),
            samples: SampleFormat::I16,
        };
        let theirs = Wire {
            rate: SampleRate::HZ_44100,
            samples: SampleFormat::I24,
            ..own
        };
        let adopted = |sent| Statistics {
            round_trip: None,
            adopted: Some(Adopted {
                farsend: false,
                theirs,
                own,
                sent,
            }),
            ..session()
        };
        let line = told(&adopted(theirs), 0);
        assert!(
            line.ends_with("+12 ppm  sent 44.1 kHz 24 bit  no gaps"),
            "{line}"
        );
        let line = told(&adopted(own), 0);
        assert!(line.ends_with("+12 ppm  no gaps"), "{line}");
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_what_was_heard_stays() {
        let mut now = session();
        now.buffer.lost = 3;
        now.buffer.late = 2;
        now.buffer.concealed = 480;
        let line = told(&now, 0);
        let end = "+12 ppm  a minute: 3 lost 2 late 10 ms concealed";
        assert!(line.ends_with(end), "{line}");
        now.buffer.concealed = 0;
        now.buffer.dry = 1234;
        now.buffer.repaired = 12_345;
        assert_eq!(
            told(&now, 17),
            "out ▕████▏▏in ▕███▍ ▏  queue 5.3/5.5  one way 11.4 ms  a minute: 3 lost 2 late 1234 dry 12345 repaired 17 xruns"
        );
    }

    #[test]
    fn a_narrow_terminal_is_told_what_matters_most() {
        let mut now = session();
        now.name = Name::new("Violin 1");
        let at = |now: &Statistics, width| told_in(now, 0, width);
        assert_eq!(
            at(&now, 80),
            "out ▕████▏▏in ▕███▍ ▏  queue 5.3/5.5  jitter 4.2  one way 11.4 ms  no gaps"
        );
        assert_eq!(
            at(&now, 50),
            "out ▕████▏▏in ▕███▍ ▏  queue 5.3/5.5 ms  no gaps"
        );
        (now.buffer.lost, now.buffer.late, now.buffer.dry) = (123, 45, 168);
        (now.buffer.concealed, now.buffer.repaired) = (21_504, 7);
        assert_eq!(
            at(&now, 80),
            "queue 5.3/5.5 ms  123 lost 45 late 168 dry 448 ms concealed 7 repaired"
        );
        assert_eq!(at(&now, 30), "queue 5.3/5.5 ms  123 lost 45 ");
        assert_eq!(at(&now, 0), "");
    }

    #[test]
    fn no_numbers_make_it_longer_than_a_line() {
        let mut now = session();
        (now.buffer.lost, now.buffer.late, now.buffer.dry) = (u64::MAX, u64::MAX, u64::MAX);
        now.buffer.repaired = u64::MAX / 2;
        now.buffer.concealed = u64::MAX;
        now.jitter.nearly_all = Duration::MAX;
        now.round_trip = Some(Duration::MAX / 4);
        now.drift_ppm = Some(f64::MAX);
        assert!(told(&now, u64::MAX).chars().count() <= WIDTH);
    }

    #[test]
    fn without_a_peer_there_are_only_levels() {
        let now = Statistics {
            present: false,
            ..session()
        };
        assert_eq!(told(&now, 0), "out ▕████▏▏in ▕███▍ ▏  nobody is there");
    }

    /// What a terminal as wide as most is told.
    fn told(now: &Statistics, xruns: u64) -> String {
        told_in(now, xruns, WIDTH)
    }

    fn told_in(now: &Statistics, xruns: u64, width: usize) -> String {
        let rate = SampleRate::HZ_48000;
        let mut health = Health::new(rate, DepthPolicy::AUTO, Caller::Machine);
        let before = Statistics {
            buffer: Default::default(),
            ..*now
        };
        _ = health.look(Duration::ZERO, &before, 0);
        _ = health.look(Duration::from_secs(2), now, xruns);
        line(now, &health, [1, 2], width)
    }

    const WIDTH: usize = 118;

    fn session() -> Statistics {
        let ms = |ms: f64| Duration::from_secs_f64(ms * 1e-3);
        let mut now = Statistics {
            remote: Some(([192, 0, 2, 1], 4464).into()),
            present: true,
            queued: Frames(256),
            target: Frames(264),
            jitter: Jitter {
                half: ms(0.1),
                most: ms(0.8),
                nearly_all: ms(4.2),
            },
            farsend: true,
            round_trip: Some(ms(12.1)),
            drift_ppm: Some(12.3),
            ..Statistics::default()
        };
        (now.peaks_out[0], now.peaks_in[1]) = (0.3, 0.125);
        now
    }
}
