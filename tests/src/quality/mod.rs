//! How it sounds: a clip through two programs and a bad network between them, scored.

pub mod clips;
mod session;

pub use session::{Contender, Found, through};
