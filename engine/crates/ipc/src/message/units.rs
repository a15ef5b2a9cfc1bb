//! The quantities of `farsend-units` as message fields: plain numbers. For `#[serde(with = ..)]`.

macro_rules! number {
    ($module:ident, $unit:ident, $inner:ty) => {
        pub(super) mod $module {
            use farsend_units::$unit;
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            pub(in crate::message) fn serialize<S: Serializer>(
                value: &$unit,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                value.0.serialize(serializer)
            }

            pub(in crate::message) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$unit, D::Error> {
                <$inner>::deserialize(deserializer).map($unit)
            }
        }
    };
}

number!(channels, Channels, u8);
number!(frames, Frames, u32);
number!(rate, SampleRate, u32);
