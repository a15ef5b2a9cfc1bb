//! Takes of each player at a hub of the plugin's, as of the far end in a call: in the player's own packets, on the host's timeline.
//!
//! ```text
//!   session's control thread ── TakeOrders: whether, and where ──▶ TrackTakes (hub's control thread)
//!                                                                    a desk a player ── Tap ──▶ their Machines
//!   link thread: what is sent ── Tap of the session's own desk         └─ a disk thread each, all of one list
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use farsend_ipc::message::{TakeWishes, WantedSession};
use farsend_rt::MailboxReader;
use farsend_units::{Channels, SampleRate};
use parking_lot::Mutex;

use crate::takes::{TakeDesk, TakeList, Tap};

/// What is to be recorded of a hub's players. Shared by the session's control thread and the hub's.
#[derive(Debug)]
pub struct TakeOrders {
    list: TakeList,
    session: WantedSession,
    /// And how often they were another.
    wishes: Mutex<(u64, TakeWishes)>,
}

impl TakeOrders {
    /// Nothing yet, of this session, whose takes are in this list.
    pub fn new(list: TakeList, session: WantedSession) -> Arc<Self> {
        Arc::new(Self {
            list,
            session,
            wishes: Mutex::default(),
        })
    }

    /// This is to be recorded from now on, or nothing.
    pub fn wish(&self, wishes: &TakeWishes) {
        let (times, current) = &mut *self.wishes.lock();
        if current != wishes {
            *times += 1;
            current.clone_from(wishes);
        }
    }
}

/// Those of the players who are here. Control thread.
#[derive(Debug)]
pub(super) struct TrackTakes {
    orders: Arc<TakeOrders>,
    rate: SampleRate,
    known: u64,
    wishes: TakeWishes,
    /// By place, with what the player is called.
    desks: BTreeMap<u16, (String, TakeDesk)>,
    /// Of those who have left, until all is written.
    gone: Vec<TakeDesk>,
}

impl TrackTakes {
    /// For a hub of this rate.
    pub(super) fn new(orders: Arc<TakeOrders>, rate: SampleRate) -> Self {
        Self {
            orders,
            rate,
            known: 0,
            wishes: TakeWishes::default(),
            desks: BTreeMap::new(),
            gone: Vec::new(),
        }
    }

    /// Somebody takes a place who sends so many channels: what they are to be recorded through.
    pub(super) fn admit(
        &mut self,
        place: u16,
        called: &str,
        channels: Channels,
    ) -> MailboxReader<Option<Tap>> {
        self.leave(place);
        let (mut desk, taps) = TakeDesk::of_player(&self.orders.list, self.rate, channels);
        desk.wish(&self.wishes, &self.orders.session, called);
        self.desks.insert(place, (called.to_owned(), desk));
        taps
    }

    /// The player in this place has left: their take ends.
    pub(super) fn leave(&mut self, place: u16) {
        if let Some((_, mut desk)) = self.desks.remove(&place) {
            desk.end();
            self.gone.push(desk);
        }
    }

    /// Does what is wished. Never waits for a disk.
    pub(super) fn attend(&mut self) {
        let orders = Arc::clone(&self.orders);
        {
            let wishes = orders.wishes.lock();
            if wishes.0 != self.known {
                self.known = wishes.0;
                self.wishes.clone_from(&wishes.1);
                drop(wishes);
                for (called, desk) in self.desks.values_mut() {
                    desk.wish(&self.wishes, &orders.session, called);
                }
            }
        }
        let desks = self.desks.values_mut().map(|(_, desk)| desk);
        desks.chain(&mut self.gone).for_each(TakeDesk::collect);
        self.gone.retain(|desk| !desk.is_over());
    }

    /// Waits a little until all is written, once nobody plays any more.
    pub(super) fn finish(self) {
        let desks = self.desks.into_values().map(|(_, desk)| desk);
        TakeDesk::finish_all(desks.chain(self.gone));
    }
}
