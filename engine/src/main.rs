//! The `farsend` program: one line over its library.

fn main() -> std::process::ExitCode {
    farsend::cli::main()
}
