//! The numbers of a session as JSON.

use std::time::Duration;

use farsend_units::{Frames, SampleRate};
use serde_json::{Map, Value, json};

use super::health::Health;
use super::words;
use crate::statistics::Statistics;

/// Everything that is known. Counts run since the session's start, those under `last_minute` since a minute ago or
/// since the peer came. `channels`: sent and received.
pub fn facts(
    now: &Statistics,
    rate: SampleRate,
    xruns: u64,
    health: Option<&Health>,
    channels: [usize; 2],
) -> Map<String, Value> {
    let mut facts = Map::new();
    let all = [
        peer(now, rate),
        counts(now),
        times(now, rate, health),
        here(now, xruns, channels),
    ];
    for part in all {
        if let Value::Object(part) = part {
            facts.extend(part);
        }
    }
    facts.insert("last_minute".into(), last_minute(now, rate, health));
    let wrong = health.and_then(Health::wrong).map(ToString::to_string);
    facts.insert("wrong".into(), wrong.into());
    facts
}

fn peer(now: &Statistics, rate: SampleRate) -> Value {
    json!({
        "remote": now.remote,
        "connected": now.present,
        "rate": rate.0,
        "peer_rate": now.format.map(|format| format.rate.0),
        "peer_period": now.format.map(|format| format.period.0),
        "peer_channels": now.format.map(|format| format.channels.0),
        "peer_bits": now.format.map(|format| format.samples.bits()),
        "sent_rate": now.adopted.map(|adopted| adopted.sent.rate.0),
        "sent_period": now.adopted.map(|adopted| adopted.sent.period.0),
        "sent_bits": now.adopted.map(|adopted| adopted.sent.samples.bits()),
        "peer_redundancy": now.redundancy,
        "peer_is_farsend": now.farsend,
        "peer_name": (!now.name.is_empty()).then(|| now.name.as_str()),
        "peer_repairs": now.repairs,
        "peer_loss_percent": round(f64::from(now.repair.peer_loss) * 100.0),
    })
}

fn counts(now: &Statistics) -> Value {
    json!({
        "sent": now.sent,
        "unsent": now.unsent,
        "received": now.buffer.received,
        "lost": now.buffer.lost,
        "late": now.buffer.late,
        "duplicate": now.buffer.duplicate,
        "revived": now.buffer.revived,
        "repaired": now.buffer.repaired,
        "repair_overhead_percent": round(now.repair.overhead_percent()),
        "repair_requests": now.repair.requests,
        "repair_answers": now.repair.answers,
        "repair_parities": now.repair.parities,
        "fetched": now.fetching.fetched,
        "given_up": now.fetching.given_up,
        "nonsense_samples": now.buffer.nonsense,
        "dry": now.buffer.dry,
        "concealed_frames": now.buffer.concealed,
        "skipped": now.buffer.skipped,
        "reanchored": now.buffer.reanchored,
        "stalls": now.irregular.stalls,
        "stalled_ms": ms(now.irregular.stalled),
        "overtaken": now.irregular.overtaken,
        "strangers": now.peer.strangers,
        "malformed": now.peer.malformed,
    })
}

fn times(now: &Statistics, rate: SampleRate, health: Option<&Health>) -> Value {
    let queue = now.duration(now.queued, rate);
    let one_way = health.and_then(|health| health.minute().one_way(queue));
    json!({
        "queued_frames": now.queued.0,
        "queue_ms": ms(queue),
        "queue_target_ms": ms(now.duration(now.target, rate)),
        "reserve_ms": ms(now.reserve),
        "jitter_50_ms": ms(now.jitter.half),
        "jitter_95_ms": ms(now.jitter.most),
        "jitter_99_9_ms": ms(now.jitter.nearly_all),
        "round_trip_ms": now.round_trip.map(ms),
        "round_trip_estimated_ms": now.round_trip.is_none().then_some(now.echoed).flatten().map(ms),
        "one_way_ms": one_way.map(ms),
        "drift_ppm": now.drift_ppm.map(round),
        "own_drift_ppm": now.own_drift_ppm.map(round),
    })
}

fn here(now: &Statistics, xruns: u64, [send, receive]: [usize; 2]) -> Value {
    let peaks = |all: &[f32], channels: usize| -> Vec<f32> {
        all[..channels]
            .iter()
            .map(|peak| (words::decibels(*peak) * 10.0).round() / 10.0)
            .collect()
    };
    json!({
        "level_out_db": peaks(&now.peaks_out, send),
        "level_in_db": peaks(&now.peaks_in, receive),
        "periods": now.periods,
        "longest_period_us": now.longest.as_micros() as u64,
        "late_blocks": now.irregular.late_blocks,
        "xruns": xruns,
    })
}

fn last_minute(now: &Statistics, rate: SampleRate, health: Option<&Health>) -> Value {
    let minute = health.map(Health::minute).unwrap_or_default();
    let concealed = Frames(u32::try_from(minute.buffer.concealed).unwrap_or(u32::MAX));
    json!({
        "seconds": round(minute.length.as_secs_f64()),
        "received": minute.buffer.received,
        "lost": minute.buffer.lost,
        "late": minute.buffer.late,
        "dry": minute.buffer.dry,
        "concealed_ms": ms(now.duration(concealed, rate)),
        "revived": minute.buffer.revived,
        "repaired": minute.buffer.repaired,
        "stalls": minute.irregular.stalls,
        "overtaken": minute.irregular.overtaken,
        "late_blocks": minute.irregular.late_blocks,
        "xruns": minute.xruns,
    })
}

fn ms(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1000.0)
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
