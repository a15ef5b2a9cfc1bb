//! A program that files can be dropped on.

use std::time::Duration;

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    Timestamp, Window, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;

use super::Hand;

x11rb::atom_manager! {
    pub(crate) Atoms: AtomsCookie {
        XdndAware,
        XdndSelection,
        XdndEnter,
        XdndPosition,
        XdndStatus,
        XdndLeave,
        XdndDrop,
        XdndFinished,
        XdndActionCopy,
        TARGETS,
        HERE,
        URI_LIST: b"text/uri-list",
    }
}

/// What it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Enter { version: u32 },
    Position(i16, i16),
    Leave,
    Drop,
}

/// Its window: a square on the screen.
pub(crate) struct Target<'a> {
    hand: &'a Hand,
    atoms: Atoms,
    window: Window,
    source: Window,
    time: Timestamp,
}

impl<'a> Target<'a> {
    /// With its upper left corner there, and 200 pixels wide and high.
    pub(crate) fn show(hand: &'a Hand, (x, y): (i16, i16)) -> Self {
        let connection = &hand.connection;
        let atoms = Atoms::new(connection).expect("it is there");
        let atoms = atoms.reply().expect("it answers");
        let window = connection.generate_id().expect("there is room");
        let about = CreateWindowAux::new().override_redirect(1);
        let class = WindowClass::INPUT_OUTPUT;
        connection
            .create_window(0, window, hand.root, x, y, 200, 200, 0, class, 0, &about)
            .expect("it is there");
        connection
            .change_property32(
                PropMode::REPLACE,
                window,
                atoms.XdndAware,
                AtomEnum::ATOM,
                &[5],
            )
            .expect("it is there");
        let shown = connection.map_window(window).expect("it is there");
        shown.check().expect("it can be shown");
        Self {
            hand,
            atoms,
            window,
            source: 0,
            time: 0,
        }
    }

    /// What it is told next; `None`: nothing within this time.
    pub(crate) fn hear(&mut self, limit: Duration) -> Option<Heard> {
        loop {
            let Event::ClientMessage(message) = self.hand.event(limit)? else {
                continue;
            };
            let words = message.data.as_data32();
            let atoms = &self.atoms;
            self.source = words[0];
            assert_eq!((message.window, message.format), (self.window, 32));
            return Some(match message.type_ {
                enter if enter == atoms.XdndEnter => {
                    assert_eq!(words[2..], [atoms.URI_LIST, 0, 0]);
                    let version = words[1] >> 24;
                    Heard::Enter { version }
                }
                position if position == atoms.XdndPosition => {
                    assert_eq!(words[4], atoms.XdndActionCopy);
                    self.time = words[3];
                    Heard::Position((words[2] >> 16) as i16, words[2] as i16)
                }
                leave if leave == atoms.XdndLeave => Heard::Leave,
                drop if drop == atoms.XdndDrop => Heard::Drop,
                other => panic!("a message of the type {other}"),
            });
        }
    }

    /// Says whether it would take what is over it.
    pub(crate) fn answer(&self, welcome: bool) {
        let action = if welcome {
            self.atoms.XdndActionCopy
        } else {
            0
        };
        let words = [self.window, welcome.into(), 0, 0, action];
        self.say(self.atoms.XdndStatus, words);
    }

    /// Says that it has taken what was dropped.
    pub(crate) fn finish(&self) {
        let words = [self.window, 1, self.atoms.XdndActionCopy, 0, 0];
        self.say(self.atoms.XdndFinished, words);
    }

    /// What is dragged, as a list of URIs; checks that it is offered.
    pub(crate) fn fetch(&self) -> String {
        let atoms = &self.atoms;
        let forms = self.convert(atoms.TARGETS).expect("every offer has forms");
        let forms: Vec<_> = forms
            .chunks(4)
            .map(|word| u32::from_ne_bytes(word.try_into().expect("these are words")))
            .collect();
        assert!(forms.contains(&atoms.URI_LIST), "{forms:?}");
        assert_eq!(self.convert(atoms.HERE), None, "there is no such form");
        let list = self.convert(atoms.URI_LIST).expect("it is offered");
        String::from_utf8(list).expect("URIs are ASCII")
    }

    fn convert(&self, form: u32) -> Option<Vec<u8>> {
        let (connection, atoms) = (&self.hand.connection, &self.atoms);
        let (selection, property) = (atoms.XdndSelection, atoms.HERE);
        connection
            .convert_selection(self.window, selection, form, property, self.time)
            .expect("it is there");
        connection.flush().expect("it is there");
        loop {
            let event = self.hand.event(LIMIT).expect("it is answered");
            let Event::SelectionNotify(answer) = event else {
                continue;
            };
            if answer.property == 0 {
                return None;
            }
            let any = AtomEnum::ANY;
            let value = connection.get_property(true, self.window, property, any, 0, 65_536);
            let value = value.expect("it is there").reply().expect("it is written");
            return Some(value.value);
        }
    }

    /// Goes without a word.
    pub(crate) fn vanish(self) {
        let gone = self.hand.connection.destroy_window(self.window);
        gone.expect("it is there").check().expect("it was there");
    }

    fn say(&self, type_: u32, words: [u32; 5]) {
        let message = ClientMessageEvent::new(32, self.source, type_, words);
        let connection = &self.hand.connection;
        connection
            .send_event(false, self.source, EventMask::NO_EVENT, message)
            .expect("it is there");
        connection.flush().expect("it is there");
    }
}

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
