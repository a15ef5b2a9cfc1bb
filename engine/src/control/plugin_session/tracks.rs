//! Players as tracks: whom each instance of a session hears, and the session in which we are the hub.

use std::sync::Arc;
use std::time::Instant;

use farsend_ipc::message::{
    About, Listening, MOST_OUTPUTS, PlayerInfo, Players, Role, SessionState, WantedSession,
};
use farsend_rt::clock;
use farsend_units::Channels;
use farsend_wire::jacktrip::Name;

use super::chat::Chat;
use super::numbers::clipped;
use super::{Entrance, PluginSession, TRY_AGAIN, seat};
use crate::backend::link::{LinkBackend, Source};
use crate::control::binding::{Bindings, Here, alike};
use crate::control::health::Health;
use crate::control::trouble::Caller;
use crate::control::wishes::{self, Refused};
use crate::engine::{Desk, RunError};
use crate::hub::{DoorError, HubHost, HubPlayer, HubSight, HubTalk, TakeOrders};
use crate::net::udp::BindError;
use crate::takes::TakeDesk;

/// Whom each instance hears.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    bindings: Bindings,
    tracks: Vec<Track>,
    /// Who is at our hub, and how often that was told.
    sight: HubSight,
    here: Vec<Here>,
    known: u64,
    /// Whether wishes have changed since it was looked for whom they are.
    is_changed: bool,
}

/// One instance's output.
#[derive(Debug)]
struct Track {
    seat: u64,
    /// 0 for the first.
    output: usize,
    name: String,
    /// Red, green, blue; where the host says it.
    colour: Option<[u8; 3]>,
    /// What the audio thread was told.
    source: Source,
}

impl Tracks {
    /// An instance comes; what its outputs hear at first.
    pub(super) fn seat(&mut self, seat: u64, wanted: &WantedSession) -> Vec<Source> {
        self.is_changed = true;
        let wishes = std::iter::once(&wanted.listening).chain(&wanted.outputs);
        let seated = wishes.take(OUTPUTS).enumerate().map(|(output, wish)| {
            self.bindings.want(spot(seat, output), wish.clone());
            // Until it is known who is there; of other sessions there is only the mix, which needs no fade.
            let source = match wish {
                Listening::Mix => Source::Mix,
                _ => Source::Nothing,
            };
            self.tracks.push(Track {
                seat,
                output,
                name: cut(&wanted.name).to_owned(),
                colour: None,
                source,
            });
            source
        });
        seated.collect()
    }

    /// An instance goes.
    pub(super) fn leave(&mut self, seat: u64) {
        (0..OUTPUTS).for_each(|output| self.bindings.forget(spot(seat, output)));
        self.tracks.retain(|track| track.seat != seat);
        self.is_changed = true;
    }

    /// What an instance's track is called from now on, and its colour.
    pub(super) fn rename(&mut self, seat: u64, about: &About) {
        for track in self.tracks.iter_mut().filter(|track| track.seat == seat) {
            cut(&about.name).clone_into(&mut track.name);
            track.colour = about.colour;
        }
    }

    /// The colour of the first instance's track.
    pub(super) fn first_colour(&self) -> Option<[u8; 3]> {
        self.tracks.first()?.colour
    }

    /// What the track of the first instance is called.
    pub(super) fn first_name(&self) -> &str {
        self.tracks.first().map_or("", |track| &track.name)
    }

    /// Who is there now.
    fn look(&mut self, sight: HubSight) {
        self.here = sight.players.iter().map(here).collect();
        self.sight = sight;
        self.is_changed = true;
    }

