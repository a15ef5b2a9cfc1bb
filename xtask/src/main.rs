//! What is done with the sources: `cargo xtask <command>`, one file per command.

mod bench;
mod bundle;
mod demo;
mod fuzz;
mod install;
mod lab;
mod packages;
mod test;
mod workspace;

use clap::{Parser, Subcommand};

/// Builds, installs, shows and tests Farsend.
///
/// System packages that a step needs are installed by it on Debian and Ubuntu, and named on other
/// systems.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the plugin and the engine and put them together, ready to load, in target/bundled.
    Bundle(bundle::Args),
    /// Bundle, and install plugin and engine for the current user.
    Install(install::InstallArgs),
    /// Remove what `install` installed.
    Uninstall,
    /// Send music through the plugin to a JackTrip peer and back, and report on it in target/demo.
    Demo(demo::Args),
    /// Run all tests, those with other programs included.
    Test(test::Args),
    /// Measure, and print what docs/benchmarks.md holds.
    Bench(bench::Args),
    /// Fuzz what reads bytes from outside.
    Fuzz(fuzz::Args),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    workspace::enter()?;
    match cli.command {
        Command::Bundle(args) => bundle::run(args).map(|_| ()),
        Command::Install(args) => install::install(args),
        Command::Uninstall => install::uninstall(),
        Command::Demo(args) => demo::run(args),
        Command::Test(args) => test::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Fuzz(args) => fuzz::run(args),
    }
}
