//! A host that unloads the plugin's library while a thread of it waits for a disk: the code that the thread goes on with must still be there.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clack_host::prelude::PluginEntry;
use farsend_tests::host::Host;
use farsend_tests::lab::{Machine, Need, Running, need, on_a_private_machine, preload, wait_until};
use serde_json::json;

/// Tells the test, started once more, that it is the host, and where its takes are.
const TAKES: &str = "FARSEND_TESTS_TAKES";
/// The session's folder, of which the disk does not answer, is called so; beside it are files with these names.
const HUNG: &str = "hung";
const ASKED: &str = "asked";
const LET_GO: &str = "let-go";

const RATE: u32 = 48_000;
const BLOCK: u32 = 480;
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_host_that_unloads_the_plugin_while_a_disk_holds_a_thread_of_it_lives_on() {
    on_a_private_machine(&[Need::Compiler], |machine| {
        if let Some(takes) = std::env::var_os(TAKES) {
            return be_the_host(Path::new(&takes));
        }
        for hangs in [false, true] {
            let host = started(machine, hangs);
            assert!(
                host.contains(if hangs { "stays" } else { "is gone" }),
                "{host}"
            );
        }
    });
}

/// What a host says that is started with a disk that hangs, or with one that does not.
fn started(machine: &Machine, hangs: bool) -> String {
    let takes = machine.path(if hangs { "bad" } else { "good" });
    std::fs::create_dir_all(takes.join(HUNG)).expect("the test's folder is writable");
    if !hangs {
        std::fs::write(takes.join(LET_GO), "").expect("the test's folder is writable");
    }
    let test = std::thread::current();
    let mut command = Command::new(std::env::current_exe().expect("a running test has a path"));
    command
        .args(["--exact", test.name().expect("tests have names")])
        .args(["--nocapture", "--test-threads=1"])
        .env(TAKES, &takes)
        .env("LD_PRELOAD", preload::bad_disk(machine));
    let name = if hangs { "host-bad" } else { "host-good" };
    let mut host = Running::start(machine, name, &mut command);
    let code = host.wait_exit_code(Duration::from_secs(60));
    assert_eq!(code, 0, "{}", host.output());
    host.output()
}

fn be_the_host(takes: &Path) {
    let plugin = need::own_plugin();
    let library = load(&plugin);
    // On a thread that ends: one that is there and has used the library keeps it loaded.
    let (file, folder) = (plugin.clone(), takes.to_owned());
    let user = std::thread::spawn(move || use_it(&file, &folder));
    user.join().expect("it can be used");
    drop(library);
    let stays = is_loaded(&plugin);
    // The thread that waited goes on, and ends in the library's code.
    std::fs::write(takes.join(LET_GO), "").expect("the folder is writable");
    wait_until("the plugin's threads have ended", LIMIT, || threads() <= 2);
    // Some systems keep what a thread uses; then it would go now.
    drop(load(&plugin));
    assert_eq!(is_loaded(&plugin), stays);
    println!("the library {}", if stays { "stays" } else { "is gone" });
}

fn load(plugin: &Path) -> PluginEntry {
    // SAFETY: loading runs the library's initializers; it is our own plugin, made to be loaded by hosts.
    #[allow(unsafe_code, reason = "a host loads native code")]
    let library = unsafe { PluginEntry::load(plugin) };
    library.expect("it can be loaded")
}

/// Has an instance render, until its thread reads the takes; then it is removed.
fn use_it(plugin: &Path, takes: &Path) {
    let mut host = Host::load(plugin).expect("it can be loaded");
    let session = json!({ "share": HUNG, "takes": takes });
    host.want_session(&session).expect("it has a state");
    host.render(RATE, BLOCK, 400).expect("it renders");
    assert!(takes.join(ASKED).exists(), "the takes were not looked for");
    let begun = Instant::now();
    drop(host);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

fn is_loaded(plugin: &Path) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    let file = plugin.file_name().expect("it is a file").to_string_lossy();
    maps.lines().any(|line| line.ends_with(&*file))
}

/// How many this process has.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux has it");
    tasks.count()
}
