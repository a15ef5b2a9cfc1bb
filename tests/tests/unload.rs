//! A host that unloads the plugin's library while a thread of it waits for a disk: the code that the thread goes on with must still be there.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clack_host::prelude::PluginEntry;
use farsend_tests::host::Host;
use farsend_tests::lab::{Machine, Need, Running, need, on_a_private_machine, preload, wait_until};
use serde_json::json;

/// Tells the test, started once more, that it is the host, and where its disk is.
const DISK: &str = "FARSEND_TESTS_DISK";
/// Disks: one that answers, one with takes that do not, one with settings that do not.
const GOOD: &str = "good";
const BAD_TAKES: &str = "bad-takes";
const BAD_HOME: &str = "bad-home";
/// The folder for which the disk does not answer is called so; beside it are files with these names.
const HUNG: &str = "hung";
const ASKED: &str = "asked";
const LET_GO: &str = "let-go";

const RATE: u32 = 48_000;
const BLOCK: u32 = 480;
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_host_that_unloads_the_plugin_while_a_disk_holds_a_thread_of_it_lives_on() {
    on_a_private_machine(&[Need::Compiler], |machine| {
        if let Some(disk) = std::env::var_os(DISK) {
            return be_the_host(Path::new(&disk));
        }
        for (disk, outcome) in [(GOOD, "is gone"), (BAD_TAKES, "stays"), (BAD_HOME, "stays")] {
            let host = started(machine, disk);
            assert!(host.contains(outcome), "{disk}: {host}");
        }
    });
}

/// What a host says that is started with this disk.
fn started(machine: &Machine, disk: &str) -> String {
    let folder = machine.path(disk);
    std::fs::create_dir_all(folder.join(HUNG)).expect("the test's folder is writable");
    if disk == GOOD {
        std::fs::write(folder.join(LET_GO), "").expect("the test's folder is writable");
    }
    let test = std::thread::current();
    let mut command = Command::new(std::env::current_exe().expect("a running test has a path"));
    command
        .args(["--exact", test.name().expect("tests have names")])
        .args(["--nocapture", "--test-threads=1"])
        .env(DISK, &folder)
        .env("XDG_CONFIG_HOME", folder.join(HUNG))
        .env("LD_PRELOAD", preload::bad_disk(machine));
    let mut host = Running::start(machine, disk, &mut command);
    let code = host.wait_exit_code(Duration::from_secs(40));
    assert_eq!(code, 0, "{}", host.output());
    host.output()
}

fn be_the_host(disk: &Path) {
    let plugin = need::own_plugin();
    let library = load(&plugin);
    // On a thread that ends: one that is there and has used the library keeps it loaded.
    let (file, folder) = (plugin.clone(), disk.to_owned());
    let user = std::thread::spawn(move || use_it(&file, &folder));
    user.join().expect("it can be used");
    drop(library);
    let stays = is_loaded(&plugin);
    // The thread that waited goes on, and ends in the library's code.
    std::fs::write(disk.join(LET_GO), "").expect("the folder is writable");
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

/// Has an instance read the takes, or look for a password; then it is removed.
fn use_it(plugin: &Path, folder: &Path) {
    let mut host = Host::load(plugin).expect("it can be loaded");
    let session = match folder.ends_with(BAD_HOME) {
        true => json!({ "connected": true, "role": "member", "host": "127.0.0.1", "user": "ann" }),
        false => json!({ "share": HUNG, "takes": folder }),
    };
    host.want_session(&session).expect("it has a state");
    let (begun, asked) = (Instant::now(), folder.join(ASKED));
    let more = |_| {
        std::thread::sleep(Duration::from_millis(1));
        !asked.exists() && begun.elapsed() < LIMIT
    };
    host.render(RATE, BLOCK, more).expect("it renders");
    assert!(asked.exists(), "nothing was looked for");
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
