//! What is said to people and programs about sessions, and the engine's service for plugins.

mod plugin_session;
pub mod report;
pub mod service;
pub mod words;
