//! What is said to people and programs about sessions, and the engine's service for plugins.

pub mod adopted;
pub mod advice;
mod binding;
pub mod facts;
pub mod health;
pub mod line;
pub mod minute;
mod own_log;
mod parts;
mod plugin_session;
pub mod printer;
pub mod report;
pub mod service;
pub mod trouble;
pub(crate) mod typed;
mod waiting;
mod wishes;
pub mod words;
pub(crate) mod writing;
