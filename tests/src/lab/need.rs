//! What a test needs of the machine, and what happens where it is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;

/// Something outside this repository that a test cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Mount, network and process namespaces of our own.
    Namespaces,
    /// The JACK 2 server with its dummy driver.
    Jackd,
    /// The real JackTrip, 1.7.0 or compatible: [`find_jacktrip`].
    Jacktrip,
    /// `jack_iodelay`, which measures a loop through JACK ports.
    JackIodelay,
    /// OpenSSL's program, which makes certificates and hashes of passwords.
    Openssl,
    /// Python with pedalboard, a VST3 host.
    Pedalboard,
    /// Ardour with its Lua shell.
    Ardour,
    /// Python with DawDreamer, another VST3 host.
    Dawdreamer,
    /// Qtractor, a CLAP host, and its scanner.
    Qtractor,
    /// A display without a screen.
    Xvfb,
    /// A C compiler, `cc`.
    Compiler,
    /// `sndfile-info`, libsndfile's word on what is in a file.
    Sndfile,
}

impl Need {
    /// Whether it is there; looks along `PATH` or tries.
    pub fn is_met(self) -> bool {
        match self {
            Need::Namespaces => super::machine::can_be_made(),
            Need::Jackd => find_program("jackd").is_some(),
            Need::Jacktrip => find_jacktrip().is_some(),
            Need::JackIodelay => find_program("jack_iodelay").is_some(),
            Need::Openssl => find_program("openssl").is_some(),
            Need::Pedalboard => find_pedalboard().is_some(),
            Need::Dawdreamer => find_python_with("dawdreamer").is_some(),
            Need::Qtractor => {
                find_program("qtractor").is_some() && find_qtractors_scanner().is_some()
            }
            Need::Xvfb => find_program("Xvfb").is_some(),
            Need::Compiler => find_program("cc").is_some(),
            Need::Ardour => find_ardour().is_some(),
            Need::Sndfile => find_program("sndfile-info").is_some(),
        }
    }

    /// What is missing and how to get it, for a line on the terminal.
    pub fn advice(self) -> &'static str {
        match self {
            Need::Namespaces => {
                "permission to make namespaces (`unshare` of util-linux, `ip` of iproute2; as root, \
                 or with unprivileged user namespaces switched on)"
            }
            Need::Jackd => "jackd (Debian: apt-get install jackd2)",
            Need::Jacktrip => {
                "jacktrip (Debian: apt-get install jacktrip; or FARSEND_JACKTRIP names the program)"
            }
            Need::JackIodelay => {
                "jack_iodelay (Debian: apt-get install jackd2 or jack-example-tools)"
            }
            Need::Openssl => "openssl (Debian: apt-get install openssl)",
            Need::Pedalboard => {
                "Python with pedalboard (`cargo xtask test` installs it under target)"
            }
            Need::Dawdreamer => {
                "Python with dawdreamer (`cargo xtask test` installs it under target)"
            }
            Need::Qtractor => "Qtractor 0.9.31 (Debian: apt-get install qtractor)",
            Need::Xvfb => "Xvfb (Debian: apt-get install xvfb)",
            Need::Compiler => "a C compiler (Debian: apt-get install build-essential)",
            Need::Ardour => "Ardour's Lua shell (Debian: apt-get install ardour)",
            Need::Sndfile => "sndfile-info (Debian: apt-get install sndfile-programs)",
        }
    }
}

/// True if all of `needs` are there. Otherwise says what is missing; in CI (the variable `CI` is
/// set) that is a failure.
///
/// # Panics
///
/// In CI, if anything is missing.
pub fn all_met(needs: &[Need]) -> bool {
    let Some(missing) = needs.iter().find(|need| !need.is_met()) else {
        return true;
    };
    let advice = missing.advice();
    assert!(
        std::env::var_os("CI").is_none(),
        "in CI nothing is skipped; missing: {advice}"
    );
    println!("skipped: this test needs {advice}");
    false
}

/// The program of this name along `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The real JackTrip: the program that the runner names (`FARSEND_JACKTRIP`, an absolute path), else the one along
/// `PATH`.
pub fn find_jacktrip() -> Option<PathBuf> {
    let Some(named) = std::env::var_os("FARSEND_JACKTRIP") else {
        return find_program("jacktrip");
    };
    Some(PathBuf::from(named)).filter(|program| program.is_file())
}

/// The Python that has pedalboard: the one that `cargo xtask test` names or made, under `target/python`.
pub fn find_pedalboard() -> Option<PathBuf> {
    let named = std::env::var_os("FARSEND_PEDALBOARD_PYTHON").map(PathBuf::from);
    named
        .or_else(|| Some(target_folder().join("python/bin/python")))
        .filter(|python| python.is_file())
}

