//! What is dragged, for whoever asks for it.

use std::time::{Duration, Instant};

use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::ReplyError;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Timestamp, Window,
    WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::{Atoms, Failure};

/// A list of URIs, owned by a window that nobody sees.
#[derive(Debug)]
pub(super) struct Offer<'a> {
    /// Whose it is.
    pub(super) window: Window,
    /// Since when.
    pub(super) time: Timestamp,
    list: &'a [u8],
}

impl<'a> Offer<'a> {
    /// Makes the window, and the list what is dragged on this server.
    pub(super) fn make(
        connection: &RustConnection,
        atoms: &Atoms,
        root: Window,
        list: &'a [u8],
    ) -> Result<Self, Failure> {
        let window = connection.generate_id()?;
        let about = CreateWindowAux::new()
            .override_redirect(1)
            .event_mask(EventMask::PROPERTY_CHANGE);
        let (class, depth) = (WindowClass::INPUT_ONLY, 0);
        connection
            .create_window(depth, window, root, -1, -1, 1, 1, 0, class, 0, &about)?
            .check()?;
        let types = [atoms.URI_LIST];
        connection
            .change_property32(
                PropMode::REPLACE,
                window,
                atoms.XdndTypeList,
                AtomEnum::ATOM,
                &types,
            )?
            .check()?;
        let time = time(connection, atoms, window)?;
        connection
            .set_selection_owner(window, atoms.XdndSelection, time)?
            .check()?;
        let owner = connection.get_selection_owner(atoms.XdndSelection)?;
        if owner.reply()?.owner != window {
            return Err(Failure::Taken);
        }
        Ok(Self { window, time, list })
    }

    /// Answers one request. `true`: with the list itself.
    pub(super) fn serve(
        &self,
        connection: &RustConnection,
        atoms: &Atoms,
        request: &SelectionRequestEvent,
    ) -> Result<bool, Failure> {
        // As very old programs ask.
        let property = match request.property {
            x11rb::NONE => request.target,
            property => property,
        };
        let asker = request.requestor;
        let known = request.selection == atoms.XdndSelection;
        let written = known
            && match request.target {
                target if target == atoms.MULTIPLE => {
                    self.write_several(connection, atoms, asker, property)?
                }
                target => self.write(connection, atoms, (asker, property), target)?,
            };
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: asker,
            selection: request.selection,
            target: request.target,
            property: if written { property } else { x11rb::NONE },
        };
        connection
            .send_event(false, asker, EventMask::NO_EVENT, answer)?
            .ignore_error();
        Ok(written && [atoms.URI_LIST, atoms.MULTIPLE].contains(&request.target))
    }

    /// Writes it as `target` into somebody's property. `false`: there is no such form of it, or the asker has gone.
    fn write(
        &self,
        connection: &RustConnection,
        atoms: &Atoms,
        (window, property): (Window, Atom),
        target: Atom,
    ) -> Result<bool, Failure> {
        let words = |type_: AtomEnum, words: &[u32]| {
            connection.change_property32(PropMode::REPLACE, window, property, type_, words)
        };
        let written = if target == atoms.TARGETS {
            let forms = [
                atoms.TARGETS,
                atoms.MULTIPLE,
                atoms.TIMESTAMP,
                atoms.URI_LIST,
            ];
            words(AtomEnum::ATOM, &forms)?
        } else if target == atoms.TIMESTAMP {
            words(AtomEnum::INTEGER, &[self.time])?
        } else if target == atoms.URI_LIST && self.list.len() < longest(connection) {
            let mode = PropMode::REPLACE;
            connection.change_property8(mode, window, property, target, self.list)?
        } else {
            return Ok(false);
        };
        match written.check() {
            Ok(()) => Ok(true),
            Err(ReplyError::X11Error(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Each pair in the property is a form and the property for it.
    fn write_several(
        &self,
        connection: &RustConnection,
        atoms: &Atoms,
        asker: Window,
        property: Atom,
    ) -> Result<bool, Failure> {
        let pairs = connection.get_property(false, asker, property, atoms.ATOM_PAIR, 0, MOST)?;
        let pairs = match pairs.reply() {
            Ok(pairs) => pairs,
            Err(ReplyError::X11Error(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut words: Vec<u32> = pairs.value32().into_iter().flatten().collect();
        for pair in words.chunks_exact_mut(2) {
            if !self.write(connection, atoms, (asker, pair[1]), pair[0])? {
                pair[1] = x11rb::NONE;
            }
        }
        connection
            .change_property32(PropMode::REPLACE, asker, property, atoms.ATOM_PAIR, &words)?
            .ignore_error();
        Ok(true)
    }
}

/// The server's time.
fn time(connection: &RustConnection, atoms: &Atoms, window: Window) -> Result<Timestamp, Failure> {
    let began = Instant::now();
    connection
        .change_property32(
            PropMode::APPEND,
            window,
            atoms.XdndTypeList,
            AtomEnum::ATOM,
            &[],
        )?
        .check()?;
    while began.elapsed() < PATIENCE {
        match connection.poll_for_event()? {
            Some(Event::PropertyNotify(changed)) => return Ok(changed.time),
            Some(_) => {}
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    Err(Failure::NoTime)
}

/// What fits into one request, in bytes.
fn longest(connection: &RustConnection) -> usize {
    connection.maximum_request_bytes().saturating_sub(HEADER)
}

/// Of a request that writes a property.
const HEADER: usize = 32;

/// Words of a request for several forms.
const MOST: u32 = 32;

/// How long the server may take to tell the time.
const PATIENCE: Duration = Duration::from_secs(2);
