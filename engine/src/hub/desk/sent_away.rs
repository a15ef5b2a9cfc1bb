//! Who is sent away, and let in again, by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::hub::{Answer, Why};

use super::Desk;
use super::requests::{find, nobody, refused};
use crate::hub::book::KeptOut;
use crate::hub::floor::Order;
use crate::hub::report::HubReporter;
use crate::hub::tidings::shown;

impl Desk<'_> {
    /// Sends a player away, for so many minutes.
    pub(super) fn kick(
        &mut self,
        player: &str,
        minutes: f64,
        host: bool,
        reporter: &mut HubReporter,
    ) -> Result<String, Answer> {
        let place = find(&self.roster, player)?;
        let Some(entry) = self.roster.leave(place) else {
            return Err(nobody(&self.roster, player));
        };
        self.forget(place);
        // Never less than they are kept out for.
        let seconds = (minutes * 60.0).ceil().max(0.0) as u32;
        self.pending.push_back(Order::SendAway(place, seconds));
        reporter.left(&entry, "was sent away", self.roster.count());
        let called = &entry.called;
        if minutes <= 0.0 {
            return Ok(format!("{called} is sent away, and may come again at once"));
        }
        let is_shared = |user: &Arc<str>| {
            // It says nothing of who somebody is then.
            let mut others = self.roster.iter();
            others.any(|(_, other)| other.user.as_ref() == Some(user))
        };
        let kept_out = KeptOut {
            host: entry.address.ip(),
            name: (!host).then_some(entry.name),
            user: entry.user.clone().filter(|user| !is_shared(user)),
            stream: Some((entry.address, Instant::now())),
            until: Instant::now() + Duration::from_secs_f64(minutes * 60.0),
            told: false,
        };
        let whom = whom(&kept_out);
        self.book.keep_out(kept_out);
        Ok(format!(
            "{called} is sent away; {whom} may come in for {minutes} min"
        ))
    }

    /// Lets those in again who were sent away.
    pub(super) fn unkick(&mut self, who: &str) -> Result<String, Answer> {
        let now = Instant::now();
        let let_in: Vec<String> = self.book.let_in(who, now).iter().map(title).collect();
        if !let_in.is_empty() {
            return Ok(format!("may come in again: {}", let_in.join(", ")));
        }
        let others: Vec<String> = self.book.kept_out(now).map(title).collect();
        let text = if others.is_empty() {
            "nobody is kept out".to_owned()
        } else {
            format!("{who:?} is not kept out, but {}", others.join(", "))
        };
        Err(refused(Why::Nobody, text))
    }
}

/// Who may not come in, in a sentence.
fn whom(one: &KeptOut) -> String {
    let host = one.host;
    let named = match one.name {
        None => format!("nobody from {host}"),
        Some(name) if name.is_empty() => format!("nobody without a name from {host}"),
        Some(_) => format!("nobody of that name from {host}"),
    };
    match &one.user {
        None => named,
        Some(user) => format!("{named}, and not the user {},", shown(user)),
    }
}

/// The same in a list.
fn title(one: &KeptOut) -> String {
    let host = one.host;
    let named = match one.name {
        Some(name) if !name.is_empty() => format!("{} ({host})", name.as_str().escape_debug()),
        _ => host.to_string(),
    };
    match &one.user {
        None => named,
        Some(user) => format!("{named}, user {}", shown(user)),
    }
}
