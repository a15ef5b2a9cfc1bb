//! Every capture of a real JackTrip decodes to what `golden/README.md` says of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::Ipv4Addr;

use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{
    Control, Datagram, Format, Header, HeaderKind, STOP, Words, channel_bytes, classify_words,
    is_stop, rate_code,
};
use support::{CLIENT, Captured, SERVER, capture, golden};

#[test]
fn each_side_sends_as_many_datagrams_of_one_size_and_then_two_stops() {
    for row in rows() {
        let sent = row.sent();
        let (stops, audio) = sent
            .iter()
            .rev()
            .partition::<Vec<_>, _>(|sent| is_stop(&sent.payload));
        assert_eq!(audio.len(), row.number("datagrams"), "{row}");
        assert!(
            audio
                .iter()
                .all(|sent| sent.payload.len() == row.number("bytes")),
            "{row}"
        );
        assert_eq!(stops.len(), 2, "{row}");
        assert!(
            sent[sent.len() - 2..]
                .iter()
                .all(|sent| sent.payload == STOP),
            "{row}"
        );
        assert!(
            stops
                .iter()
                .all(|sent| Control::parse(&sent.payload) == Some(Control::Stop)),
            "{row}"
        );
        assert!(
            audio
                .iter()
                .all(|sent| Control::parse(&sent.payload).is_none()),
            "{row}"
        );
    }
}

#[test]
fn each_datagram_is_cut_as_its_header_says() {
    for row in rows() {
        for sent in row.audio() {
            let datagram = row.parse(&sent);
            let format = datagram.format();
            assert_eq!(format.period, Frames(row.number("N") as u32), "{row}");
            assert_eq!(
                usize::from(format.samples.bits()),
                row.number("bits"),
                "{row}"
            );
            assert_eq!(usize::from(datagram.redundancy()), row.number("R"), "{row}");
            if row.kind() != HeaderKind::Default {
                continue;
            }
            let (incoming, outgoing) = (row.number("in") as u8, row.number("out") as u8);
            let sends = if outgoing == 0 { incoming } else { outgoing };
            assert_eq!(
                (format.wants, format.channels),
                (Channels(incoming), Channels(sends)),
                "{row}"
            );
            assert_eq!(
                channel_bytes(format.wants, format.channels),
                (incoming, outgoing),
                "{row}"
            );
            let rate = match row.number("rate") {
                2 => SampleRate::HZ_44100,
                3 => SampleRate::HZ_48000,
                5 => SampleRate::HZ_96000,
                7 => SampleRate::HZ_192000,
                code => panic!("{row}: rate code {code}"),
            };
            assert_eq!(format.rate, rate, "{row}");
            assert_eq!(
                rate_code(format.rate).map(usize::from),
                Some(row.number("rate")),
                "{row}"
            );
        }
    }
}

#[test]
fn numbers_rise_by_one_from_zero_but_for_the_gap() {
    for row in rows()
        .into_iter()
        .filter(|row| row.kind() == HeaderKind::Default)
    {
        let numbers: Vec<u16> = row
            .audio()
            .iter()
            .map(|sent| row.parse(sent).newest().0)
            .collect();
        assert_eq!(numbers.first(), Some(&0), "{row}");
        assert_eq!(
            numbers.last().map(|&last| usize::from(last)),
            Some(row.number("last seq")),
            "{row}"
        );
        let jumps: Vec<_> = numbers
            .windows(2)
            .filter(|pair| pair[1] != pair[0] + 1)
            .map(|pair| format!("{} to {}", pair[0], pair[1]))
            .collect();
        let gaps: Vec<_> = (row.cell("gap") != "-")
            .then(|| row.cell("gap").to_owned())
            .into_iter()
            .collect();
        assert_eq!(jumps, gaps, "{row}");
    }
}

