//! Which window takes drops at a place.

use x11rb::errors::{ConnectionError, ReplyError};
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt as _, Window};
use x11rb::rust_connection::RustConnection;

use super::Atoms;
use crate::drag::session::{Point, Target};

/// The outermost window at this place of the screen that takes drops: that of a program, usually. If there is none, the screen's root, where a desktop
/// stands in for it. Windows that go meanwhile are none.
pub(super) fn target_at(
    connection: &RustConnection,
    atoms: &Atoms,
    root: Window,
    (x, y): Point,
) -> Result<Option<Target>, ConnectionError> {
    let mut window = root;
    for _ in 0..DEEPEST {
        let inside = connection.translate_coordinates(root, window, x, y)?;
        let Some(inside) = unless_gone(inside.reply())? else {
            break;
        };
        if inside.child == x11rb::NONE {
            break;
        }
        window = inside.child;
        if let Some(target) = target(connection, atoms, window)? {
            return Ok(Some(target));
        }
    }
    target(connection, atoms, root)
}

/// What a window says of itself.
fn target(
    connection: &RustConnection,
    atoms: &Atoms,
    window: Window,
) -> Result<Option<Target>, ConnectionError> {
    let read = |window, property, type_: AtomEnum| -> Result<Option<u32>, ConnectionError> {
        let cookie = connection.get_property(false, window, property, Atom::from(type_), 0, 1)?;
        let property = unless_gone(cookie.reply())?;
        Ok(property.and_then(|property| property.value32()?.next()))
    };
    let proxy = read(window, atoms.XdndProxy, AtomEnum::WINDOW)?;
    let to = match proxy {
        // One that has gone, and whose number somebody else has, does not say that it is one.
        Some(proxy) if read(proxy, atoms.XdndProxy, AtomEnum::WINDOW)? == Some(proxy) => proxy,
        _ => window,
    };
    let version = read(to, atoms.XdndAware, AtomEnum::ATOM)?;
    let version = version.filter(|version| *version >= OLDEST);
    Ok(version.map(|version| Target {
        window,
        to,
        version: version.min(OURS) as u8,
    }))
}

fn unless_gone<T>(reply: Result<T, ReplyError>) -> Result<Option<T>, ConnectionError> {
    match reply {
        Ok(reply) => Ok(Some(reply)),
        Err(ReplyError::X11Error(_)) => Ok(None),
        Err(ReplyError::ConnectionError(error)) => Err(error),
    }
}

/// Windows within windows that are looked through.
const DEEPEST: usize = 32;

/// The version of the protocol that is spoken here.
const OURS: u32 = 5;
/// Before it, messages were others.
const OLDEST: u32 = 3;
