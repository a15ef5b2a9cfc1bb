//! The engine as a service for plugins.
//! under construction
use crate::cli::exit::Exit;
/// Options.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// grace
    #[arg(long)]
    grace: Option<f64>,
}
/// Runs.
pub fn main(_: &Args) -> Exit {
    Exit::Other
}
