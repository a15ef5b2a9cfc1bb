//! A WAV file to a peer and what comes back of it, and files that cannot be played.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use farsend::backend::WavError;
use farsend::backend::file::WavInput;
use farsend::control::report::{Reporter, Style};
use farsend::engine::{Request, run};
use farsend::exit::Exit;
use farsend::settings::{BackendSettings, Role, SessionSettings};
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::sample::SampleFormat;
use hound::{SampleFormat as Wav, WavReader, WavSpec, WavWriter};

fn spec(channels: u16, bits: u16, sample_format: Wav) -> WavSpec {
    WavSpec {
        channels,
        sample_rate: 48_000,
        bits_per_sample: bits,
        sample_format,
    }
}

/// A file of 24 bits in which each frame of channel c holds `frame * 8 + c`.
fn counted(path: &Path, channels: u16, frames: i32) {
    let mut file = WavWriter::create(path, spec(channels, 24, Wav::Int)).unwrap();
    for frame in 0..frames {
        (0..channels).for_each(|c| file.write_sample(frame * 8 + i32::from(c)).unwrap());
    }
    file.finalize().unwrap();
}

fn port_of_our_own() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn a_file_comes_back_from_a_peer_that_loops_back_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let (take, back) = (
        folder.path().join("take.wav"),
        folder.path().join("back.wav"),
    );
    counted(&take, 3, 48_000);
    let port = port_of_our_own();
    let session = SessionSettings {
        send: Channels(3),
        receive: Channels(3),
        samples: Some(SampleFormat::I24),
        ..SessionSettings::default()
    };
    let far = Request {
        session: SessionSettings {
            bind_port: port,
            loopback: true,
            once: true,
            ..session.clone()
        },
        backend: BackendSettings::Timer {
            rate: SampleRate::HZ_48000,
            period: Frames(128),
        },
    };
    let near = Request {
        session: SessionSettings {
            role: Role::Client {
                host: "127.0.0.1".into(),
                port,
            },
            bind_port: 0,
            ..session
        },
        backend: BackendSettings::File {
            input: Some(take),
            record: Some(back.clone()),
            rate: None,
            period: Frames(128),
            tail: Duration::from_millis(200),
        },
    };
    let never = Arc::new(AtomicBool::new(false));
    let quit = never.clone();
    let far_end = std::thread::spawn(move || run(&far, &mut Reporter::new(Style::Quiet), &quit));
    assert_eq!(
        run(&near, &mut Reporter::new(Style::Quiet), &never).unwrap(),
        Exit::Done
    );
    assert_eq!(
        far_end.join().unwrap().unwrap(),
        Exit::Done,
        "it ends with its peer"
    );

    let mut recorded = WavReader::open(back).unwrap();
    assert_eq!(
        (recorded.spec().channels, recorded.spec().sample_rate),
        (3, 48_000)
    );
    let samples: Vec<f32> = recorded.samples().map(Result::unwrap).collect();
    let frames: Vec<[i32; 3]> = samples
        .chunks_exact(3)
        .map(|frame| [0, 1, 2].map(|c| (frame[c] * 8_388_608.0) as i32))
        .collect();
    let heard: Vec<i32> = frames
        .iter()
        .filter(|f| f[0] > 0 && f[1] == f[0] + 1)
        .map(|f| f[0] / 8)
        .collect();
    // The end is faded where the file ends; a busy machine may cost a period here and there.
    assert!(
        heard.len() > 40_000,
        "{} of 48000 frames came back",
        heard.len()
    );
    assert!(heard.windows(2).filter(|two| two[1] == two[0] + 1).count() > heard.len() * 9 / 10);
}

#[test]
fn recording_alone_ends_when_told_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let back = folder.path().join("back.wav");
    let request = Request {
        session: SessionSettings {
            bind_port: 0,
            ..SessionSettings::default()
        },
        backend: BackendSettings::File {
            input: None,
            record: Some(back.clone()),
            rate: Some(SampleRate::HZ_44100),
            period: Frames(64),
            tail: Duration::ZERO,
        },
    };
    let quit = Arc::new(AtomicBool::new(false));
    let told = quit.clone();
    let runs = std::thread::spawn(move || run(&request, &mut Reporter::new(Style::Quiet), &told));
    std::thread::sleep(Duration::from_millis(200));
    quit.store(true, Relaxed);
    assert_eq!(runs.join().unwrap().unwrap(), Exit::Done);
    assert!(!back.exists(), "nobody came");
}

