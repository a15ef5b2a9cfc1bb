//! The host that there is none of: what is set is set, and nobody hears of it.

use std::sync::Arc;

use farsend_plugin::shared::Shared;
use nice_plug::context::PluginApi;
use nice_plug::context::gui::{GuiContext, GuiContextInner};
use nice_plug::params::Params as _;
use nice_plug::params::internals::ParamPtr;
use nice_plug::prelude::PluginState;

struct Nobody(Arc<Shared>);

/// Such a host, for an editor.
pub(crate) fn nobody(shared: &Arc<Shared>) -> GuiContext {
    GuiContext::new(Arc::new(Nobody(Arc::clone(shared))))
}

impl GuiContextInner for Nobody {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Standalone
    }

    unsafe fn raw_begin_set_parameter(&self, _: ParamPtr) {}

    unsafe fn raw_set_parameter_normalized(&self, param: ParamPtr, normalized: f32) {
        let params = self.0.params.param_map();
        debug_assert!(params.iter().any(|(_, known, _)| *known == param));
        // SAFETY: the pointer is to one of the parameters that this holds.
        let _ = unsafe { param._internal_set_normalized_value(normalized) };
    }

    unsafe fn raw_end_set_parameter(&self, _: ParamPtr) {}

    fn get_state(&self) -> PluginState {
        unreachable!("the editor keeps no presets")
    }

    fn set_state(&self, _: PluginState) {}

    fn request_restart(&self) {}
}