    /// What an instance's output in a session of this role hears.
    fn source(&self, seat: u64, output: usize, role: Role) -> Source {
        let spot = spot(seat, output);
        let listening = self.bindings.of(spot).unwrap_or(&Listening::Mix);
        match (role, listening) {
            (_, Listening::Mix) => Source::Mix,
            // The only one there is, and once for each instance.
            (Role::Client | Role::Server, Listening::Player(_) | Listening::Free { .. })
                if output <= 1 =>
            {
                Source::Mix
            }
            (Role::Hub, Listening::Group(name)) => {
                let mut groups = self.sight.groups.iter();
                let group = groups.find(|(group, _)| alike(group, name));
                group.map_or(Source::Nothing, |(_, number)| Source::Group(*number))
            }
            (Role::Hub, Listening::Player(_) | Listening::Free { .. }) => {
                let player = self.bindings.player_of(spot);
                let index = player.and_then(|name| self.bindings.find(name, &self.here));
                let player = index.and_then(|index| self.sight.players.get(index));
                player.map_or(Source::Nothing, |player| Source::Player {
                    place: player.place,
                    address: player.address,
                })
            }
            (Role::Client | Role::Server | Role::Member, _) => Source::Nothing,
        }
    }

    /// The player at our hub whom an instance's first output hears.
    pub(super) fn player(&self, seat: u64) -> Option<&HubPlayer> {
        let mut tracks = self.tracks.iter();
        let track = tracks.find(|track| (track.seat, track.output) == (seat, 0))?;
        let Source::Player { place, address } = track.source else {
            return None;
        };
        let mut players = self.sight.players.iter();
        players.find(|player| (player.place, player.address) == (place, address))
    }

    /// What there is to say of that, a sentence.
    fn says(&self, seat: u64, role: Role, is_there: bool) -> String {
        let listening = self.bindings.of(spot(seat, 0)).unwrap_or(&Listening::Mix);
        match (role, listening) {
            (_, Listening::Mix) => String::new(),
            (Role::Member, _) => NO_PLAYERS.into(),
            (Role::Client | Role::Server, Listening::Group(_)) => NO_GROUPS.into(),
            (Role::Client | Role::Server, _) => String::new(),
            (Role::Hub, Listening::Free { had: None }) => {
                "This track waits for the next player who has none.".into()
            }
            (Role::Hub, Listening::Group(name)) if !is_there => {
                format!("Nobody is in the group {name}.")
            }
            (Role::Hub, Listening::Player(name) | Listening::Free { had: Some(name) })
                if !is_there =>
            {
                format!("This track is for {name}, who is not here.")
            }
            (Role::Hub, _) => String::new(),
        }
    }
}

impl PluginSession {
    /// Opens a hub of ours, as the session of this number. The instances pace it.
    ///
    /// # Errors
    /// [`Refused`], in words for the plugin's window.
    pub(super) fn host(serial: u64, wanted: &WantedSession) -> Result<(Self, Entrance), Refused> {
        wishes::check_instance(wanted)?;
        let settings = wishes::hub(wanted)?;
        let health = Health::new(wanted.rate, settings.depth, Caller::Daw);
        let [send, receive] = wishes::width(wanted);
        let channels = send.max(receive);
        let mut tracks = Tracks::default();
        let sources = tracks.seat(0, wanted);
        let ((first, watch), entrance) = seat(0, wanted, &sources)?;
        // What is sent has a desk here, each player one at the hub.
        let (takes, taps) = TakeDesk::new(wanted.rate, [channels, Channels(0)]);
        let take_orders = TakeOrders::new(takes.list(), wanted.clone());
        let begun = HubHost::start(settings, Arc::clone(&take_orders));
        let (hub, floor, statistics) = begun.map_err(|error| refused(&error))?;
        let backend = LinkBackend::start_hosting(floor, hub.back(), first, channels, taps)
            .map_err(|error| Refused::because(&error, TRY_AGAIN))?;
        let now = Instant::now();
        let mut opened = Self {
            serial,
            title: format!("a hub at port {}", hub.port()),
            desk: Desk::of_hub(hub.port(), statistics),
            backend,
            hub: Some(hub),
            tracks,
            wanted: wanted.clone(),
            rate: wanted.rate,
            width: [channels; 2],
            seats: vec![(entrance.seat, watch)],
            state: SessionState::Connecting,
            alone_since: now,
            since: now,
            health,
            takes,
            take_orders: Some(take_orders),
            take_wishes: Vec::new(),
            live: super::live::Live::default(),
            chat: Chat::numbered_from(clock::wall_us()),
            peer_name: Name::EMPTY,
            told_name: Name::EMPTY,
            told_colour: None,
        };
        opened.state = opened.alone();
        Ok((opened, entrance))
    }

