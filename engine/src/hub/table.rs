//! Who is here, as a table for people.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, presets};
use farsend_ipc::hub::{Absent, AlignStatus, KeptOut, PlayerStatus, RecordingStatus, Status, Wish};

use super::PatchMode;
use super::recording::clock;
use crate::control::line::meter;

/// Everything there is to tell, in so many columns at most.
pub(crate) fn whole(status: &Status, columns: u16) -> String {
    let mut text = head(status);
    text.push_str(&table(&status.players, columns));
    text.push_str(&groups(status));
    for wish in &status.wishes {
        _ = writeln!(
            text,
            "{} hears {} {}",
            wish.listener,
            wish.player,
            otherwise(wish)
        );
    }
    for one in &status.absent {
        _ = writeln!(text, "{}", absent(one));
    }
    for one in &status.kept_out {
        _ = writeln!(text, "{}", kept_out(one));
    }
    text
}

/// The same in so many lines: players beyond that are only counted.
pub(super) fn fitting(status: &Status, columns: u16, lines: u16) -> String {
    let players = &status.players;
    // The line above, the titles, what is beyond, and where the cursor stands.
    let most = usize::from(lines.saturating_sub(4));
    let shown = players.len().min(most);
    let mut text: String = head(status)
        .trim_end()
        .chars()
        .take(columns.into())
        .collect();
    text.push('\n');
    text.push_str(&table(&players[..shown], columns));
    if shown < players.len() {
        _ = writeln!(text, "and {} more", players.len() - shown);
    }
    text
}

fn head(status: &Status) -> String {
    let patch: Result<PatchMode, _> = status.patch.parse();
    let patch = patch.map_or_else(|_| status.patch.clone(), |patch| patch.to_string());
    let players = match status.players.len() {
        0 => "nobody is here".to_owned(),
        count => format!("{count} of {} places taken", status.places),
    };
    let recording = match &status.recording {
        None => String::new(),
        Some(RecordingStatus { stopped: true, .. }) => "recording STOPPED; ".to_owned(),
        Some(recording) => format!("recording {}; ", clock(recording.seconds)),
    };
    let align = match &status.align {
        None => String::new(),
        Some(AlignStatus {
            delay_ms: Some(delay),
            ..
        }) => format!(" at {delay:.0} ms"),
        Some(_) => " together".to_owned(),
    };
    format!(
        "{recording}{players}; {patch}{align}; {} Hz, {} frames; {:.1} % of a core, {} of {} periods late\n",
        status.rate, status.period, status.busy_percent, status.late_periods, status.periods
    )
}

