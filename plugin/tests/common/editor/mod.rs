//! What tests of the editor stand on.

mod nobody;
pub(crate) mod scenes;
pub(crate) mod window;
