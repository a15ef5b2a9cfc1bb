//! Files as the engine writes them, for tests of what reads them.

use std::path::Path;

/// A take of 24 bit with these samples, planar, that begins there on the timeline; of one who is called so, or what was sent by one who is called "send".
pub(crate) fn write(
    folder: &Path,
    name: &str,
    number: u32,
    begins: u64,
    rate: u32,
    lanes: &[Vec<f32>],
) {
    let mut bext = vec![0; 602];
    let kind = if name == "send" { "send" } else { "return" };
    let label = format!("Farsend take={number};kind={kind};player={name}");
    bext[..label.len()].copy_from_slice(label.as_bytes());
    bext[338..346].copy_from_slice(&begins.to_le_bytes());
    let (channels, frames) = (lanes.len(), lanes[0].len());
    let mut format = Vec::new();
    format.extend([1, 0, channels as u8, 0]);
    format.extend(rate.to_le_bytes());
    format.extend([0, 0, 0, 0, channels as u8 * 3, 0, 24, 0]);
    let mut audio = Vec::new();
    for frame in 0..frames {
        for lane in lanes {
            let value = (lane[frame] * 8_388_608.0) as i32;
            audio.extend(&value.to_le_bytes()[..3]);
        }
    }
    let mut body = b"WAVE".to_vec();
    for (name, chunk) in [(b"bext", &bext), (b"fmt ", &format), (b"data", &audio)] {
        body.extend(name);
        body.extend((chunk.len() as u32).to_le_bytes());
        body.extend(chunk);
    }
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    std::fs::write(folder.join(format!("{name} {number}.wav")), bytes).expect("it is writable");
}
