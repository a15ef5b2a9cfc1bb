//! `farsend bench`: what can be measured.

mod hub;
mod network;

use clap::Subcommand;

use crate::exit::Exit;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    /// Play a take between two ends over bad networks, faster than real time, and score what is heard.
    ///
    /// Both ends play the take to each other. What runs is what runs in a session, but for clocks, network and ears,
    /// which are made up; the same command gives the same numbers every time. docs/scoring.md says what they mean.
    #[command(after_help = network::EXAMPLES)]
    Network(network::NetworkArgs),
    /// Play many players against a hub, and count what is missing from what each of them hears.
    ///
    /// Any hub of JackTrip's protocol in which everyone hears everyone but himself: `farsend hub`, or `jacktrip -S -p 2`. All players
    /// send a constant level in 16 bit, so that a mix is a number of players; one at a time is marked packet by packet, which
    /// shows what was repeated or invented, and how long it took.
    #[command(after_help = hub::EXAMPLES)]
    Hub(hub::HubArgs),
}

/// Runs the command.
pub(super) fn main(bench: &Bench) -> Exit {
    match bench {
        Bench::Network(args) => network::main(args),
        Bench::Hub(args) => hub::main(args),
    }
}
