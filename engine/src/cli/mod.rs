//! The command line: arguments in, exit code out.

mod bench;
mod hub;
mod hub_auth;
mod hub_control;
pub mod jacktrip;
mod options;
pub mod secret;
mod user;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Parser, Subcommand};

use self::options::{ClientArgs, JoinArgs, ServerArgs, SessionArgs};
use crate::control::report::Reporter;
use crate::control::service;
use crate::engine::{self, Request, RunError};
use crate::exit::{self, Exit};

/// Play and record music together over a network.
///
/// Speaks JackTrip's protocol: the far end runs JackTrip, or Farsend.
#[derive(Debug, Parser)]
#[command(name = "farsend", version, after_help = EXAMPLES, after_long_help = long_help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Wait for a peer to call (JackTrip's `-s`).
    Server(ServerArgs),
    /// Call a peer that waits (JackTrip's `-c`).
    Client(ClientArgs),
    /// Join a hub (JackTrip's `-C`).
    Join(JoinArgs),
    /// Be a hub: players log in, hear each other, and need nothing but JackTrip or Farsend.
    Hub(Box<hub::HubArgs>),
    /// Take JackTrip's own options: `farsend jacktrip -c HOST -q 4`.
    ///
    /// The same happens when the program is run under the name `jacktrip`.
    #[command(disable_help_flag = true)]
    Jacktrip {
        /// What you would give to `jacktrip`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<OsString>,
    },
    /// Serve the plugins of this user. The first plugin starts it by itself.
    Engine(service::Args),
    /// Measure how Farsend sounds on bad networks, in virtual time.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Print a script that completes this command line in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs the program.
pub fn main() -> ExitCode {
    start_log();
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let called = args
        .first()
        .map(Path::new)
        .and_then(Path::file_stem)
        .unwrap_or_default();
    if called == "jacktrip" {
        return jacktrip::main(args.split_off(1)).into();
    }
    match Cli::parse_from(args).command {
        Command::Server(args) => run_session(args.request(), &args.session),
        Command::Client(args) => run_session(args.request(), &args.session),
        Command::Join(args) => run_session(args.request(), &args.session),
        Command::Hub(args) => hub::main(*args),
        Command::Jacktrip { options } => jacktrip::main(options),
        Command::Engine(args) => service::main(&args),
        Command::Bench(args) => bench::main(&args),
        Command::Completions { shell } => {
            let mut command = <Cli as clap::CommandFactory>::command();
            clap_complete::generate(shell, &mut command, "farsend", &mut std::io::stdout());
            Exit::Done
        }
    }
    .into()
}

fn run_session(request: Result<Request, RunError>, args: &SessionArgs) -> Exit {
    match request {
        Ok(request) => run(
            &request,
            &mut Reporter::new(args.style()),
            "use --backend timer or file",
        ),
        Err(error) => complain(&error),
    }
}

/// Runs one request to its end; errors go to standard error. `without_jack`: see [`until_signal`].
pub fn run(request: &Request, reporter: &mut Reporter, without_jack: &str) -> Exit {
    until_signal(|quit| engine::run(request, reporter, quit), without_jack)
}

/// Has this run until it ends, or until a signal sets what it is given; errors go to standard error, with what there is to
/// do `without_jack`.
fn until_signal(
    run: impl FnOnce(&Arc<AtomicBool>) -> Result<Exit, RunError>,
    without_jack: &str,
) -> Exit {
    let quit = engine::quit_on_signals().map_err(|source| RunError::System {
        what: "a signal handler",
        source,
    });
    match quit.and_then(|quit| run(&quit)) {
        Ok(exit) => exit,
        Err(error) if error.is_without_jack() => {
            eprintln!("farsend: {error}, or {without_jack}");
            error.exit()
        }
        Err(error) => complain(&error),
    }
}

fn complain(error: &RunError) -> Exit {
    eprintln!("farsend: {error}");
    error.exit()
}

/// Logs go to standard error; `FARSEND_LOG` says how much (`warn`, `info`, `debug`). That a library was found is no news.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("FARSEND_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,jack_sys=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

fn long_help() -> String {
    format!("{EXAMPLES}\n\n{}", exit::HELP)
}

const EXAMPLES: &str = "\
Examples:
  farsend server                          wait for a JackTrip or Farsend peer, as a JACK client
  farsend client studio.example           call one
  farsend join hub.example --name alice   join a hub of many
  farsend client 10.0.0.7 -n 8 -b 24      eight channels each way, 24 bit
  farsend client 10.0.0.7 --input take.wav --record back.wav
                                          no JACK: play a file there, keep what comes back
  farsend server --backend timer --loopback
                                          send everything back, to try a line
  farsend hub                             a hub for JackTrip and Farsend players
  farsend hub say From bar 17             write to the players of the hub that runs here
  farsend jacktrip -c 10.0.0.7 -q 4       JackTrip's own options
  farsend bench network --input take.wav --out heard
                                          how a take sounds over bad networks

In a terminal a line that you type is written to the far end, or over a hub to all who are there:
a Farsend prints or shows it, a JackTrip shows nothing of it. Enter alone makes room for one, above
which the numbers rest.";