/// The same Python, if this module is installed in it.
pub fn find_python_with(module: &str) -> Option<PathBuf> {
    let python = find_pedalboard()?;
    let library = python.parent()?.parent()?.join("lib");
    let versions = std::fs::read_dir(library).ok()?.flatten();
    let installed = versions
        .map(|version| version.path().join("site-packages").join(module))
        .any(|folder| folder.is_dir());
    installed.then_some(python)
}

/// Ardour's Lua shell, whose name carries the major version.
pub fn find_ardour() -> Option<PathBuf> {
    ["ardour9-lua", "ardour8-lua", "ardour7-lua"]
        .into_iter()
        .find_map(find_program)
}

/// The program with which Qtractor looks at plugins: in a folder of its own below that of the system's libraries, which carries
/// the name of the processor at Debian, and `64` elsewhere.
pub fn find_qtractors_scanner() -> Option<PathBuf> {
    let libraries = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten();
    let folders = libraries.map(|entry| entry.path());
    folders
        .chain(["/usr/lib", "/usr/lib64"].map(PathBuf::from))
        .map(|folder| folder.join("qtractor/qtractor_plugin_scan"))
        .find(|path| path.is_file())
}

/// A program of this workspace: from the folder in which the running test was built.
///
/// Unless the runner says that it has built everything (`FARSEND_BUILT=1`, as `cargo xtask test` does),
/// cargo is asked once to bring it up to date.
///
/// # Panics
///
/// If it cannot be built or is not there.
pub fn own_program(package: &str, name: &str) -> PathBuf {
    let folder = build_folder();
    if std::env::var_os("FARSEND_BUILT").is_none() {
        build(package, &["--bin", name], &folder);
    }
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "{} is missing: run `cargo build -p {package}`",
        program.display()
    );
    program
}

/// The plugin as a CLAP: the bundled one that the runner names (`FARSEND_CLAP`), else the shared library of the same
/// build, which is one as it is.
///
/// # Panics
///
/// If it cannot be built or is not there.
pub fn own_plugin() -> PathBuf {
    if let Some(bundled) = std::env::var_os("FARSEND_CLAP") {
        return bundled.into();
    }
    let folder = build_folder();
    if std::env::var_os("FARSEND_BUILT").is_none() {
        build("farsend-plugin", &["--lib"], &folder);
    }
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = folder.join(format!("{prefix}farsend_plugin{suffix}"));
    assert!(
        library.is_file(),
        "{} is missing: run `cargo build -p farsend-plugin`",
        library.display()
    );
    library
}

/// The VST3 as `cargo xtask bundle` makes it, the engine inside: the one that `cargo xtask test` names.
///
/// # Panics
///
/// If it cannot be bundled or is not there.
pub fn own_vst3() -> PathBuf {
    let named = std::env::var_os("FARSEND_VST3").map(PathBuf::from);
    let bundle = named.unwrap_or_else(|| target_folder().join("bundled/Farsend.vst3"));
    if std::env::var_os("FARSEND_BUILT").is_none() {
        static BUNDLED: Once = Once::new();
        BUNDLED.call_once(|| cargo(&["run", "--quiet", "-p", "xtask", "--", "bundle", "--dev"]));
    }
    assert!(
        bundle.is_dir(),
        "{} is missing: run `cargo xtask bundle --dev`",
        bundle.display()
    );
    bundle
}

/// `target`, wherever it was put.
fn target_folder() -> PathBuf {
    build_folder()
        .parent()
        .expect("a build folder is in the target folder")
        .to_path_buf()
}

/// `target/debug` or `target/release`: above `deps`, where tests are, or where programs are.
pub fn build_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a running test has a path");
    let folder = program.parent().expect("a program is in a folder");
    let above = folder.parent().unwrap_or(folder);
    if folder.ends_with("deps") {
        above.to_path_buf()
    } else {
        folder.to_path_buf()
    }
}

fn build(package: &str, what: &[&str], folder: &Path) {
    let release = folder.ends_with("release").then_some("--release");
    let command = ["build", "--quiet", "--package", package];
    let words: Vec<&str> = command
        .into_iter()
        .chain(what.iter().copied())
        .chain(release)
        .collect();
    cargo(&words);
}

/// Runs cargo in the workspace, with the target folder that this test was built in.
fn cargo(words: &[&str]) {
    let status = Command::new(env!("CARGO"))
        .args(words)
        .env("CARGO_TARGET_DIR", target_folder())
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::null())
        .status()
        .expect("cargo was there when this test was built");
    assert!(
        status.success(),
        "`cargo {}` failed: {status}",
        words.join(" ")
    );
}
