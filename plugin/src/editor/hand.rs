//! The hand at the parameters: tells the host what somebody does to them in the window.

use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::Param;

use crate::state::SessionStore;

/// The way to the host, while the window is open.
pub(super) struct Hand {
    host: GuiContext,
    /// Told that somebody has changed something.
    store: Arc<SessionStore>,
}

impl Hand {
    pub(super) fn new(host: GuiContext, store: Arc<SessionStore>) -> Self {
        Self { host, store }
    }

    /// Somebody wants this.
    pub(super) fn set<P: Param>(&self, param: &P, value: P::Plain) {
        self.store.touch();
        self.mirror(param, value);
    }

    /// The same, as a part of the range.
    pub(super) fn set_normalized<P: Param>(&self, param: &P, value: f32) {
        self.begin(param);
        self.drag(param, value);
        self.end(param);
    }

    /// Somebody takes hold of it.
    pub(super) fn begin<P: Param>(&self, param: &P) {
        self.host.param_setter().begin_set_parameter(param);
    }

    /// It goes here, as a part of the range.
    pub(super) fn drag<P: Param>(&self, param: &P, value: f32) {
        self.store.touch();
        self.host
            .param_setter()
            .set_parameter_normalized(param, value);
    }

    /// It is let go.
    pub(super) fn end<P: Param>(&self, param: &P) {
        self.host.param_setter().end_set_parameter(param);
    }

    /// The parameter is to say what was changed elsewhere: nobody has touched it.
    pub(super) fn mirror<P: Param>(&self, param: &P, value: P::Plain) {
        let setter = self.host.param_setter();
        setter.begin_set_parameter(param);
        setter.set_parameter(param, value);
        setter.end_set_parameter(param);
    }
}

impl Debug for Hand {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Hand")
    }
}
