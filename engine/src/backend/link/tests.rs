//! Instances of one host along one time line, in virtual time.

use farsend_ipc::segment::{EngineEnd, Exchanged, PluginEnd, SegmentConfig};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

use super::line::TimeLine;
use super::seat::{Place, Seat};

const RATE: SampleRate = SampleRate::HZ_48000;

/// Frames in the host's block, 10 ms, and what of them the engine has in hand for the first instance.
const BLOCK: usize = 480;
const IN_HAND: usize = 600;

/// An instance, and when in each block its host calls it.
struct Instance {
    plugin: PluginEnd,
    seat: Box<Seat>,
    into_us: u64,
    /// Constant, so that what is summed can be told apart.
    voice: f32,
    /// What it heard in its last block.
    heard: Vec<f32>,
    exchanged: Exchanged,
}

impl Instance {
    fn new(id: u64, into_us: u64, voice: f32) -> Self {
        let config = SegmentConfig {
            send: Channels(1),
            receive: Channels(1),
            rate: RATE,
            capacity: Frames(4096),
        };
        let (end, handle) = EngineEnd::create(config).expect("a small segment can be made");
        let place = Place { first: Channels(1) };
        Self {
            plugin: PluginEnd::open(handle).expect("nobody has touched it"),
            seat: Seat::new(id, end, place),
            into_us,
            voice,
            heard: vec![0.0; BLOCK],
            exchanged: Exchanged::Dry,
        }
    }

    fn call(&mut self, block: u64) {
        let at = MonoTime::from_nanos((block * 10_000 + self.into_us) * 1000);
        let input = [self.voice; BLOCK];
        let mut heard = std::mem::take(&mut self.heard);
        self.exchanged = self.plugin.exchange_at(at, &[&input], &mut [&mut heard]);
        self.heard = heard;
    }
}

/// A session of which the first instance is the clock.
struct Session {
    lead: Instance,
    guests: Vec<Instance>,
    /// Frames released so far, by the count of which they are told.
    released: usize,
    sent: Vec<f32>,
}

impl Session {
    fn new(lead: Instance, guests: Vec<Instance>) -> Self {
        let mut session = Self {
            lead,
            guests,
            released: 0,
            sent: Vec::new(),
        };
        session.lead.seat.line = TimeLine::of_the_session();
        session
    }

    /// One block of the host, with a turn of the engine after the last call, and one right after the clock's.
    fn block(&mut self, block: u64) {
        let mut order: Vec<u64> = self.guests.iter().map(|guest| guest.into_us).collect();
        order.push(self.lead.into_us);
        order.sort_unstable();
        for into_us in order {
            if into_us == self.lead.into_us {
                self.lead.call(block);
                self.turn();
            }
            for guest in self
                .guests
                .iter_mut()
                .filter(|guest| guest.into_us == into_us)
            {
                guest.call(block);
            }
        }
        self.turn();
        self.take();
        self.release();
    }

    fn turn(&mut self) {
        let Some(lead) = self.lead.seat.session_call() else {
            return;
        };
        for guest in &mut self.guests {
            guest.seat.follow(&lead, RATE, true);
        }
    }

    fn take(&mut self) {
        let mut to = vec![vec![0.0; BLOCK]];
        let (taken, position) = self.lead.seat.lead_in(&mut to, BLOCK);
        for guest in &mut self.guests {
            guest.seat.join_in(position, &mut to, taken.get());
        }
        self.sent = to.remove(0);
    }

    fn release(&mut self) {
        while self.lead.seat.end.fill() < IN_HAND as i64 {
            let chunk: Vec<f32> = (0..40).map(|i| (self.released + i) as f32).collect();
            self.released += chunk.len();
            let released = self.lead.seat.release(&[&chunk]);
            let position = self.lead.seat.line.session(released.position);
            for guest in &mut self.guests {
                guest.seat.release_at(position, &[&chunk]);
            }
        }
    }
}

/// One called first, one second, one last, and each has counted from another beginning.
fn three() -> Session {
    let mut early = Instance::new(1, 50, 1.0);
    let late = Instance::new(2, 900, 10.0);
    (0..7).for_each(|block| early.call(block));
    Session::new(Instance::new(0, 400, 100.0), vec![early, late])
}

#[test]
fn what_instances_of_one_block_send_is_summed() {
    let mut session = three();
    for block in 10..15 {
        session.block(block);
    }
    assert_eq!(session.sent, [111.0; BLOCK]);
}

#[test]
fn instances_of_one_block_hear_the_same_frames() {
    let mut session = three();
    for block in 10..30 {
        session.block(block);
    }
    let heard = &session.lead.heard;
    assert!(heard.windows(2).all(|two| two[1] == two[0] + 1.0));
    for guest in &session.guests {
        assert_eq!(guest.exchanged, Exchanged::Fresh);
        assert_eq!(&guest.heard, heard);
    }
}

#[test]
fn an_instance_that_is_not_called_is_silence_in_its_place_and_is_back_when_it_is() {
    let mut session = three();
    for block in 10..30 {
        session.block(block);
    }
    let mut gone = session.guests.remove(0);
    // The host goes on without it; the engine knows it still.
    for block in 30..60 {
        session.block(block);
        let lead = session.lead.seat.session_call().expect("it is called");
        gone.seat.follow(&lead, RATE, true);
        assert_eq!(session.sent, [110.0; BLOCK], "block {block}");
    }
    session.guests.insert(0, gone);
    for block in 60..80 {
        session.block(block);
    }
    assert_eq!(session.sent, [111.0; BLOCK]);
    assert_eq!(session.guests[0].heard, session.lead.heard);
}

#[test]
fn who_is_always_late_is_a_block_behind_and_whole() {
    let mut session = three();
    let mut sums = Vec::new();
    for block in 10..30 {
        let last = session.guests.pop().expect("there are two");
        session.block(block);
        session.guests.push(last);
        // Called after what is sent for the block has gone.
        let last = session.guests.last_mut().expect("it was put there");
        last.call(block);
        let lead = session.lead.seat.session_call().expect("it is called");
        last.seat.follow(&lead, RATE, true);
        let position = lead.position.wrapping_sub(BLOCK as u64);
        let mut to = vec![std::mem::take(&mut session.sent)];
        // As it was before the call: the block before is what there is.
        last.seat
            .join_in(position.wrapping_add(BLOCK as u64), &mut to, BLOCK);
        sums.push(to[0][0]);
    }
    assert_eq!(sums[..2], [101.0; 2]);
    assert_eq!(sums[10..], [111.0; 10]);
}

#[test]
fn who_is_punctual_is_awaited_and_nobody_else() {
    let mut session = three();
    for block in 10..15 {
        session.block(block);
    }
    session.lead.call(15);
    let position = session
        .lead
        .seat
        .line
        .session(session.lead.seat.end.taken());
    let awaited = |session: &Session| {
        let guests = session.guests.iter();
        guests
            .map(|guest| guest.seat.is_awaited(position, Frames(BLOCK as u32)))
            .collect::<Vec<_>>()
    };
    assert_eq!(awaited(&session), [true, true]);
    session.guests[0].call(15);
    assert_eq!(awaited(&session), [false, true]);
    // It does not come.
    session.turn();
    session.take();
    session.lead.call(16);
    assert!(!session.guests[1].seat.line.is_punctual());
}