#[test]
fn a_header_written_again_has_the_same_bytes_and_its_time_is_just_before_the_capture() {
    for row in rows()
        .into_iter()
        .filter(|row| row.kind() == HeaderKind::Default)
    {
        for sent in row.audio() {
            let header = Header::parse(&sent.payload).unwrap();
            assert_eq!(header.to_bytes(), sent.payload[..16], "{row}");
            let on_its_way = sent
                .at
                .checked_sub(header.time_stamp)
                .expect("sent before it was seen");
            assert!(on_its_way < 20_000, "{row}: {on_its_way} us");
        }
    }
}

#[test]
fn copies_are_the_packets_of_the_datagrams_before() {
    for row in rows().into_iter().filter(|row| row.number("R") > 1) {
        let audio = row.audio();
        for (i, sent) in audio.iter().enumerate() {
            let packets: Vec<_> = row.parse(sent).packets().collect();
            assert_eq!(
                packets.len(),
                row.number("R").min(i + 1).max(1),
                "{row}: blanks are left out"
            );
            for copy in &packets[1..] {
                let earlier = audio[..i]
                    .iter()
                    .map(|sent| row.parse(sent))
                    .find(|earlier| earlier.newest() == copy.header.seq);
                // Behind the gap there is nothing to compare with.
                let Some(earlier) = earlier else { continue };
                let first = earlier.packets().next().unwrap();
                assert_eq!(
                    (first.header, first.samples),
                    (copy.header, copy.samples),
                    "{row}"
                );
            }
            let mut backwards: Vec<_> = row
                .parse(sent)
                .packets()
                .rev()
                .map(|packet| packet.header)
                .collect();
            backwards.reverse();
            assert_eq!(
                backwards,
                packets
                    .iter()
                    .map(|packet| packet.header)
                    .collect::<Vec<_>>(),
                "{row}"
            );
        }
    }
}

#[test]
fn the_ramp_is_where_it_should_be_and_encodes_to_the_bytes_of_the_capture() {
    for row in rows().into_iter().filter(|row| row.cell("t0") != "-") {
        let mut on_the_line = Vec::new();
        for sent in row.audio() {
            let datagram = row.parse(&sent);
            let (format, packet) = (datagram.format(), datagram.packets().next().unwrap());
            let frames = format.period.get();
            let t = row.number("t0") + usize::from(datagram.newest().0) * frames;
            let is_ramp: Vec<bool> = (0..format.channels.get())
                .map(|channel| {
                    let expected: Vec<f32> = (t..t + frames).map(|t| ramp(t, channel)).collect();
                    let mut bytes = vec![0; frames * format.samples.bytes()];
                    format.samples.encode(&expected, &mut bytes);
                    let same = packet.samples[channel * bytes.len()..][..bytes.len()] == bytes;
                    if same {
                        check_decoded(&row, &packet, channel, &expected);
                    }
                    same
                })
                .collect();
            if is_ramp[0] {
                on_the_line.push(datagram.newest().0);
                for (channel, &is_ramp) in is_ramp.iter().enumerate() {
                    let mut decoded = vec![1.0; frames];
                    packet.decode_channel(channel, &mut decoded);
                    let silent = decoded.iter().all(|&x| x == 0.0);
                    assert!(
                        is_ramp || silent,
                        "{row}: channel {channel} is the ramp or not yet connected"
                    );
                }
            }
        }
        assert_eq!(on_the_line.len(), row.number("ramps"), "{row}");
        assert_eq!(usize::from(on_the_line[0]), row.number("from"), "{row}");
        assert_eq!(
            on_the_line.last().map(|&last| usize::from(last)),
            Some(row.number("to")),
            "{row}"
        );
    }
}

#[test]
fn the_32_bit_bug_is_told_from_floats_and_not_from_silence() {
    let kinds = |name: &str| -> Vec<Words> {
        let rows = rows().into_iter().filter(|row| row.cell("capture") == name);
        rows.flat_map(|row| {
            let words =
                |sent: &Captured| classify_words(row.parse(sent).packets().next().unwrap().samples);
            row.audio().iter().map(words).collect::<Vec<_>>()
        })
        .collect()
    };
    for name in ["jt17_p2p_1ch_b32_p64_edge", "jt27_p2p_1ch_b32_p128_edge"] {
        let kinds = kinds(name);
        assert!(!kinds.contains(&Words::Floats), "{name}");
        assert!(
            kinds
                .iter()
                .filter(|&&kind| kind == Words::LowHalves)
                .count()
                > 30,
            "{name}: {kinds:?}"
        );
    }
    let ramp = kinds("jt17_p2p_2ch_b32_p128");
    assert!(
        ramp.iter().all(|&kind| kind == Words::Undecided),
        "its samples have too few bits"
    );
    let good = kinds("synth_p2p_2ch_b32_p128_good");
    assert!(good.iter().all(|&kind| kind == Words::Floats));
}