#[test]
fn files_that_cannot_be_played_are_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let write = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).unwrap();

    write("nothing.wav", b"");
    write(
        "text.wav",
        b"this is no music at all, but long enough to hold a header of a WAV file",
    );
    counted(&path("cut.wav"), 2, 1000);
    let whole = std::fs::read(path("cut.wav")).unwrap();
    write("cut.wav", &whole[..whole.len() / 2]);
    write("head.wav", &whole[..30]);
    counted(&path("empty.wav"), 2, 0);
    write("double.wav", &double_precision());
    counted(&path("wide.wav"), 65, 10);

    let wrong = |name: &str| WavInput::open(&path(name)).unwrap_err();
    assert!(matches!(wrong("missing.wav"), WavError::Open { .. }));
    assert!(matches!(wrong("nothing.wav"), WavError::Unreadable { .. }));
    assert!(matches!(wrong("text.wav"), WavError::Unreadable { .. }));
    assert!(matches!(wrong("head.wav"), WavError::Unreadable { .. }));
    assert!(matches!(wrong("cut.wav"), WavError::Cut { .. }));
    assert!(matches!(wrong("empty.wav"), WavError::Empty { .. }));
    assert!(matches!(wrong("double.wav"), WavError::Unreadable { .. }));
    assert!(matches!(
        wrong("wide.wav"),
        WavError::TooManyChannels { channels: 65, .. }
    ));
    assert!(
        wrong("double.wav").to_string().contains("bits per sample"),
        "{}",
        wrong("double.wav")
    );
}

#[test]
fn whole_numbers_of_widths_that_nobody_can_read_are_named_and_not_played_as_silence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.wav");
    let extensible = |container: u16, valid: u16| {
        let mut format = Format::pcm(container);
        format.extension = Some(valid);
        format
    };
    let refused = [
        Format::pcm(40),
        Format::pcm(64),
        Format::pcm(72),
        Format::pcm(2040),
        Format {
            bytes: 3,
            ..Format::pcm(16)
        },
        Format {
            bytes: 4,
            ..Format::pcm(16)
        },
        Format {
            bytes: 4,
            ..Format::pcm(8)
        },
        Format {
            rate: 0,
            ..Format::pcm(16)
        },
        Format {
            rate: u32::MAX,
            ..Format::pcm(8)
        },
        extensible(32, 20),
        extensible(16, 12),
        extensible(16, 72),
        extensible(32, u16::MAX),
    ];
    for format in refused {
        std::fs::write(&path, format.of_ten_frames()).unwrap();
        let error = WavInput::open(&path).expect_err("it cannot be played");
        assert!(
            matches!(error, WavError::Unreadable { .. }),
            "{format:?}: {error}"
        );
    }
    let played = [
        Format::pcm(8),
        Format::pcm(16),
        Format::pcm(24),
        Format {
            bytes: 4,
            ..Format::pcm(24)
        },
        Format::pcm(32),
        extensible(24, 24),
        extensible(32, 24),
    ];
    for format in played {
        std::fs::write(&path, format.of_ten_frames()).unwrap();
        let read = WavInput::open(&path).unwrap().read(100);
        let silent = read[0].iter().filter(|sample| sample.abs() < 1e-6).count();
        assert_eq!((read[0].len(), silent), (10, 0), "{format:?}");
    }
}

/// The header of a file of whole numbers, mono.
#[derive(Debug, Clone, Copy)]
struct Format {
    rate: u32,
    /// Of a sample.
    bytes: u16,
    bits: u16,
    /// Bits that count, in a header that can say so.
    extension: Option<u16>,
}

impl Format {
    fn pcm(bits: u16) -> Self {
        Self {
            rate: 48_000,
            bytes: bits.div_ceil(8),
            bits,
            extension: None,
        }
    }

    /// A file in which no sample is zero.
    fn of_ten_frames(self) -> Vec<u8> {
        const PCM: [u8; 14] = *b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";
        let mut format = Vec::new();
        let tag: u16 = self.extension.map_or(1, |_| 0xfffe);
        format.extend([tag, 1].iter().flat_map(|word| word.to_le_bytes()));
        format.extend(self.rate.to_le_bytes());
        let bytes_a_second = u64::from(self.rate) * u64::from(self.bytes);
        format.extend((bytes_a_second as u32).to_le_bytes());
        format.extend(
            [self.bytes, self.bits]
                .iter()
                .flat_map(|word| word.to_le_bytes()),
        );
        if let Some(valid) = self.extension {
            format.extend([22, valid].iter().flat_map(|word| word.to_le_bytes()));
            format.extend([4, 0, 0, 0, 1, 0]);
            format.extend(PCM);
        }
        let samples = vec![0x21; usize::from(self.bytes) * 10];
        let mut file = b"RIFF\0\x10\0\0WAVEfmt ".to_vec();
        file.extend((format.len() as u32).to_le_bytes());
        file.extend(format);
        file.extend(b"data");
        file.extend((samples.len() as u32).to_le_bytes());
        file.extend(samples);
        file
    }
}

/// Ten frames of 64 bit float, mono.
fn double_precision() -> Vec<u8> {
    let mut bytes = b"RIFF\x74\0\0\0WAVEfmt \x10\0\0\0\x03\0\x01\0".to_vec();
    bytes.extend(48_000u32.to_le_bytes());
    bytes.extend(384_000u32.to_le_bytes());
    bytes.extend(b"\x08\0\x40\0data\x50\0\0\0");
    bytes.extend([0; 80]);
    bytes
}
