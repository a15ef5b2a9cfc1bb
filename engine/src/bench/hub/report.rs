//! What came of a load test, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::Plan;
use super::ear::Counts;
use super::histogram::{Quantiles, millis};
use super::pacer::{Outcome, Punctuality};
use super::player::{Part, Player};
use super::processor::ProcessorTime;
use super::proof::Proven;

/// What the control thread knows when it is over.
#[derive(Debug)]
pub struct Load {
    /// Steady players that got in.
    pub entered: u32,
    /// Why others did not.
    pub refusal: Option<String>,
    /// How long it was measured, by the control thread's clock.
    pub took: Duration,
    /// Players that came and went.
    pub passed: Passed,
    /// Our own processor time.
    pub own: ProcessorTime,
    /// The server's.
    pub server: Vec<Used>,
}

/// How players fared that came and went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// Log-ins.
    pub tried: u32,
    /// Those that failed.
    pub refused: u32,
    /// Players that stayed for a second and heard nothing.
    pub deaf: u32,
}

impl Passed {
    /// Counts one that has left.
    pub(super) fn note(&mut self, player: &Player) {
        self.deaf += u32::from(!player.ear.heard_anything());
    }
}

/// Processor time of a process of the server.
#[derive(Debug, Clone)]
pub struct Used {
    /// Its number.
    pub pid: u32,
    /// Its short name.
    pub name: String,
    /// None if it has ended meanwhile.
    pub time: Option<ProcessorTime>,
}

/// A load test's result.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    load: Load,
    counts: Counts,
    /// Steady players that the hub told to leave.
    put_out: u32,
    /// Steady players to whom no audio came.
    deaf: u32,
    /// Packets that could not be sent.
    unsent: u64,
    proven: Proven,
    markings: u32,
    spacing: Option<Quantiles>,
    delay: Option<Quantiles>,
    punctuality: Punctuality,
    priority: String,
    counted: Duration,
}

impl Report {
    /// Adds up what all players heard.
    pub fn new(plan: &Plan, load: Load, outcome: &Outcome) -> Self {
        let mut counts = Counts::default();
        let steady = outcome.players.iter();
        let steady: Vec<_> = steady.filter(|one| one.part == Part::Steady).collect();
        steady.iter().for_each(|one| counts.add(one.ear.counts()));
        let count =
            |is: &dyn Fn(&Player) -> bool| steady.iter().filter(|one| is(one)).count() as u32;
        Self {
            plan: plan.clone(),
            load,
            counts,
            put_out: count(&|one| one.put_out),
            deaf: count(&|one| !one.ear.heard_anything()),
            unsent: steady.iter().map(|one| one.unsent).sum(),
            proven: outcome.proven,
            markings: outcome.markings,
            spacing: outcome.times.spacing.quantiles(),
            delay: outcome.times.delay.quantiles(),
            punctuality: outcome.punctuality,
            priority: outcome.promotion.to_string(),
            counted: outcome.counted,
        }
    }

    /// Contributions that were not heard, of those that should have been; see [`Counts`].
    pub fn missing_share(&self) -> f64 {
        self.counts.missing_share()
    }

    /// Whether our own thread was late often enough to be the cause of what is reported.
    pub fn is_disturbed(&self) -> bool {
        self.punctuality.late > 0 || self.punctuality.stops > 0
    }

    /// Frames that came (or were lost on the way), as a part of those that the clock says were due.
    fn pace(&self) -> f64 {
        let due = self.counted.as_secs_f64() * f64::from(self.plan.rate.0);
        let players = f64::from(self.load.entered);
        self.counts.frames as f64 / (due * players).max(1.0)
    }

    /// Contributions, in packets of ours.
    fn contributions(&self, frames: u64) -> u64 {
        frames.div_ceil(u64::from(self.plan.period.0.max(1)))
    }

    /// Milliseconds of processor time a second and a player.
    fn per_player(&self, time: Duration) -> f64 {
        let seconds = self.load.took.as_secs_f64().max(1e-3);
        millis(time) / seconds / f64::from(self.load.entered.max(1))
    }

