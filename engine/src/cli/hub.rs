//! `farsend hub`.

use clap::Args;
use farsend_stream::{Conceal, DepthPolicy};
use farsend_units::{Frames, SampleRate};
use farsend_wire::sample::SampleFormat;

use super::exit::{self, Exit};
use super::{complain, options};
use crate::control::report::Style;
use crate::engine::{self, RunError};
use crate::hub::{self, HubReporter, HubSettings, PatchMode};
use crate::settings::DEFAULT_PORT;

/// The options.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub(super) struct HubArgs {
    /// The TCP port where players log in; 0 takes any free one.
    #[arg(long, visible_alias = "bind-port", value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The UDP port of everyone's audio [default: that of --port, so that a firewall has one number to open].
    #[arg(long, value_name = "PORT")]
    udp_port: Option<u16>,
    /// Who hears whom: others, all, loopback or none; or JackTrip's 2, 4, 1, 5.
    #[arg(short = 'p', long, value_name = "MODE", default_value = "others")]
    patch: PatchMode,
    /// A player who sends one channel is heard in both.
    #[arg(short = 'u', long)]
    upmix: bool,
    /// As many players as there may be.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=4096))]
    players: u16,
    /// Frames a second of the mix. Players may have any other.
    #[arg(long, value_name = "HZ", default_value_t = 48_000, value_parser = clap::value_parser!(u32).range(8000..=192_000))]
    rate: u32,
    /// Frames that are mixed, and sent, at a time. Players may have any other.
    #[arg(long, value_name = "FRAMES", default_value_t = 128, value_parser = clap::value_parser!(u32).range(16..=2048))]
    period: u32,
    /// Bits of the samples that are sent: 8, 16, 24 or 32 [default: as each player sends them].
    #[arg(short = 'b', long, value_name = "BITS", value_parser = options::bits)]
    bits: Option<SampleFormat>,
    /// Packets of each player to keep before they are mixed: a number, or auto.
    #[arg(short, long, value_name = "PACKETS", default_value = "auto", value_parser = queue)]
    queue: DepthPolicy,
    /// Do not repair what is lost on the way from and to players that are Farsends.
    #[arg(long)]
    no_repair: bool,
    /// Print JSON lines: events, and statistics once a second.
    #[arg(long)]
    json: bool,
    /// Print no line of numbers.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

/// Runs the hub until a signal.
pub(super) fn main(args: &HubArgs) -> Exit {
    let style = match (args.json, args.quiet) {
        (true, _) => Style::Json,
        (_, true) => Style::Quiet,
        _ => Style::Text,
    };
    let settings = HubSettings {
        port: args.port,
        udp_port: args.udp_port.unwrap_or(args.port),
        rate: SampleRate(args.rate),
        period: Frames(args.period),
        patch: args.patch,
        upmix: args.upmix,
        players: usize::from(args.players),
        samples: args.bits,
        depth: args.queue,
        repair: !args.no_repair,
        conceal: Conceal::Predict,
    };
    let quit = match engine::quit_on_signals() {
        Ok(quit) => quit,
        Err(source) => {
            return complain(&RunError::System {
                what: "a signal handler",
                source,
            });
        }
    };
    hub::run(&settings, &mut HubReporter::new(style), &quit)
        .unwrap_or_else(|error| complain(&error))
}

fn queue(text: &str) -> Result<DepthPolicy, String> {
    match text.parse::<u16>() {
        Ok(packets @ 1..=1000) => Ok(DepthPolicy::Fixed(packets)),
        _ if text == "auto" => Ok(DepthPolicy::AUTO),
        _ => Err("expected a number of packets from 1 to 1000, or auto".to_owned()),
    }
}

fn long_help() -> String {
    format!("{EXAMPLES}\n\n{}", exit::HELP)
}

const EXAMPLES: &str = "\
Examples:
  farsend hub                    at TCP and UDP port 4464; players: `jacktrip -C HOST`, or `farsend join HOST`
  farsend hub -p all -u          everyone hears themselves, too; mono players in both ears
  farsend hub --port 5000 --json for a script";