/// Of channel `channel` at frame `t`; see the README.
fn ramp(t: usize, channel: usize) -> f32 {
    let k = ((37 * t + 4096 * channel) % 65_536) as f32 - 32_768.0;
    k / 32_768.0
}

/// Decoded, the ramp is itself within the error of its sample format.
fn check_decoded(
    row: &Row,
    packet: &farsend_wire::jacktrip::Packet<'_>,
    channel: usize,
    expected: &[f32],
) {
    let mut decoded = vec![0.0; expected.len()];
    packet.decode_channel(channel, &mut decoded);
    let step = match SampleFormat::from_bits(packet.header.bits).unwrap() {
        SampleFormat::I8 => 1.0 / 128.0,
        SampleFormat::I16 => 1.0 / 32_768.0,
        SampleFormat::I24 | SampleFormat::F32 => 0.0,
    };
    for (decoded, expected) in decoded.iter().zip(expected) {
        assert!(
            (decoded - expected).abs() <= step * 1.5,
            "{row}: {decoded} for {expected}"
        );
    }
}

/// One line of the README's table: what one side of one session has sent.
struct Row(Vec<(String, String)>);

impl Row {
    fn cell(&self, column: &str) -> &str {
        let cell = self.0.iter().find(|(name, _)| name == column);
        &cell.unwrap_or_else(|| panic!("no column {column}")).1
    }

    fn number(&self, column: &str) -> usize {
        self.cell(column)
            .parse()
            .unwrap_or_else(|_| panic!("{self}: {column} is no number"))
    }

    fn from(&self) -> Ipv4Addr {
        if self.cell("way") == "to server" {
            CLIENT
        } else {
            SERVER
        }
    }

    fn kind(&self) -> HeaderKind {
        match self.cell("capture") {
            name if name.contains("jamlink") => HeaderKind::JamLink,
            name if name.contains("empty") => HeaderKind::Empty,
            _ => HeaderKind::Default,
        }
    }

    fn sent(&self) -> Vec<Captured> {
        capture(self.cell("capture"))
            .into_iter()
            .filter(|sent| sent.from == self.from())
            .collect()
    }

    fn audio(&self) -> Vec<Captured> {
        self.sent()
            .into_iter()
            .filter(|sent| !is_stop(&sent.payload))
            .collect()
    }

    fn parse<'a>(&self, sent: &'a Captured) -> Datagram<'a> {
        let channels = Channels(if self.kind() == HeaderKind::JamLink {
            1
        } else {
            2
        });
        let fallback = (self.kind() != HeaderKind::Default).then_some(Format {
            rate: SampleRate::HZ_48000,
            period: Frames(128),
            channels,
            wants: channels,
            samples: SampleFormat::I16,
        });
        Datagram::parse(&sent.payload, self.kind(), fallback)
            .unwrap_or_else(|error| panic!("{self}: {error}"))
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.cell("capture"), self.cell("way"))
    }
}

fn rows() -> Vec<Row> {
    let readme = std::fs::read_to_string(golden("README.md")).unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let mut table = readme
        .lines()
        .skip_while(|line| !line.starts_with("| capture "));
    let columns = cells(table.next().expect("the README has a table of captures"));
    let rows: Vec<_> = table
        .skip(1)
        .map(|line| Row(columns.iter().cloned().zip(cells(line)).collect()))
        .collect();
    assert_eq!(
        rows.len(),
        49,
        "25 sessions, one of them with one side only"
    );
    rows
}