    /// An instance's outputs, of which the first is this one, hear these from now on.
    pub(in crate::control) fn listen(&mut self, seat: u64, first: usize, wishes: &[Listening]) {
        for (output, wish) in (first..OUTPUTS).zip(wishes) {
            let mut tracks = self.tracks.tracks.iter();
            if tracks.any(|track| (track.seat, track.output) == (seat, output)) {
                self.tracks.bindings.want(spot(seat, output), wish.clone());
            }
        }
        self.tracks.is_changed = true;
        self.attend_tracks();
    }

    /// Sees to it that each instance hears whom it wants, of those who are here.
    pub(super) fn attend_tracks(&mut self) {
        if let Some(hub) = &self.hub {
            if let Some(sight) = hub.news(&mut self.tracks.known) {
                self.tracks.look(sight);
            }
            while let Some(talk) = hub.next_talk() {
                match talk {
                    HubTalk::Theirs { from, line } => self.chat.hear(from, &line),
                    HubTalk::Ours { number, arrived } => self.chat.settle(number, arrived),
                }
            }
            let players = clipped(self.tracks.here.len() as u128);
            self.state = if hub.is_running() {
                SessionState::Hosting {
                    port: hub.port(),
                    players,
                }
            } else {
                SessionState::Failed {
                    why: "The hub has ended".into(),
                    advice: "Disconnect and connect again.".into(),
                }
            };
        }
        if !std::mem::take(&mut self.tracks.is_changed) {
            return;
        }
        let Tracks { bindings, here, .. } = &mut self.tracks;
        bindings.bind(here);
        for index in 0..self.tracks.tracks.len() {
            let Track {
                seat,
                output,
                source,
                ..
            } = self.tracks.tracks[index];
            let wanted = self.tracks.source(seat, output, self.wanted.role);
            if wanted == source {
                continue;
            }
            if self.backend.listen(seat, output, wanted) {
                self.tracks.tracks[index].source = wanted;
            } else {
                // It does not fit into the ring, and is said again.
                self.tracks.is_changed = true;
            }
        }
        self.keep_players();
    }

    /// Who is there, and whom this instance hears.
    pub(in crate::control) fn players(&mut self, seat: u64) -> Players {
        let role = self.wanted.role;
        let tracks = self.tracks.tracks.iter();
        let mut own = tracks.filter(|track| (track.seat, track.output) == (seat, 0));
        let source = own.next().map_or(Source::Nothing, |track| track.source);
        let players = match role {
            Role::Hub => {
                let shown = self.tracks.sight.players.iter().take(MOST_SHOWN);
                shown.map(|player| self.info(player)).collect()
            }
            Role::Client | Role::Server => self.peer_info().into_iter().collect(),
            Role::Member => Vec::new(),
        };
        let group_is_there = |number: u8| {
            let names = self.tracks.sight.groups.iter();
            let mut names = names
                .filter(|(_, other)| *other == number)
                .map(|(name, _)| name);
            let name = names.next();
            players
                .iter()
                .any(|one: &PlayerInfo| name.is_some() && one.group.as_ref() == name)
        };
        let is_there = match source {
            Source::Mix => self.state.is_connected(),
            Source::Player { .. } => true,
            Source::Group(number) => group_is_there(number),
            Source::Nothing => false,
        };
        let heard = |output| match role {
            Role::Hub => {
                let player = self.tracks.bindings.player_of(spot(seat, output));
                player.map(str::to_owned)
            }
            Role::Client | Role::Server | Role::Member => None,
        };
        let tracks = self.tracks.tracks.iter();
        let outputs = tracks.filter(|track| track.seat == seat && track.output > 0);
        let outputs = outputs.map(|track| heard(track.output)).collect();
        let heard = heard(0);
        let copied = (0..OUTPUTS).filter_map(|output| {
            let name = self.tracks.bindings.copy_of(spot(seat, output))?;
            Some((output as u8, name.to_owned()))
        });
        let copied = copied.collect();
        let mut groups: Vec<String> = players.iter().filter_map(|one| one.group.clone()).collect();
        groups.sort();
        groups.dedup();
        Players {
            heard,
            is_there,
            says: self.tracks.says(seat, role, is_there),
            outputs,
            copied,
            players,
            groups,
        }
    }

