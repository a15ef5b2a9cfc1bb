//! Who may depend on whom: the arrows of ARCHITECTURE.md against what `cargo metadata` says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every package of the workspace and those of its own kind that it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("farsend-units", &[]),
    ("farsend-wire", &["farsend-units"]),
    ("farsend-protocol", &["farsend-units", "farsend-wire"]),
    ("farsend-stream", &["farsend-units"]),
    ("farsend-rt", &["farsend-units"]),
    ("farsend-ipc", &["farsend-units", "farsend-rt"]),
    ("farsend-netsim", &["farsend-units"]),
    ("farsend-score", &["farsend-units"]),
    (
        "farsend",
        &[
            "farsend-units",
            "farsend-wire",
            "farsend-protocol",
            "farsend-stream",
            "farsend-rt",
            "farsend-ipc",
            "farsend-netsim",
            "farsend-score",
        ],
    ),
    (
        "farsend-plugin",
        &["farsend-units", "farsend-rt", "farsend-ipc"],
    ),
    (
        "farsend-tests",
        &[
            "farsend-ipc",
            "farsend-netsim",
            "farsend-rt",
            "farsend-score",
            "farsend-units",
        ],
    ),
    ("xtask", &[]),
];

/// Any package may test itself against a bad network, and score what comes out.
const FOR_TESTS: &[&str] = &["farsend-netsim", "farsend-score"];

/// Who may have them in a program: the engine for its bench.
const MAY_BENCH: &[&str] = &["farsend", "farsend-tests"];

/// Crates that see no clock, thread, socket, file or log.
const PURE: &[&str] = &[
    "farsend-units",
    "farsend-wire",
    "farsend-protocol",
    "farsend-stream",
    "farsend-netsim",
    "farsend-score",
];

/// What brings these in.
const IMPURE: &[&str] = &[
    "cpal", "jack", "libc", "mio", "nix", "rustix", "socket2", "tokio", "tracing",
];

/// What a plugin must not have in the DAW's process: the network and an audio system.
const NOT_IN_A_DAW: &[&str] = &["cpal", "jack", "mio", "socket2", "tokio"];

#[test]
fn no_package_uses_another_against_the_arrows() {
    let packages = packages();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    assert_eq!(
        found, known,
        "a package came or went: say here whom it may use"
    );
    for (name, allowed) in ARROWS {
        for dependency in &packages[*name] {
            let ours = known.contains(dependency.name.as_str());
            let fine = allowed.contains(&dependency.name.as_str())
                || dependency.only_for_tests && FOR_TESTS.contains(&dependency.name.as_str());
            assert!(
                !ours || fine,
                "{name} must not depend on {}",
                dependency.name
            );
        }
    }
}

#[test]
fn what_is_for_tests_is_in_no_program_but_the_engine_for_its_bench() {
    for (name, dependencies) in packages() {
        let uses = dependencies
            .iter()
            .any(|used| FOR_TESTS.contains(&used.name.as_str()) && !used.only_for_tests);
        assert!(
            !uses || MAY_BENCH.contains(&name.as_str()),
            "{name} may use {FOR_TESTS:?} for tests only"
        );
    }
}

#[test]
fn pure_crates_bring_in_no_system() {
    refuse(PURE, IMPURE);
}

#[test]
fn the_plugin_brings_no_network_into_the_daw() {
    refuse(&["farsend-plugin", "farsend-ipc"], NOT_IN_A_DAW);
}

fn refuse(names: &[&str], unwanted: &[&str]) {
    let packages = packages();
    for name in names {
        let dependencies = packages[*name].iter().filter(|used| !used.only_for_tests);
        for dependency in dependencies {
            let bad = unwanted.contains(&dependency.name.as_str());
            assert!(!bad, "{name} must not depend on {}", dependency.name);
        }
    }
}

struct Dependency {
    name: String,
    only_for_tests: bool,
}

/// The workspace's packages and what their manifests ask for.
fn packages() -> BTreeMap<String, Vec<Dependency>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo was there when this test was built");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages
        .iter()
        .map(|package| (text(&package["name"]), dependencies(package)))
        .collect()
}

fn dependencies(package: &Value) -> Vec<Dependency> {
    let list = package["dependencies"]
        .as_array()
        .expect("a list of dependencies");
    let read = |dependency: &Value| Dependency {
        name: text(&dependency["name"]),
        only_for_tests: dependency["kind"] == "dev",
    };
    list.iter().map(read).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a name").to_owned()
}
