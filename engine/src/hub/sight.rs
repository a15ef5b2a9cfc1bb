//! The hub and its players in numbers, for whoever looks.

use std::time::{Duration, Instant};

use farsend_ipc::hub::{Absent, AlignStatus, Aligned, KeptOut, PlayerStatus, Status, Wish};
use farsend_units::SampleRate;

use super::align::{Aligner, Standing};
use super::book::{Book, Standing as Mixed, Who, Wished};
use super::distance::{Basis, Distance};
use super::floor::FloorStatistics;
use super::roster::{Entry, Roster};
use super::{HubSettings, PatchMode};
use crate::control::words::decibels;
use crate::settings::MAX_CHANNELS;

/// What has to be kept in mind to tell it.
#[derive(Debug)]
pub(super) struct Sight {
    started: Instant,
    before: (Instant, FloorStatistics),
    busy_percent: f64,
}

/// Which hub it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) settings: &'a HubSettings,
    pub(super) port: u16,
    pub(super) udp_port: u16,
    pub(super) patch: PatchMode,
}

impl Sight {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            before: (now, FloorStatistics::default()),
            busy_percent: 0.0,
        }
    }

    /// Looks at all numbers. Once a second.
    pub(super) fn note(&mut self, roster: &mut Roster, numbers: &FloorStatistics) {
        let now = Instant::now();
        let (then, before) = std::mem::replace(&mut self.before, (now, *numbers));
        let busy = numbers.busy.saturating_sub(before.busy).as_secs_f64();
        let past = now.duration_since(then).as_secs_f64().max(1e-3);
        self.busy_percent = 100.0 * busy / past;
        let at = now.duration_since(self.started);
        for (_, entry) in roster.iter_mut() {
            let statistics = entry.watch.statistics.read();
            entry.watch.minute.note(at, &statistics, 0);
        }
    }

    /// Tells all.
    pub(super) fn status(
        &self,
        place: Place<'_>,
        roster: &mut Roster,
        (book, aligner): (&Book, &Aligner),
        numbers: &FloorStatistics,
        late: u64,
    ) -> Status {
        let Place {
            settings,
            port,
            udp_port,
            patch,
        } = place;
        let now = Instant::now();
        let absent = absent(roster, book);
        let players = roster.iter_mut();
        Status {
            absent,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            port,
            udp_port,
            rate: settings.rate.0,
            period: settings.period.0,
            patch: patch.name().to_owned(),
            between_db: book.groups.between(),
            align: aligner.is_on().then(|| AlignStatus {
                delay_ms: aligner.moment().map(ms),
                bound_ms: ms(aligner.bound()),
            }),
            places: settings.players,
            uptime_s: self.started.elapsed().as_secs(),
            busy_percent: round(self.busy_percent),
            periods: numbers.periods,
            late_periods: late,
            players: players
                .map(|(place, entry)| PlayerStatus {
                    aligned: aligner.of(place).map(aligned),
                    ..player(entry, settings.rate, book)
                })
                .collect(),
            wishes: book.wishes().map(wish).collect(),
            kept_out: book
                .kept_out(now)
                .map(|one| KeptOut {
                    host: one.host,
                    name: one.name.map(|name| name.as_str().to_owned()),
                    user: one.user.as_deref().map(str::to_owned),
                    seconds: one.until.duration_since(now).as_secs(),
                })
                .collect(),
            recording: None,
        }
    }
}

fn absent(roster: &Roster, book: &Book) -> Vec<Absent> {
    let is_here = |who: &Who| roster.iter().any(|(_, entry)| who.is(entry));
    let absent = |who: &Who, standing: Mixed, group: Option<&str>| Absent {
        name: who.called().to_owned(),
        host: who.host(),
        gain_db: standing.db,
        muted: standing.muted,
        group: group.map(str::to_owned),
    };
    let away = book.standings().filter(|(who, _)| !is_here(who));
    let mut all: Vec<Absent> = away
        .map(|(who, standing)| absent(who, *standing, book.groups.of_who(who)))
        .collect();
    let members = book.groups.members().filter(|(who, _)| !is_here(who));
    let others = members.filter(|(who, _)| book.standings().all(|(other, _)| other != *who));
    all.extend(others.map(|(who, group)| absent(who, Mixed::USUAL, Some(group))));
    all
}

/// One player, but for how they are held back.
pub(super) fn player(entry: &mut Entry, rate: SampleRate, book: &Book) -> PlayerStatus {
    let standing = book.standing(entry);
    let now = entry.watch.statistics.read();
    let minute = entry.watch.minute.so_far();
    let queue = now.duration(now.queued, rate);
    let distance = Distance::of(entry, &now);
    let sends = now
        .format
        .map_or(0, |format| format.channels.get().min(MAX_CHANNELS));
    let peak = now.peaks_in[..sends].iter().copied().fold(0.0, f32::max);
    PlayerStatus {
        name: entry.called.clone(),
        user: entry.user.as_deref().map(str::to_owned),
        address: entry.address,
        present: now.present,
        is_farsend: now.farsend,
        sends: now.format.map_or(0, |format| format.channels.0),
        hears: now.format.map_or(0, |format| format.wants.0),
        rate: now.format.map_or(0, |format| format.rate.0),
        period: now.format.map_or(0, |format| format.period.0),
        bits: now.format.map_or(0, |format| format.samples.bits()),
        queue_ms: ms(queue),
        jitter_ms: ms(now.jitter.most),
        received: now.buffer.received,
        lost: now.buffer.lost,
        late: now.buffer.late,
        loss_percent: round(minute.percent(minute.buffer.lost + minute.buffer.late)),
        delay_ms: distance.map(|distance| ms(distance.delay())),
        path: distance
            .map_or(Basis::Unknown, |known| known.basis)
            .name()
            .to_owned(),
        level_db: (decibels(peak) * 10.0).round() / 10.0,
        gain_db: standing.db,
        muted: standing.muted,
        group: book.groups.of(entry).map(str::to_owned),
        aligned: None,
    }
}

fn aligned((standing, added): (Standing, Duration)) -> Aligned {
    Aligned {
        added_ms: ms(added),
        standing: match standing {
            Standing::With => "with",
            Standing::Late => "late",
            Standing::Early => "early",
        }
        .to_owned(),
    }
}

fn wish(one: &Wished) -> Wish {
    Wish {
        listener: one.listener.called().to_owned(),
        player: one.player.called().to_owned(),
        gain_db: one.db,
        pan: one.strip.pan.map(f64::from),
        muted: one.strip.mute,
        solo: one.strip.solo,
    }
}

fn ms(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1e3)
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