    fn info(&self, player: &HubPlayer) -> PlayerInfo {
        let status = &player.status;
        let is_theirs = |track: &&Track| matches!(track.source, Source::Player { place, .. } if place == player.place);
        PlayerInfo {
            name: status.name.clone(),
            address: player.address.to_string(),
            channels: status.sends,
            is_present: status.present,
            is_farsend: status.is_farsend,
            is_muted: status.muted,
            colour: player.colour,
            level: 10f32.powf(status.level_db / 20.0),
            delay_us: status.delay_ms.map(|ms| (ms * 1e3) as u32),
            loss_percent: status.loss_percent as f32,
            drift_ppm: player.drift_ppm.map(|ppm| ppm as f32),
            group: status.group.clone(),
            tracks: self
                .tracks
                .tracks
                .iter()
                .filter(is_theirs)
                .take(MOST_TRACKS)
                .map(|track| track.name.clone())
                .collect(),
        }
    }

    /// The one who is called, or has called.
    fn peer_info(&mut self) -> Option<PlayerInfo> {
        let now = self.desk.statistics.read();
        let (remote, format) = (now.remote?, now.format?);
        let channels = format
            .channels
            .min(Channels(crate::settings::MAX_CHANNELS as u8));
        let peaks = now.peaks_in[..channels.get()].iter();
        let told = self.numbers(&now);
        let minute = told.minute;
        let lost = minute.lost + minute.late;
        let packets = u64::from(minute.seconds) * u64::from(format.rate.0)
            / u64::from(format.period.0.max(1));
        Some(PlayerInfo {
            name: match self.peer_name.as_str() {
                "" => remote.to_string(),
                name => name.to_owned(),
            },
            address: remote.to_string(),
            channels: channels.0,
            is_present: now.present,
            is_farsend: now.farsend,
            is_muted: false,
            colour: now.colour,
            level: peaks.copied().fold(0.0, f32::max),
            delay_us: told.one_way_us,
            loss_percent: 100.0 * lost as f32 / packets.max(1) as f32,
            drift_ppm: told.drift_ppm,
            group: None,
            tracks: Vec::new(),
        })
    }
}

/// What an instance's output is called among the [`Bindings`].
fn spot(seat: u64, output: usize) -> u64 {
    seat * OUTPUTS as u64 + output as u64
}

/// A name that may be of any length.
fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(LONGEST_NAME)]
}

fn here(player: &HubPlayer) -> Here {
    Here {
        called: player.status.name.clone(),
        name: player.name.clone(),
        address: player.address,
        is_present: player.status.present,
    }
}

/// Outputs of an instance, all together.
const OUTPUTS: usize = MOST_OUTPUTS + 1;

/// Why there is no hub.
fn refused(error: &RunError) -> Refused {
    let (what, port) = match error {
        RunError::Bind(BindError::PortBusy { port, .. }) => ("UDP", port),
        RunError::Door(DoorError::PortBusy { port }) => ("TCP", port),
        error => return Refused::because(error, "Check the hub's settings."),
    };
    Refused::new(
        format!("{what} port {port} is taken: another hub or JackTrip is running here"),
        "End it, or choose another port.",
    )
}

/// Of a hub's member.
const NO_PLAYERS: &str = "A hub sends only its mix, so no player can be picked here. Pick the mix, or host the hub from the plugin.";

/// Of a call.
const NO_GROUPS: &str = "There are no groups in a call, which has one player. Pick the mix.";

/// Players that are told of, by names of up to 63 bytes: they fit into a message.
const MOST_SHOWN: usize = 64;

/// And so many of each one's tracks, ...
const MOST_TRACKS: usize = 4;

/// ... by so much of their names.
const LONGEST_NAME: usize = 64;
