//! What is said to people and programs about sessions, and the engine's service for plugins.

pub mod report;
pub mod service;
pub mod words;
