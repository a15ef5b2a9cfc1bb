//! What the tests, the demo and the measurements need besides a Rust toolchain: other people's programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::packages::{self, Need, has_program};
use crate::workspace;

/// The JACK 2 server and its small tools.
pub(crate) const JACKD: Need = Need {
    debian: &["jackd2"],
    what: "JACK 2 (jackd, jack_iodelay)",
    why: "JackTrip runs on it; its dummy driver needs no sound card",
    present: || has_program("jackd") && has_program("jack_iodelay"),
};

/// The peer that everybody uses.
pub(crate) const JACKTRIP: Need = Need {
    debian: &["jacktrip"],
    what: "JackTrip",
    why: "the real program is the peer",
    present: || std::env::var_os("FARSEND_JACKTRIP").is_some() || has_program("jacktrip"),
};

/// What makes certificates and hashes of passwords as the manuals of hubs tell people to.
pub(crate) const OPENSSL: Need = Need {
    debian: &["openssl"],
    what: "openssl",
    why: "hubs with passwords are tested with its certificates and hashes",
    present: || has_program("openssl"),
};

/// What plays the clips whose sound is measured.
pub(crate) const FLUIDSYNTH: Need = Need {
    debian: &["fluidsynth", "fluid-soundfont-gm"],
    what: "fluidsynth with the FluidR3 soundfont",
    why: "it renders the piano, strings and drums that are sent over bad networks",
    present: || {
        let font = Path::new("/usr/share/sounds/sf2/FluidR3_GM.sf2");
        has_program("fluidsynth") && font.is_file()
    },
};

/// What makes a private machine for each test.
pub(crate) const NAMESPACES: Need = Need {
    debian: &["util-linux", "mount", "iproute2"],
    what: "unshare, mount and ip",
    why: "every test has a network, processes and JACK servers of its own",
    present: || has_program("unshare") && has_program("mount") && has_program("ip"),
};

/// A real DAW.
pub(crate) const ARDOUR: Need = Need {
    debian: &["ardour"],
    what: "Ardour",
    why: "the VST3 is tested in a headless session of it",
    present: || find_ardour().is_some(),
};

/// A CLAP host.
pub(crate) const QTRACTOR: Need = Need {
    debian: &["qtractor"],
    what: "Qtractor",
    why: "the CLAP is tested in a session of it",
    present: || has_program("qtractor"),
};

/// What others make of the files that we write.
pub(crate) const SNDFILE: Need = Need {
    debian: &["sndfile-programs"],
    what: "sndfile-info",
    why: "recordings are to be read by programs that are not ours",
    present: || has_program("sndfile-info"),
};

/// A display without a screen, for the plugin's editor.
pub(crate) const XVFB: Need = Need {
    debian: &["xvfb"],
    what: "Xvfb",
    why: "the plugin's editor is opened in it",
    present: || has_program("Xvfb"),
};

/// Python with its virtual environments, for the VST3 hosts pedalboard and DawDreamer.
pub(crate) const PYTHON: Need = Need {
    debian: &["python3", "python3-venv"],
    what: "Python 3 with venv",
    why: "pedalboard and DawDreamer, VST3 hosts, are Python modules",
    present: || {
        let probe = ["-c", "import venv, ensurepip"];
        let tried = Command::new("python3")
            .args(probe)
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    },
};

/// The version of pedalboard that the tests are written for.
const PEDALBOARD: &str = "pedalboard==0.9.26";

/// The same of DawDreamer.
const DAWDREAMER: &str = "dawdreamer==0.9.0";

/// Sees to it that `needs` are there. Where they cannot be, and this is not CI, says so and goes on: then
/// what needs them is skipped.
pub(crate) fn ensure_if_possible(needs: &[Need]) -> Result<()> {
    // Not one call: what cannot be had should not keep the rest away.
    for need in needs {
        if let Err(error) = packages::ensure(&[*need]) {
            if is_ci() {
                return Err(error);
            }
            eprintln!("Going on without: {error:#}");
        }
    }
    Ok(())
}

/// The Python that has the VST3 hosts, in an environment of its own under `target`. `None`: it could not be had.
pub(crate) fn python_with_hosts(target: &Path) -> Result<Option<PathBuf>> {
    let environment = target.join("python");
    let python = environment.join("bin").join("python");
    let imports = |python: &Path| {
        let tried = Command::new(python)
            .args(["-c", FINDS_BOTH])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    };
    if imports(&python) {
        return Ok(Some(python));
    }
    eprintln!(
        "Installing {PEDALBOARD} and {DAWDREAMER}, VST3 hosts, into {}",
        environment.display()
    );
    let made = workspace::run(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    )
    .and_then(|()| {
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            PEDALBOARD,
            DAWDREAMER,
        ];
        workspace::run(Command::new(&python).args(install))
    });
    match made {
        Ok(()) => Ok(Some(python)),
        Err(error) if is_ci() => Err(error),
        Err(error) => {
            eprintln!("Going on without: {error:#}");
            Ok(None)
        }
    }
}

/// Fails unless both are installed; to load them takes seconds.
const FINDS_BOTH: &str = "from importlib.util import find_spec as find; assert find('pedalboard') and find('dawdreamer')";

/// Whether this is a run that nobody watches, in which nothing may be skipped.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Ardour's Lua shell, whose name carries the major version.
fn find_ardour() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["ardour9-lua", "ardour8-lua", "ardour7-lua"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

/// Builds the programs of the package `farsend-tests` (the demo, the measurements, the JACK probe) and gives the folder
/// that they are in, with the engine's.
pub(crate) fn build_programs(dev: bool) -> Result<PathBuf> {
    let mut build = workspace::cargo();
    build.args(["build", "--package", "farsend-tests", "--bins"]);
    if !dev {
        build.arg("--release");
    }
    workspace::run(&mut build)?;
    Ok(workspace::target_dir()?.join(if dev { "debug" } else { "release" }))
}
