//! `jacktrip -S`: a hub under JackTrip's options.

use std::path::PathBuf;

use farsend_stream::Conceal;
use farsend_units::{Channels, Frames};
use farsend_wire::sample::SampleFormat;

use super::{atoi, channels};
use crate::cli::hub::FIRST_UDP_PORT;
use crate::exit::Exit;
use crate::hub::{AuthSettings, HubReporter, HubSettings, LocalSettings, PatchMode, Through};
use crate::settings::DEFAULT_PORT;

/// What only a hub makes something of.
#[derive(Debug, clap::Args)]
pub(super) struct HubOptions {
    /// Of a hub: who hears whom. 0: the hub's JACK server, 1: oneself, 2: the others, 4: all, 5: nobody [default: 0].
    #[arg(short = 'p', long = "hubpatch", value_name = "MODE", value_parser = atoi)]
    patch: Option<i64>,
    /// Of a hub, with -p 2 and -p 4: the hub's JACK server takes part.
    #[arg(short = 'i', long = "includeserver")]
    include_server: bool,
    /// Of a hub: who sends one channel is heard in both.
    #[arg(short = 'u', long = "upmix")]
    upmix: bool,
    /// Of a hub: a UDP port for each player, as JackTrip has it, from that of -U on. Without this all share that one.
    #[arg(long = "port-each")]
    port_each: bool,
    /// Of a hub: the UDP port of all players' audio [default: 61002].
    #[arg(short = 'U', long = "udpbaseport", value_name = "PORT", value_parser = atoi)]
    udp_base_port: Option<i64>,
    /// Of a hub, with -A: the certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    certfile: Option<PathBuf>,
    /// Of a hub, with -A: the certificate's key, in PEM.
    #[arg(long, value_name = "FILE")]
    keyfile: Option<PathBuf>,
    /// Of a hub, with -A: the users and their passwords' hashes.
    #[arg(long, value_name = "FILE")]
    credsfile: Option<PathBuf>,
}

impl HubOptions {
    /// A line for each that was given to what is no hub.
    pub(super) fn remarks(&self) -> impl Iterator<Item = String> + use<> {
        let given = [
            (self.patch.is_some(), "-p"),
            (self.include_server, "-i"),
            (self.upmix, "-u"),
            (self.udp_base_port.is_some(), "-U"),
            (self.port_each, "--port-each"),
            (self.certfile.is_some(), "--certfile"),
            (self.keyfile.is_some(), "--keyfile"),
            (self.credsfile.is_some(), "--credsfile"),
        ];
        let line = |(_, option)| format!("{option} means nothing here: it is for hubs");
        given.into_iter().filter(|one| one.0).map(line)
    }
}

/// Runs the hub until a signal.
pub(super) fn main(options: &super::Options) -> Exit {
    let (settings, remarks) = match options.hub() {
        Ok(hub) => hub,
        Err(why) => {
            eprintln!("jacktrip: {why}");
            return Exit::Usage;
        }
    };
    let mut reporter = HubReporter::new(options.style()).every(options.interval());
    for remark in remarks {
        reporter.note(&remark);
    }
    crate::cli::hub::run(
        &settings,
        &mut reporter,
        "have the players play with each other only (-p 2, without -i)",
    )
}

