//! A hub whose audio thread is somebody else's: the session of the plugin's instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use farsend_wire::jacktrip::Name;

use super::{Desk, REPORT_EVERY};
use crate::engine::RunError;
use crate::hub::HubSettings;
use crate::hub::auth::Auth;
use crate::hub::door::Door;
use crate::hub::floor::Order;
use crate::hub::instances::{HubPlayer, HubSight, Lend, Post, SessionWish};
use crate::hub::pace::Voice;
use crate::hub::report::HubReporter;
use crate::hub::sight;
use crate::hub::track_takes::{TakeOrders, TrackTakes};

impl<'a> Desk<'a> {
    /// Opens a hub and lends its floor out. With the port where players log in.
    ///
    /// # Errors
    /// [`RunError`] when it cannot begin.
    pub(in crate::hub) fn lend(
        settings: &'a HubSettings,
        lend: Lend,
        takes: Arc<TakeOrders>,
        reporter: &mut HubReporter,
    ) -> Result<(Self, u16), RunError> {
        let auth = settings.auth.as_ref().map(Auth::load).transpose()?;
        if let Some(auth) = &auth {
            reporter.asks_for_passwords(auth);
        }
        let door = Door::open(settings.port, auth)?;
        let mut desk = Self::open(settings, door, Voice::Instances(lend))?;
        desk.track_takes = Some(TrackTakes::new(takes, settings.rate));
        desk.begin(reporter);
        let port = desk.door.port();
        Ok((desk, port))
    }

    /// Looks after players until `quit`, and tells at once who comes and goes, and some times a second how they do. Then waits for the floor
    /// to be given back, and says goodbye.
    pub(in crate::hub) fn serve(
        mut self,
        reporter: &mut HubReporter,
        quit: &AtomicBool,
        post: &Post,
        tell: &mut dyn FnMut(HubSight),
    ) {
        let begun = Instant::now();
        let (mut next_report, mut next_sight) = (begun + REPORT_EVERY, begun);
        let mut known = Vec::new();
        while !quit.load(Relaxed) {
            self.attend(reporter);
            for wish in post.wishes.try_iter() {
                self.grant(wish, reporter);
            }
            while let Some(talk) = self.letters.next_news() {
                // Who does not want to hear it any more is about to end this.
                _ = post.talk.send(talk);
            }
            let players = self.roster.iter();
            let here: Vec<_> = players
                .map(|(place, entry)| (place, entry.address))
                .collect();
            let now = Instant::now();
            if now >= next_report {
                next_report = now + REPORT_EVERY;
                self.report(reporter);
            }
            if here != known || now >= next_sight {
                (known, next_sight) = (here, now + SIGHT_EVERY);
                tell(self.seen());
            }
        }
        let numbers = self.numbers.read();
        self.close(reporter);
        reporter.ended(&numbers, 0);
    }

    fn grant(&mut self, wish: SessionWish, reporter: &mut HubReporter) {
        match wish {
            SessionWish::Say(number, line) => self.say_numbered(number, &line, reporter),
            SessionWish::KeepDelays(players) => {
                let Self {
                    roster, pending, ..
                } = self;
                for (place, entry) in roster.iter_mut() {
                    let keep = players.contains(&entry.admission);
                    if std::mem::replace(&mut entry.keeps_delay, keep) != keep {
                        pending.push_back(Order::KeepDelay(place, keep));
                    }
                }
            }
            SessionWish::Loop(measured) => {
                if let Some(place) = self.roster.place_of_admission(measured.player) {
                    self.order(Order::Loop(place, measured));
                }
            }
            SessionWish::Depth(depth) => {
                self.depth = depth;
                let places = self.roster.iter().map(|(place, _)| place);
                let orders = places.map(|place| Order::Depth(place, depth));
                self.pending.extend(orders);
            }
        }
    }

    fn seen(&mut self) -> HubSight {
        let Self {
            settings,
            roster,
            book,
            ..
        } = self;
        let player = |(place, entry): (u16, &mut super::Entry)| {
            let now = entry.watch.statistics.read();
            HubPlayer {
                place,
                admission: entry.admission,
                address: entry.address,
                name: (entry.name != Name::EMPTY).then(|| entry.name.as_str().to_owned()),
                status: sight::player(entry, settings.rate, book),
                drift_ppm: now.drift_ppm,
                moves: now.buffer.moves,
                colour: now.colour,
            }
        };
        HubSight {
            players: roster.iter_mut().map(player).collect(),
            groups: book
                .groups
                .numbered()
                .map(|(number, name)| (name.to_owned(), number))
                .collect(),
        }
    }
}

/// How old the numbers of players may be.
const SIGHT_EVERY: Duration = Duration::from_millis(200);