fn table(players: &[PlayerStatus], columns: u16) -> String {
    if players.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let in_groups = players.iter().any(|player| player.group.is_some());
    let titles = TITLES.iter().chain(in_groups.then_some(&"group"));
    table.set_header(one_line(titles.copied().map(Cell::new).collect()));
    for player in players {
        let group = player.group.as_deref().unwrap_or_default();
        let mut cells = cells(player);
        cells.extend(in_groups.then(|| Cell::new(group)));
        table.add_row(one_line(cells));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if NUMBERS.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if columns == u16::MAX {
        table.set_content_arrangement(ContentArrangement::Disabled);
    } else {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(columns);
        fit(&mut table, columns);
    }
    let lines = table.lines();
    lines.fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// Hides columns until the others are there whole, those first that matter least.
fn fit(table: &mut Table, columns: u16) {
    let widths = table.column_max_content_widths();
    // Each has a space behind it; the last one's may be outside.
    let width = |index: &usize| {
        widths
            .get(*index)
            .map_or(0, |width| usize::from(*width) + 1)
    };
    let room = usize::from(columns) + 1;
    let mut all: usize = (0..widths.len()).map(|index| width(&index)).sum();
    let mut hidden: Vec<usize> = Vec::new();
    for index in LEAST {
        if all <= room {
            break;
        }
        all -= width(&index);
        hidden.push(index);
    }
    // Where a wide one had to go there may be room for narrow ones again.
    hidden.reverse();
    hidden.retain(|index| {
        let stays_hidden = all + width(index) > room;
        all += if stays_hidden { 0 } else { width(index) };
        stays_hidden
    });
    for index in hidden {
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
}

fn one_line(cells: Vec<Cell>) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
}

fn cells(player: &PlayerStatus) -> Vec<Cell> {
    let level = if player.present {
        let bar = meter(10.0_f32.powf(player.level_db / 20.0));
        format!("{bar}{:>4.0} dB", player.level_db.max(-99.0))
    } else {
        "not heard".to_owned()
    };
    let mixed = match (player.muted, player.gain_db) {
        (true, _) => "muted".to_owned(),
        (false, 0.0) => String::new(),
        (false, db) => format!("{db:+} dB"),
    };
    let delay = player
        .delay_ms
        .map_or_else(|| "-".to_owned(), |ms| delay(player, ms));
    [
        player.name.clone(),
        player.address.to_string(),
        format!("{}/{}", player.sends, player.hears),
        player.rate.to_string(),
        player.period.to_string(),
        player.bits.to_string(),
        format!("{:.1}", player.queue_ms),
        format!("{:.2}", player.loss_percent),
        delay,
        level,
        mixed,
    ]
    .map(Cell::new)
    .into()
}

/// A delay, and whether it is not that of the others: `~12.3`, where it is known from the log-in only.
fn delay(player: &PlayerStatus, ms: f64) -> String {
    let about = match &*player.path {
        "measured" => "",
        "log_in" => "~",
        _ => return "-".to_owned(),
    };
    let standing = player.aligned.as_ref().map(|aligned| &*aligned.standing);
    match standing {
        Some(standing @ ("late" | "early")) => format!("{about}{ms:.1} {standing}"),
        _ => format!("{about}{ms:.1}"),
    }
}

/// What groups hear of each other, where there are some.
fn groups(status: &Status) -> String {
    if status.players.iter().all(|player| player.group.is_none()) {
        return String::new();
    }
    match status.between_db {
        None => "groups do not hear each other\n".to_owned(),
        Some(db) => format!("groups hear each other at {db:+} dB\n"),
    }
}

fn otherwise(wish: &Wish) -> String {
    let mut parts = Vec::new();
    if wish.solo {
        parts.push("alone".to_owned());
    }
    if wish.muted {
        parts.push("not at all".to_owned());
    }
    if wish.gain_db != 0.0 {
        parts.push(format!("at {:+} dB", wish.gain_db));
    }
    if let Some(pan) = wish.pan {
        parts.push(format!("at {pan:+} (-1: left, 1: right)"));
    }
    parts.join(", ")
}

fn absent(one: &Absent) -> String {
    let heard = match (one.muted, one.gain_db) {
        (true, _) => "muted".to_owned(),
        (false, db) => format!("at {db:+} dB"),
    };
    let group = match &one.group {
        None => String::new(),
        Some(group) => format!(", in the group {group}"),
    };
    format!(
        "{} ({}), who is not here: {heard}{group}",
        one.name, one.host
    )
}

fn kept_out(one: &KeptOut) -> String {
    let minutes = one.seconds.div_ceil(60);
    let who = match one.name.as_deref() {
        None => format!("nobody from {}", one.host),
        Some("") => format!("nobody without a name from {}", one.host),
        Some(name) => format!("nobody called {name} from {}", one.host),
    };
    let who = match one.user.as_deref() {
        None => who,
        Some(user) => format!("{who}, and not the user {},", user.escape_debug()),
    };
    format!("{who} may come in for {minutes} min")
}

const TITLES: [&str; 11] = [
    "name", "address", "ch", "rate", "period", "bit", "queue ms", "loss %", "delay ms", "level",
    "mix",
];

/// The columns that a narrow terminal does without, one after the other: bits, rate, period, channels, address.
const LEAST: [usize; 5] = [5, 3, 4, 2, 1];

/// The columns that hold numbers.
const NUMBERS: std::ops::RangeInclusive<usize> = 3..=8;

#[cfg(test)]
mod tests {
    use super::*;

    fn player(name: &str) -> PlayerStatus {
        PlayerStatus {
            name: name.to_owned(),
            user: None,
            address: "192.168.100.17:61002".parse().unwrap(),
            present: true,
            is_farsend: true,
            sends: 2,
            hears: 1,
            rate: 48_000,
            period: 128,
            bits: 16,
            queue_ms: 5.334,
            jitter_ms: 0.5,
            received: 1000,
            lost: 1,
            late: 0,
            loss_percent: 0.1,
            delay_ms: Some(12.345),
            path: "measured".into(),
            level_db: -12.0,
            gain_db: -6.0,
            muted: false,
            group: None,
            aligned: None,
        }
    }

    fn status(names: &[&str]) -> Status {
        Status {
            rate: 48_000,
            period: 128,
            patch: "others".into(),
            places: 512,
            busy_percent: 1.26,
            players: names.iter().map(|name| player(name)).collect(),
            ..Status::default()
        }
    }

    fn recording(seconds: f64) -> RecordingStatus {
        RecordingStatus {
            folder: "takes/2026-11-21 21.37.05".into(),
            files: 3,
            seconds,
            bytes: 1_000_000,
            missed_frames: 0,
            clipped: 0,
            stopped: false,
        }
    }

    #[test]
    fn a_recording_is_told_first_and_that_it_has_stopped() {
        let mut status = status(&[]);
        status.recording = Some(recording(3_725.0));
        let text = whole(&status, u16::MAX);
        assert!(text.starts_with("recording 1:02:05; nobody"), "{text}");
        if let Some(recording) = &mut status.recording {
            recording.stopped = true;
        }
        let text = whole(&status, u16::MAX);
        assert!(text.starts_with("recording STOPPED; nobody"), "{text}");
    }

    #[test]
    fn all_there_is_to_tell_is_in_the_table() {
        let mut status = status(&["ann", "bob"]);
        status.players[1].present = false;
        status.players[1].muted = true;
        status.players[1].delay_ms = None;
        status.wishes.push(Wish {
            listener: "ann".into(),
            player: "bob".into(),
            gain_db: 3.0,
            pan: Some(-0.5),
            muted: false,
            solo: true,
        });
        status.kept_out.push(KeptOut {
            host: "10.0.0.1".parse().unwrap(),
            name: Some("carl".into()),
            user: Some("carlo".into()),
            seconds: 61,
        });
        for (name, muted) in [("dora", true), ("emil", false)] {
            status.absent.push(Absent {
                name: name.into(),
                host: "10.0.0.2".parse().unwrap(),
                gain_db: -3.0,
                muted,
                group: muted.then(|| "strings".into()),
            });
        }
        insta::assert_snapshot!(whole(&status, u16::MAX), @r"
        2 of 512 places taken; everyone hears the others; 48000 Hz, 128 frames; 1.3 % of a core, 0 of 0 periods late
        name address              ch   rate period bit queue ms loss % delay ms level          mix
        ann  192.168.100.17:61002 2/1 48000    128  16      5.3   0.10     12.3 ▕████ ▏ -12 dB -6 dB
        bob  192.168.100.17:61002 2/1 48000    128  16      5.3   0.10        - not heard      muted
        ann hears bob alone, at +3 dB, at -0.5 (-1: left, 1: right)
        dora (10.0.0.2), who is not here: muted, in the group strings
        emil (10.0.0.2), who is not here: at -3 dB
        nobody called carl from 10.0.0.1, and not the user carlo, may come in for 2 min
        ");
    }

    #[test]
    fn what_a_narrow_terminal_has_no_room_for_is_left_out_and_the_rest_is_whole() {
        let mut status = status(&["ann", "The second violins"]);
        status.players[1].muted = true;
        let table = |columns| {
            let text = whole(&status, columns);
            let (_, table) = text.split_once('\n').unwrap();
            table.to_owned()
        };
        insta::assert_snapshot!(table(80), @r"
        name               ch  period bit queue ms loss % delay ms level          mix
        ann                2/1    128  16      5.3   0.10     12.3 ▕████ ▏ -12 dB -6 dB
        The second violins 2/1    128  16      5.3   0.10     12.3 ▕████ ▏ -12 dB muted
        ");
        insta::assert_snapshot!(table(60), @r"
        name       queue ms loss % delay ms level             mix
        ann             5.3   0.10     12.3 ▕████ ▏ -12 dB    -6 dB
        The sec...      5.3   0.10     12.3 ▕████ ▏ -12 dB    muted
        ");
    }

    #[test]
    fn it_fits_any_terminal() {
        let names: Vec<String> = (0..200)
            .map(|i| format!("{i} 音楽家 with a long name"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut status = status(&names);
        status.recording = Some(recording(3_725.0));
        for (columns, lines) in [(80, 24), (120, 50), (200, 300), (20, 5), (1, 1), (0, 0)] {
            let text = fitting(&status, columns, lines);
            assert!(text.ends_with('\n'));
            let count = text.lines().count();
            assert!(
                count < usize::from(lines.max(6)),
                "{columns}x{lines}: {count}\n{text}"
            );
            if columns >= 80 {
                let widest = text.lines().map(|line| line.chars().count()).max();
                assert!(widest <= Some(usize::from(columns)), "{columns}\n{text}");
            }
        }
    }
}