    /// What the numbers mean, where they are not what a test should see.
    fn hints(&self) -> Vec<String> {
        let Counts {
            packets,
            expected,
            extra,
            foreign,
            ..
        } = self.counts;
        let mut hints = Vec::new();
        if let Some(refusal) = &self.load.refusal {
            let Load { entered, .. } = self.load;
            hints.push(format!(
                "only {entered} of {} players got in: {refusal}",
                self.plan.clients
            ));
        }
        if self.put_out > 0 {
            hints.push(format!("the hub told {} players to leave", self.put_out));
        }
        if self.load.server.iter().any(|one| one.time.is_none()) {
            hints.push("a process of the server has ended meanwhile".to_owned());
        }
        if packets == 0 && foreign > 0 {
            hints.push(format!(
                "what the hub sends is not {} Hz, 16 bit and {}: its rate, bits or channels are others",
                self.plan.rate.0, self.plan.channels
            ));
        } else if packets == 0 {
            hints.push("not one packet came from the hub".to_owned());
        } else if expected > 0 && self.missing_share() > 0.99 {
            hints.push(
                "nobody hears anybody: does the hub mix everyone for everyone else (`jacktrip -S -p 2`)?".to_owned(),
            );
        }
        let frames = self.counts.frames.max(1);
        if extra > frames / 2 {
            hints.push(
                "everyone hears someone too many, himself perhaps (patch mode 4), or players that are not ours"
                    .to_owned(),
            );
        }
        if self.is_disturbed() {
            hints.push(format!(
                "DISTURBED: the load test itself was late ({}); what is missing may be its own fault. Give it a core (--cpu), or \
                 play fewer players",
                self.priority
            ));
        }
        hints
    }

    /// A table of some lines, and what to make of it.
    pub fn as_text(&self) -> String {
        let Self {
            plan,
            load,
            counts,
            proven,
            punctuality,
            ..
        } = self;
        let mut text = format!(
            "{}: {} players, {}, 16 bit, {} Hz, {} frames, {:.1} s\n\n",
            plan.hub,
            load.entered,
            plan.channels,
            plan.rate.0,
            plan.period.0,
            self.counted.as_secs_f64()
        );
        let mut row = |name: &str, what: String| _ = writeln!(text, "{name:<15}{what}");
        row(
            "players",
            format!(
                "{} of {} in, {} put out, {} heard nothing",
                load.entered, plan.clients, self.put_out, self.deaf
            ),
        );
        if plan.churn > 0 {
            let Passed {
                tried,
                refused,
                deaf,
            } = load.passed;
            row(
                "passing",
                format!("{tried} log-ins, {refused} refused, {deaf} heard nothing"),
            );
        }
        row(
            "contributions",
            format!(
                "{} expected, {} silent, {} in lost packets: {:.2e} missing; {} too many",
                self.contributions(counts.expected),
                self.contributions(counts.silent),
                self.contributions(counts.unheard),
                self.missing_share(),
                self.contributions(counts.extra)
            ),
        );
        row(
            "proven",
            format!(
                "{} marked packets due, {} not heard as sent, {} repeated ({} players marked)",
                proven.expected,
                proven.expected - proven.heard,
                proven.repeated,
                self.markings
            ),
        );
        row(
            "packets",
            format!(
                "{} came, {} lost in {} gaps (longest {}), {} behind, {} foreign; pace {:.3} %",
                counts.packets,
                counts.lost,
                counts.gaps,
                counts.longest_gap,
                counts.behind,
                counts.foreign,
                self.pace() * 100.0
            ),
        );
        row("spacing off", times(self.spacing, None));
        row("delay", times(self.delay, Some(self.period_ms())));
        for Used { pid, name, time } in &load.server {
            row(
                "server",
                match time {
                    Some(time) => format!(
                        "{:.2} ms per second and player ({:.2} user, {:.2} system), {:.1} % of a core; {name}, pid {pid}",
                        self.per_player(time.total()),
                        self.per_player(time.user),
                        self.per_player(time.system),
                        self.share_of_core(time.total())
                    ),
                    None => format!("{name}, pid {pid}, has ended"),
                },
            );
        }
        row(
            "load test",
            format!(
                "{:.2} ms per second and player, {:.1} % of a core; {} of {} packets late by over half a period (most {:.2} ms), {} unsent",
                self.per_player(load.own.total()),
                self.share_of_core(load.own.total()),
                punctuality.late,
                punctuality.sent,
                millis(punctuality.longest),
                self.unsent
            ),
        );
        for hint in self.hints() {
            _ = write!(text, "\n{hint}\n");
        }
        text
    }

