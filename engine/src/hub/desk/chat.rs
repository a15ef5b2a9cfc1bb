//! What players write to each other: the hub passes it on.

use farsend_protocol::jacktrip::Remark;

use super::Desk;
use crate::hub::floor::Order;
use crate::hub::roster::Entry;

impl Desk<'_> {
    /// What the player in this place has written, to all others. A JackTrip is sent nothing.
    pub(super) fn pass_on(&mut self, from: u16, line: Option<Remark>) {
        let Some(line) = line else { return };
        let others = self.roster.iter().map(|(place, _)| place);
        let others: Vec<u16> = others.filter(|place| *place != from).collect();
        for place in others {
            self.order(Order::Say(place, line));
        }
    }
}

/// The line after the name of who wrote it, as much of it as fits.
pub(super) fn signed(entry: &Entry, line: &Remark) -> Option<Remark> {
    match entry.name.is_empty() {
        true => Remark::new(&format!("{}: {}", entry.address.ip(), line.as_str())),
        false => Remark::new(&format!("{}: {}", entry.name.as_str(), line.as_str())),
    }
}
