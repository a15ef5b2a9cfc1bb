//! Exit codes: one for each kind of cause, so that a script can tell them apart.

use std::process::ExitCode;

/// Why the program ended. The numbers are documented in docs/numbers.md and stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// As asked: Ctrl-C, SIGTERM, the end of the input, the peer's goodbye.
    Done = 0,
    /// Something that has no code of its own.
    Other = 1,
    /// The command line is wrong (clap's own code).
    Usage = 2,
    /// The UDP port is taken.
    PortBusy = 3,
    /// The host's name leads to no address.
    NoSuchHost = 4,
    /// The JACK server, or libjack itself, is not there.
    NoJack = 5,
    /// The peer's stream cannot be played, such as one of packets that are too long.
    Mismatch = 6,
    /// The peer was silent for longer than `--timeout`.
    PeerSilent = 7,
    /// A WAV file cannot be read or written.
    File = 8,
    /// `farsend engine`: there is one already.
    AlreadyRunning = 9,
    /// `farsend join`, `farsend bench hub`, `farsend hub status` and the like: no hub answers there.
    NoHub = 10,
    /// `farsend join`, `farsend bench hub`: the hub is full, has sent us away, or lets in only users with a password.
    HubRefuses = 11,
    /// A password, credentials file, certificate or key that cannot be used.
    Secret = 12,
    /// `farsend join`: the hub knows no such user with this password, or not at this time.
    NoSuchUser = 13,
    /// `farsend join`: the hub's certificate is not that of `--fingerprint`.
    OtherCertificate = 14,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The table for `--help`.
pub const HELP: &str = "\
Exit codes:
  0   ended as asked: Ctrl-C, SIGTERM, end of the input, the peer's goodbye
  1   another error
  2   wrong command line
  3   the UDP port is taken
  4   the host's name leads to no address
  5   no JACK server, or no libjack
  6   the peer's stream cannot be played (packets longer than 8192 frames, say)
  7   the peer was silent for longer than --timeout
  8   a WAV file cannot be read or written
  9   farsend engine: one is running already
  10  farsend join, bench hub, hub status and the like: no hub answers there
  11  farsend join, bench hub: the hub is full, has sent us away, or lets in only users with a password
  12  a password, credentials file, certificate or key cannot be used
  13  farsend join: no such user with this password, or not at this time
  14  farsend join: the hub's certificate is not that of --fingerprint";
