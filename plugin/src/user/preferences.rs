//! How the window looks.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// How the window looks, for this person in all hosts: `preferences.json`. What a newer version put there stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Preferences {
    /// Light on dark, or the other way round.
    #[serde(default, deserialize_with = "known")]
    pub theme: Theme,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// Light on dark, or the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Light text on dark ground.
    #[default]
    Dark,
    /// Dark text on light ground.
    Light,
}

impl Preferences {
    /// The file's name.
    pub const FILE: &str = "preferences.json";
}

/// A theme, or the default for one that this version does not know.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Theme, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(Theme::deserialize(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_version_wrote_stays() {
        let text = r#"{"theme":"sepia","scale":1.5}"#;
        let mut read: Preferences = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(read.theme, Theme::Dark);
        read.theme = Theme::Light;
        let written = serde_json::to_value(&read).expect("it is JSON");
        assert_eq!(written, serde_json::json!({"theme": "light", "scale": 1.5}));
    }
}
