//! Takes on a disk that is full, and on one that may not be written: the list says so, the audio goes on, and later takes work again. Takes some seconds: a
//! real disk has to fill up.

use std::path::Path;
use std::process::Command;

use farsend_ipc::message::{SessionState, Take, TakeState, TakeWishes};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::instance::{Host, Instance, call, engine};
use farsend_tests::lab::on_a_private_machine;

const PORT: u16 = 4464;
const VOICE: [f32; 2] = [0.25; 2];

#[test]
fn a_disk_that_is_full_or_may_not_be_written_is_told_of_and_what_is_recorded_later_is_there() {
    on_a_private_machine(&[], |machine| {
        let disk = machine.path("disk");
        std::fs::create_dir(&disk).expect("the test's folder is writable");
        mount(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"], &disk);
        let _engine = engine(machine);
        let _far = Farsend::start_looping(
            machine,
            &["-n", "2", "-q", "8", "--rate", "22050", "--period", "256"],
        );
        let mut host = Host::default();
        host.instances
            .push(Instance::new(&call(PORT, Some("Band")), &VOICE));
        host.instances[0].want_takes(&TakeWishes {
            record: true,
            folder: disk.to_string_lossy().into_owned(),
        });
        host.play_until("they are connected", |all| {
            matches!(all[0].state, Some(SessionState::Connected { .. }))
        });

        take(&mut host, "the disk is full", |files| {
            files.len() >= 2 && files.iter().all(|file| says(file, "The disk is full"))
        });
        still_hears(&mut host);
        let files = std::fs::read_dir(disk.join("Band")).expect("what was recorded is there");
        for file in files {
            let path = file.expect("it can be read").path();
            let reader = hound::WavReader::open(&path).expect("it is whole as far as it goes");
            assert!(reader.duration() > 0, "{}", path.display());
            std::fs::remove_file(path).expect("it is there");
        }
        records_again(&mut host);

        mount(&["-o", "remount,ro"], &disk);
        take(&mut host, "nothing may be written", |files| {
            files
                .iter()
                .any(|file| says(file, "Nothing may be written"))
        });
        still_hears(&mut host);
        mount(&["-o", "remount,rw"], &disk);
        records_again(&mut host);
        // The machine's folder is to be removed.
        run("umount", &["-l"], &disk);
    });
}

/// Rolls until it is so of the newest take's files, and stops.
fn take(host: &mut Host, what: &str, is_so: impl Fn(&[&Take]) -> bool) {
    let before = newest(&host.instances);
    host.instances[0].rolls_at = Some(0);
    host.play_until(what, |all| {
        let new = newest(all);
        let files = all[0].takes.iter().filter(|file| file.number == new);
        new > before && is_so(&files.collect::<Vec<_>>())
    });
    host.instances[0].rolls_at = None;
}

/// A take of a fifth of a second is complete.
fn records_again(host: &mut Host) {
    let before = newest(&host.instances);
    host.instances[0].rolls_at = Some(0);
    host.play_until("it has rolled", |all| {
        all[0].rolls_at.is_some_and(|at| at > 4410)
    });
    host.instances[0].rolls_at = None;
    host.play_until("both files are done", |all| {
        let new = newest(all);
        let mut files = all[0].takes.iter().filter(|file| file.number == new);
        let done = |file: &Take| file.state == TakeState::Done;
        new > before && files.clone().count() >= 2 && files.all(done)
    });
}

fn still_hears(host: &mut Host) {
    host.play_until("the far end is heard", |all| all[0].hears(&VOICE));
}

fn newest(all: &[Instance]) -> u32 {
    let numbers = all[0].takes.iter().map(|file| file.number);
    numbers.max().unwrap_or(0)
}

fn says(file: &Take, what: &str) -> bool {
    matches!(&file.state, TakeState::Failed(why) if why.contains(what))
}

fn mount(arguments: &[&str], folder: &Path) {
    run("mount", arguments, folder);
}

fn run(program: &str, arguments: &[&str], folder: &Path) {
    let status = Command::new(program).args(arguments).arg(folder).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{program} {arguments:?}"
    );
}
