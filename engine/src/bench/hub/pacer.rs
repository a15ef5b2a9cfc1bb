//! The audio thread of the load test: all players, one thread, in time with the machine's clock.
//!
//! Each player has a socket of its own, as a hub expects of players, and is looked at once a period: its packet is
//! sent, then what has come for it since is taken in. So a packet costs one call to send and a little more than one to
//! receive, and nobody has to be woken when a hub answers; kernel stamps say when that was, to some of the players. Nearly all of it is the
//! system's. Bare C programs for 500 players: 1.55 ms per second and player with a stamp for each datagram, 1.42 without,
//! 1.38 with one socket for all (`sendmmsg`, `recvmmsg`, a source address and a stamp a datagram), which only loopback
//! would allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use farsend_rt::{Promotion, clock, promote_current_thread};
use rtrb::{Consumer, Producer};

use super::ear::{Form, Scene, Times};
use super::levels::SYMBOLS;
use super::marker::Marker;
use super::player::{Desk, Moment, Part, Player, packet};
use super::proof::Proven;
use super::schedule::Schedule;
use crate::backend::AUDIO_PRIORITY;

/// What the control thread wants of the audio thread.
#[derive(Debug)]
pub enum Order {
    /// Another player.
    Enter(Box<Player>),
    /// This one says goodbye; it comes back through the other ring.
    Leave(u32),
    /// From here on (or no longer) it counts.
    Count(bool),
    /// All say goodbye.
    End,
}

/// How punctual the load test itself was, while it counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Punctuality {
    /// Packets sent.
    pub sent: u64,
    /// Those that left more than half a period late.
    pub late: u64,
    /// The most that any was late.
    pub longest: Duration,
    /// Times that the machine stopped for longer than can be made up for.
    pub stops: u64,
}

/// All that the thread has at its end.
#[derive(Debug)]
pub struct Outcome {
    /// The players that were still there.
    pub players: Vec<Box<Player>>,
    /// Spacing and delay.
    pub times: Times,
    /// What the marks proved.
    pub proven: Proven,
    /// How many markings that were.
    pub markings: u32,
    /// Our own faults.
    pub punctuality: Punctuality,
    /// How long it counted.
    pub counted: Duration,
    /// The thread's priority.
    pub promotion: Promotion,
}

/// The audio thread's state. Made by the control thread, with room for all that comes.
#[derive(Debug)]
pub struct Pacer {
    schedule: Schedule,
    /// By slot.
    #[expect(
        clippy::vec_box,
        reason = "they go through rings, and moving them is for the audio thread to do"
    )]
    players: Vec<Vec<Box<Player>>>,
    voices: Voices,
    desk: Desk,
    times: Times,
    marker: Marker,
    steady: u32,
    counting: Option<farsend_units::MonoTime>,
    counted: Duration,
    punctuality: Punctuality,
    orders: Consumer<Order>,
    gone: Producer<Box<Player>>,
    put_out: Arc<AtomicU32>,
}

/// One packet for each level that is played.
#[derive(Debug)]
struct Voices {
    plain: Box<[u8]>,
    silent: Box<[u8]>,
    marked: Vec<Box<[u8]>>,
}

impl Pacer {
    /// For up to `room` players at a time. None for a rate or a period that a header cannot say.
    ///
    /// `put_out` counts the steady players that the hub told to leave.
    pub fn new(
        form: Form,
        room: usize,
        orders: Consumer<Order>,
        gone: Producer<Box<Player>>,
        put_out: Arc<AtomicU32>,
    ) -> Option<Self> {
        let schedule = Schedule::new(clock::now(), form.rate, form.period);
        let slots = schedule.slots();
        Some(Self {
            players: (0..slots).map(|_| Vec::with_capacity(room)).collect(),
            schedule,
            voices: Voices::new(form)?,
            desk: Desk::new(form),
            times: Times::default(),
            marker: Marker::new(),
            steady: 0,
            counting: None,
            counted: Duration::ZERO,
            punctuality: Punctuality::default(),
            orders,
            gone,
            put_out,
        })
    }

    /// Runs until [`Order::End`], or until nobody can give orders any more. Does not allocate until then.
    pub fn run(mut self) -> Outcome {
        let promotion = promote_current_thread(AUDIO_PRIORITY);
        self.schedule
            .put_off(clock::now().since(self.schedule.due(0)));
        let slots = u64::from(self.schedule.slots());
        for count in 0.. {
            let slot = (count % slots) as usize;
            if slot == 0 && !self.begin_period() {
                break;
            }
            if slot != 0 && self.players[slot].is_empty() {
                continue;
            }
            let due = self.schedule.due(count);
            clock::sleep_until(due);
            let moment = Moment::read();
            let behind = moment.now.since(due);
            if behind > LONGEST_STOP {
                self.schedule.put_off(behind);
                self.punctuality.stops += u64::from(self.counting.is_some());
            }
            // Taken out for the time, so that each player can be shown the rest of us.
            let mut players = std::mem::take(&mut self.players[slot]);
            self.send(&mut players, &moment);
            self.judge(players.len(), clock::now().since(due));
            self.receive(&mut players, &moment);
            self.players[slot] = players;
        }
        self.end(promotion)
    }