impl super::Options {
    /// The hub, and what is to be said about options that mean something else here, or nothing.
    pub(super) fn hub(&self) -> Result<(HubSettings, Vec<String>), String> {
        self.role()?;
        let auth = self.hub_auth()?;
        let mode = self.hub.patch.unwrap_or(0);
        let samples = u8::try_from(self.bits)
            .ok()
            .and_then(SampleFormat::from_bits)
            .ok_or("-b takes 8, 16, 24 or 32")?;
        let mut remarks = self.ignored.remarks();
        remarks.extend(self.user.remarks(false, true));
        remarks.extend(self.strategy_remark());
        let patch = match mode {
            0 => PatchMode::Server,
            1 => PatchMode::Loopback,
            2 => PatchMode::Others,
            3 => {
                remarks.push(
                    "-p 3 is taken for 0: the fixed connections to SuperCollider are not made"
                        .into(),
                );
                PatchMode::Server
            }
            4 => PatchMode::All,
            5 => PatchMode::None,
            _ => return Err("-p takes a number from 0 to 5".into()),
        };
        let mixes = matches!(patch, PatchMode::Others | PatchMode::All);
        if self.hub.include_server && !mixes {
            remarks.push("-i means something with -p 2 and -p 4 only".into());
        }
        let include_local = self.hub.include_server && mixes;
        let local = if include_local || patch == PatchMode::Server {
            Some(LocalSettings {
                channels: self
                    .channels
                    .map_or(Ok(Channels(2)), |n| channels("-n", n))?,
                through: Through::Jack {
                    name: self.name.clone().unwrap_or_else(|| "JackTrip".into()),
                    connect: !self.no_connect,
                },
            })
        } else {
            None
        };
        remarks.extend(self.remarks_on_hub(local.is_some()));
        let port = self.port("-B", self.bind_port)?;
        let first = FIRST_UDP_PORT + i64::from(port) - i64::from(DEFAULT_PORT);
        let first = self.hub.udp_base_port.unwrap_or(first);
        let udp_port = u16::try_from(first)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                format!("-U (or -o) leads to port {first}, which is none: 1 to 65535")
            })?;
        let settings = HubSettings {
            auth,
            port,
            udp_port,
            port_each: self.hub.port_each,
            period: Frames::ZERO,
            patch,
            upmix: self.hub.upmix,
            local,
            include_local,
            samples: Some(samples),
            depth: self.depth()?,
            conceal: match (self.strategy, self.zero) {
                (-1, false) => Conceal::Wavetable,
                (_, true) => Conceal::Zero,
                _ => Conceal::Predict,
            },
            ..HubSettings::default()
        };
        Ok((settings, remarks))
    }

    /// A line for each option that was given and means nothing to a hub, which may have ears of its own.
    fn remarks_on_hub(&self, is_heard: bool) -> impl Iterator<Item = String> + use<> {
        const AS_THEY_DO: &str = "each player is answered as they send";
        const NOT_HERE: &str = "the hub takes no part in the music (-i, or -p 0)";
        let of_ears = |given: bool| given && !is_heard;
        let given = [
            (self.redundancy != 1, "-r", AS_THEY_DO),
            (self.peer_port.is_some(), "-P", "a hub calls nobody"),
            (
                self.remote_name.is_some(),
                "-K",
                "it names a client on a hub",
            ),
            (
                self.timeout,
                "-t",
                "a player who is silent is forgotten after 12 s, and the hub stays",
            ),
            (
                self.loopback,
                "-l",
                "-p 1 sends everybody back to themselves",
            ),
            (self.jamlink, "-j", "players have JackTrip's header"),
            (self.empty_header, "-e", "players have JackTrip's header"),
            (self.send.is_some(), "--sendchannels", AS_THEY_DO),
            (self.receive.is_some(), "--receivechannels", AS_THEY_DO),
            (of_ears(self.channels.is_some()), "-n", NOT_HERE),
            (of_ears(self.name.is_some()), "-J", NOT_HERE),
            (of_ears(self.no_connect), "-D", NOT_HERE),
        ];
        let line =
            |(_, option, why): (bool, &str, &str)| format!("{option} means nothing here: {why}");
        given.into_iter().filter(|one| one.0).map(line)
    }

    /// With `-A`, the files that JackTrip wants for it, too.
    fn hub_auth(&self) -> Result<Option<AuthSettings>, String> {
        let HubOptions {
            certfile,
            keyfile,
            credsfile,
            ..
        } = &self.hub;
        match (certfile, keyfile, credsfile) {
            _ if !self.user.is_wanted() => Ok(None),
            (Some(certificate), Some(key), Some(users)) => Ok(Some(AuthSettings {
                certificate: certificate.clone(),
                key: key.clone(),
                users: users.clone(),
            })),
            _ => Err(
                "a hub with -A takes --certfile, --keyfile and --credsfile: `farsend hub --make-cert` and `farsend hub --add-user` make them"
                    .into(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn hub(line: &str) -> Result<(HubSettings, Vec<String>), String> {
        let options = crate::cli::jacktrip::Options::try_parse_from(line.split_whitespace())
            .map_err(|e| e.to_string())?;
        options.hub()
    }

    #[test]
    fn a_hub_is_what_its_options_make_of_it_in_jacktrip() {
        let (made, remarks) = hub("jacktrip -S -p 4 -i -u -o 10 -n 1 -b 24 -q 8 -D").unwrap();
        assert_eq!(remarks, [""; 0]);
        assert_eq!((made.port, made.udp_port), (4474, 61_012));
        assert_eq!(
            (made.patch, made.upmix, made.include_local),
            (PatchMode::All, true, true)
        );
        let local = made.local.unwrap();
        let through = |name: &str, connect| Through::Jack {
            name: name.into(),
            connect,
        };
        assert_eq!(local.channels, Channels(1));
        assert_eq!(local.through, through("JackTrip", false));
        assert_eq!(
            (made.samples, made.depth.queue()),
            (Some(SampleFormat::I24), 8)
        );
        let (made, _) = hub("jacktrip -S -J stage").unwrap();
        assert_eq!((made.patch, made.include_local), (PatchMode::Server, false));
        assert_eq!(made.local.unwrap().through, through("stage", true));
        assert!(!made.port_each, "firewalls hate it");
        let (made, remarks) = hub("jacktrip -S -p 5 -U 50000 --port-each -i").unwrap();
        assert_eq!(
            (made.udp_port, made.port_each, made.local),
            (50_000, true, None)
        );
        assert!(remarks[0].contains("-i"), "{remarks:?}");
    }

    #[test]
    fn what_is_for_a_client_is_taken_with_a_word_about_it() {
        let (_, remarks) = hub(
            "jacktrip -S -p 2 -r 2 -P 5 -K x -t -l -j -e --sendchannels 1 --receivechannels 2 -n 2 -J me -D --bufstrategy 2",
        )
        .unwrap();
        let options = remarks.iter().filter_map(|line| line.split(' ').next());
        let options: Vec<&str> = options.collect();
        assert_eq!(
            options.join(" "),
            "--bufstrategy -r -P -K -t -l -j -e --sendchannels --receivechannels -n -J -D"
        );
    }

    #[test]
    fn what_makes_no_hub_is_named() {
        for (line, word) in [
            ("jacktrip -S -p 6", "-p"),
            ("jacktrip -S -b 17", "-b"),
            ("jacktrip -S -n 0", "-n"),
            ("jacktrip -S -U 70000", "-U"),
            ("jacktrip -S -s", "only one"),
        ] {
            let error = hub(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
