//! What is said to people and programs about sessions, and the engine's service for plugins.

pub mod adopted;
pub mod advice;
pub mod facts;
pub mod health;
pub mod line;
pub mod minute;
mod plugin_session;
pub mod printer;
pub mod report;
pub mod service;
pub mod trouble;
pub mod words;