    /// Between two periods. `false`: it is over.
    fn begin_period(&mut self) -> bool {
        for _ in 0..ORDERS_AT_ONCE {
            match self.orders.pop() {
                Ok(Order::Enter(player)) => {
                    self.steady += u32::from(player.part == Part::Steady);
                    let slot = self.schedule.slot_of(player.index);
                    self.players[slot as usize].push(player);
                }
                Ok(Order::Leave(index)) => self.see_off(index),
                Ok(Order::Count(true)) => {
                    self.counting = Some(clock::now());
                    self.close_proofs(false);
                    self.marker.start(self.steady);
                }
                Ok(Order::Count(false)) => self.stop_counting(),
                Ok(Order::End) => return false,
                Err(_) if self.orders.is_abandoned() => return false,
                Err(_) => break,
            }
        }
        if self.marker.period_passed() {
            self.close_proofs(true);
            self.marker.next();
        }
        true
    }

    fn send(&mut self, players: &mut [Box<Player>], moment: &Moment) {
        for player in players.iter_mut().filter(|player| !player.put_out) {
            let symbol = self.marker.symbol_for(player.index);
            let voice = match (player.part, symbol) {
                (Part::Passing, _) => &mut self.voices.silent,
                (Part::Steady, None) => &mut self.voices.plain,
                (Part::Steady, Some(symbol)) => {
                    self.marker.note_sent(clock::now());
                    &mut self.voices.marked[usize::from(symbol)]
                }
            };
            player.send(voice, moment);
        }
    }

    fn receive(&mut self, players: &mut [Box<Player>], moment: &Moment) {
        for player in players.iter_mut().filter(|player| !player.put_out) {
            let is_steady = player.part == Part::Steady;
            let mut scene = Scene {
                others: self.steady - u32::from(is_steady),
                counting: self.counting.is_some() && is_steady,
                marked: self.marker.sent_to(player.index),
                times: player.is_dated().then_some(&mut self.times),
            };
            player.receive(moment, &mut self.desk, &mut scene);
            if player.put_out && is_steady {
                self.put_out.fetch_add(1, Relaxed);
            }
        }
    }

    fn judge(&mut self, sent: usize, late: Duration) {
        if self.counting.is_none() {
            return;
        }
        let Punctuality {
            sent: all,
            late: too_late,
            longest,
            ..
        } = &mut self.punctuality;
        *all += sent as u64;
        *longest = (*longest).max(late);
        if late > self.schedule.period() / 2 {
            *too_late += sent as u64;
        }
    }

    fn close_proofs(&mut self, counts: bool) {
        let (who, sent) = (self.marker.who(), self.marker.sent());
        for player in self.players.iter_mut().flatten() {
            let proven = player.ear.close_proof(sent);
            let listens = player.part == Part::Steady && player.index != who && !player.put_out;
            if counts && listens {
                self.marker.add(proven);
            }
        }
    }

    fn see_off(&mut self, index: u32) {
        let slot = &mut self.players[self.schedule.slot_of(index) as usize];
        let Some(place) = slot.iter().position(|player| player.index == index) else {
            return;
        };
        let player = slot.swap_remove(place);
        self.steady -= u32::from(player.part == Part::Steady);
        player.leave();
        // The ring has room for all players that there are.
        _ = self.gone.push(player);
    }

    fn stop_counting(&mut self) {
        if let Some(began) = self.counting.take() {
            self.counted += clock::now().since(began);
        }
        self.marker.stop();
    }

    fn end(mut self, promotion: Promotion) -> Outcome {
        self.stop_counting();
        let players: Vec<Box<Player>> = self.players.into_iter().flatten().collect();
        players.iter().for_each(|player| player.leave());
        let (proven, markings) = self.marker.outcome();
        Outcome {
            players,
            times: self.times,
            proven,
            markings,
            punctuality: self.punctuality,
            counted: self.counted,
            promotion,
        }
    }
}

impl Voices {
    fn new(form: Form) -> Option<Self> {
        let marked = (0..SYMBOLS as u8).map(|symbol| packet(form, form.levels.marked(symbol)));
        Some(Self {
            plain: packet(form, form.levels.plain())?,
            silent: packet(form, 0)?,
            marked: marked.collect::<Option<_>>()?,
        })
    }
}

/// What is behind by more than this is not made up for.
const LONGEST_STOP: Duration = Duration::from_millis(200);

/// Orders taken in a period.
const ORDERS_AT_ONCE: u32 = 8;