    /// One object.
    pub fn as_json(&self) -> Value {
        let Self {
            plan,
            load,
            counts,
            proven,
            punctuality,
            ..
        } = self;
        let cpu = |time: ProcessorTime| {
            json!({
                "ms_per_second_and_player": self.per_player(time.total()),
                "user_ms_per_second_and_player": self.per_player(time.user),
                "system_ms_per_second_and_player": self.per_player(time.system),
                "percent_of_core": self.share_of_core(time.total()),
            })
        };
        let server = load
            .server
            .iter()
            .map(|one| json!({ "pid": one.pid, "name": one.name, "processor": one.time.map(cpu) }));
        json!({
            "event": "hub",
            "hub": plan.hub.to_string(),
            "seconds": self.counted.as_secs_f64(),
            "rate": plan.rate.0,
            "period": plan.period.0,
            "channels": plan.channels.0,
            "players": { "wanted": plan.clients, "in": load.entered, "put_out": self.put_out, "deaf": self.deaf },
            "passing": {
                "log_ins": load.passed.tried,
                "refused": load.passed.refused,
                "deaf": load.passed.deaf,
            },
            "contributions": {
                "expected": self.contributions(counts.expected),
                "silent": self.contributions(counts.silent),
                "in_lost_packets": self.contributions(counts.unheard),
                "missing_share": self.missing_share(),
                "extra": self.contributions(counts.extra),
            },
            "proven": {
                "players_marked": self.markings,
                "due": proven.expected,
                "missing": proven.expected - proven.heard,
                "repeated": proven.repeated,
            },
            "packets": {
                "came": counts.packets,
                "lost": counts.lost,
                "gaps": counts.gaps,
                "longest_gap": counts.longest_gap,
                "behind": counts.behind,
                "foreign": counts.foreign,
                "uneven": counts.uneven,
                "pace": self.pace(),
            },
            "spacing_ms": self.spacing.map(|times| times.as_json()),
            "delay_ms": self.delay.map(|times| times.as_json()),
            "server": server.collect::<Vec<_>>(),
            "load_test": {
                "processor": cpu(load.own),
                "sent": punctuality.sent,
                "late": punctuality.late,
                "latest_ms": millis(punctuality.longest),
                "stops": punctuality.stops,
                "unsent": self.unsent,
                "priority": self.priority,
                "disturbed": self.is_disturbed(),
            },
            "hints": self.hints(),
        })
    }

    fn period_ms(&self) -> f64 {
        millis(self.plan.period.duration(self.plan.rate))
    }

    fn share_of_core(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.load.took.as_secs_f64().max(1e-3) * 100.0
    }
}

/// Quantiles in milliseconds; the median also in periods of so many.
fn times(of: Option<Quantiles>, period_ms: Option<f64>) -> String {
    let Some(times) = of else {
        return "nothing to measure".to_owned();
    };
    let periods = period_ms.map(|period| format!(" ({:.2} periods)", times.median / period));
    format!(
        "median {:.2} ms{}, 90 % {:.2}, 99 % {:.2}, 99.9 % {:.2}, most {:.2}",
        times.median,
        periods.unwrap_or_default(),
        times.p90,
        times.p99,
        times.p999,
        times.longest
    )
}
