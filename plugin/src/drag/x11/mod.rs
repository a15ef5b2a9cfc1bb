//! A drag on an X server: looks where the pointer is, and carries messages between windows and the [`Session`].
//!
//! Source: the XDND protocol, version 5; the Inter-Client Communication Conventions Manual, section 2.

mod offer;
mod search;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt as _, EventMask, KeyButMask,
    Keysym, Window,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::session::{Answer, Input, Output, Point, Session};
use super::{End, Stage, Told};
use offer::Offer;

x11rb::atom_manager! {
    /// Names that programs have agreed on.
    pub(super) Atoms: AtomsCookie {
        XdndAware,
        XdndProxy,
        XdndSelection,
        XdndTypeList,
        XdndEnter,
        XdndPosition,
        XdndStatus,
        XdndLeave,
        XdndDrop,
        XdndFinished,
        XdndActionCopy,
        TARGETS,
        MULTIPLE,
        TIMESTAMP,
        ATOM_PAIR,
        URI_LIST: b"text/uri-list",
    }
}

/// Why nothing can be dragged here.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("there is no way to the X server: {0}")]
    NoServer(#[from] ConnectError),
    #[error("the way to the X server is lost: {0}")]
    Lost(#[from] ConnectionError),
    #[error("the X server does not answer: {0}")]
    Refused(#[from] ReplyError),
    #[error("the X server has no room: {0}")]
    NoRoom(#[from] ReplyOrIdError),
    #[error("the X server has no such screen")]
    NoScreen,
    #[error("the X server does not tell its time")]
    NoTime,
    #[error("somebody else is dragging something")]
    Taken,
}

/// Carries a list of URIs from the button that is down to where it is let go, and until it was fetched there. Blocks for as long as that.
pub(super) fn carry(list: &[u8], told: &Told) -> Result<End, Failure> {
    let mut carrier = Carrier::start(list)?;
    loop {
        if told.stop.load(Ordering::Relaxed) {
            carrier.take_in(Input::Stop)?;
        } else if told.cancel.load(Ordering::Relaxed) {
            carrier.take_in(Input::Cancel)?;
        }
        carrier.turn()?;
        let stage = carrier.session.stage();
        if let Stage::Ended(end) = stage {
            // A server that sees the end of a connection does not read what was said before it.
            carrier.connection.sync()?;
            return Ok(end);
        }
        told.enter(stage);
        std::thread::sleep(TURN);
    }
}

struct Carrier<'a> {
    connection: RustConnection,
    atoms: Atoms,
    root: Window,
    offer: Offer<'a>,
    /// The codes of the keys that are Escape.
    escape: Vec<u8>,
    session: Session,
    began: Instant,
}

impl<'a> Carrier<'a> {
    fn start(list: &'a [u8]) -> Result<Self, Failure> {
        let (connection, screen) = x11rb::connect(None)?;
        let screen = connection.setup().roots.get(screen);
        let root = screen.ok_or(Failure::NoScreen)?.root;
        let atoms = Atoms::new(&connection)?.reply()?;
        let offer = Offer::make(&connection, &atoms, root, list)?;
        Ok(Self {
            escape: keys_of(&connection, ESCAPE)?,
            connection,
            atoms,
            root,
            offer,
            session: Session::new(),
            began: Instant::now(),
        })
    }

    /// Takes in all that has happened since the last one.
    fn turn(&mut self) -> Result<(), Failure> {
        while let Some(event) = self.connection.poll_for_event()? {
            self.hear(&event)?;
        }
        if !matches!(self.session.stage(), Stage::Dropped | Stage::Ended(_)) {
            self.look()?;
        }
        let outputs = self.session.handle(self.began.elapsed(), None);
        self.say(outputs)?;
        Ok(self.connection.flush()?)
    }

    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::ClientMessage(message)
                if message.window == self.offer.window && message.format == 32 =>
            {
                let words = message.data.as_data32();
                let from = words[0];
                if message.type_ == self.atoms.XdndStatus {
                    let answer = Answer::of(words);
                    self.take_in(Input::Status { from, answer })?;
                } else if message.type_ == self.atoms.XdndFinished {
                    let taken = words[1] & 1 != 0;
                    self.take_in(Input::Finished { from, taken })?;
                }
            }
            Event::SelectionRequest(request) => {
                let (connection, atoms) = (&self.connection, &self.atoms);
                if self.offer.serve(connection, atoms, request)? {
                    self.take_in(Input::Fetched)?;
                }
            }
            Event::SelectionClear(_) => self.take_in(Input::Superseded)?,
            Event::DestroyNotify(gone) => self.take_in(Input::Gone(gone.window))?,
            // Errors are told of windows that have just gone; the next look does not find them.
            _ => {}
        }
        Ok(())
    }

    /// Where the pointer is, who is there, and whether button and Escape are down.
    fn look(&mut self) -> Result<(), Failure> {
        let pointer = self.connection.query_pointer(self.root)?;
        let keys = self.connection.query_keymap()?;
        let (pointer, keys) = (pointer.reply()?, keys.reply()?.keys);
        // Screens of one server have each a root.
        self.root = pointer.root;
        let at: Point = (pointer.root_x, pointer.root_y);
        let over = search::target_at(&self.connection, &self.atoms, self.root, at)?;
        let is_down = |key: &u8| keys[usize::from(key / 8)] & (1 << (key % 8)) != 0;
        if self.escape.iter().any(is_down) {
            self.take_in(Input::Cancel)?;
        }
        let held = pointer.mask.contains(KeyButMask::BUTTON1);
        self.take_in(Input::Pointer { at, held, over })
    }

    fn take_in(&mut self, input: Input) -> Result<(), Failure> {
        let outputs = self.session.handle(self.began.elapsed(), Some(input));
        self.say(outputs)
    }

    fn say(&self, outputs: Vec<Output>) -> Result<(), Failure> {
        let (atoms, source) = (&self.atoms, self.offer.window);
        for output in outputs {
            let (target, type_, words) = match output {
                Output::Enter(target) => {
                    // So that it is heard when it goes.
                    let events = ChangeWindowAttributesAux::new();
                    let events = events.event_mask(EventMask::STRUCTURE_NOTIFY);
                    self.connection
                        .change_window_attributes(target.window, &events)?
                        .ignore_error();
                    let version = u32::from(target.version) << 24;
                    let words = [source, version, atoms.URI_LIST, 0, 0];
                    (target, atoms.XdndEnter, words)
                }
                Output::Position(target, (x, y)) => {
                    let place = u32::from(x as u16) << 16 | u32::from(y as u16);
                    let (time, action) = (self.offer.time, atoms.XdndActionCopy);
                    let words = [source, 0, place, time, action];
                    (target, atoms.XdndPosition, words)
                }
                Output::Leave(target) => (target, atoms.XdndLeave, [source, 0, 0, 0, 0]),
                Output::Drop(target) => {
                    let words = [source, 0, self.offer.time, 0, 0];
                    (target, atoms.XdndDrop, words)
                }
            };
            let message = ClientMessageEvent::new(32, target.window, type_, words);
            self.connection
                .send_event(false, target.to, EventMask::NO_EVENT, message)?
                .ignore_error();
        }
        Ok(self.connection.flush()?)
    }
}

/// The codes of the keys that have this symbol.
fn keys_of(connection: &RustConnection, symbol: Keysym) -> Result<Vec<u8>, Failure> {
    let setup = connection.setup();
    let (first, last) = (setup.min_keycode, setup.max_keycode);
    let count = last.saturating_sub(first).saturating_add(1);
    let mapping = connection.get_keyboard_mapping(first, count)?.reply()?;
    let of_each = usize::from(mapping.keysyms_per_keycode).max(1);
    let keys = (first..=last).zip(mapping.keysyms.chunks(of_each));
    let keys = keys.filter(|(_, symbols)| symbols.contains(&symbol));
    Ok(keys.map(|(key, _)| key).collect())
}

/// XK_Escape.
const ESCAPE: Keysym = 0xff1b;

/// Between looks at the pointer.
const TURN: Duration = Duration::from_millis(10);
