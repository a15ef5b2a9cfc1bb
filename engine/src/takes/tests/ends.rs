//! Engines that end while takes are written: those that wait for it, and those that were killed before.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use farsend_ipc::message::TakeState;

use super::{Rig, read};
use crate::record::{Disk, DiskFile, Folder};
use crate::takes::Unwritten;

/// A real folder, on a disk that takes its time for what is written anew.
#[derive(Debug)]
struct Slow(Folder);

#[derive(Debug)]
struct SlowFile(Box<dyn DiskFile>);

impl Disk for Slow {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.0.create(name)?;
        Ok(match name.ends_with(".part") {
            true => Box::new(SlowFile(file)),
            false => file,
        })
    }

    fn reopen(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.0.reopen(name)
    }

    fn free(&self) -> Option<u64> {
        self.0.free()
    }
}

impl DiskFile for SlowFile {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        std::thread::sleep(Duration::from_millis(30));
        self.0.write_at(at, bytes)
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}

/// A far end whose queue grows while the host rolls, for some seconds.
fn bent(rig: &mut Rig) {
    rig.roll_hearing(|step| step * 4);
    rig.play(10);
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|it| it == "part"))
        .collect()
}

#[test]
fn an_end_waits_until_a_take_has_been_laid_along_the_timeline_however_slow_the_disk_is() {
    let mut rig = Rig::new();
    let clerk = rig.clerk.take().expect("it is new");
    rig.clerk = Some(clerk.on(|folder: &Path| Box::new(Slow(Folder(folder.to_owned())))));
    bent(&mut rig);
    // The session ends, and nobody joins the thread.
    rig.tap = None;
    let clerk = rig.clerk.take().expect("it is still there");
    drop(std::thread::spawn(move || clerk.run()));
    let folder = rig.folder.path().join("band");
    let begun = Instant::now();
    while parts(&folder).is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            rig.takes("Ann")
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Unwritten::new(Instant::now()).wait());
    let take = &rig.takes("Ann")[0];
    assert_eq!((&take.state, take.bent), (&TakeState::Done, true), "{take}");
    assert_eq!(read(&take.path).len() as u64, take.frames);
    assert!(parts(&folder).is_empty());
}

#[test]
fn what_a_killed_engine_has_left_of_a_take_goes_with_the_next_in_its_folder_and_nothing_else_does()
{
    let mut rig = Rig::new();
    bent(&mut rig);
    let folder = rig.folder.path().join("band");
    let take = PathBuf::from(&rig.takes("Ann")[0].path);
    let as_it_came = std::fs::read(&take).expect("it is there");
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("it may be written");
        path
    };
    let left = [
        put(
            "band - Ann - take 7 - 2026-11-21 21.37.05.part",
            &as_it_came[..3000],
        ),
        put("band - Ann - take 8 - 2026-11-21 21.37.09.part", b""),
    ];
    let others = [
        put(
            "band - Ben - take 7 - 2026-11-21 21.37.05.part",
            &as_it_came,
        ),
        put("film - take 2 - download.part", b"somebody else's"),
        put("notes.part", &as_it_came),
        put("band - Ann - take 7 - 2026-11-21 21.37.05.wav", &as_it_came),
    ];
    // One that is being written, by whichever engine.
    let held = File::open(&others[0]).expect("it is there");
    held.try_lock().expect("nobody else has it");

    let next = rig.beside("Cid");
    let (clerk, tap) = (next.clerk.expect("it is new"), next.tap);
    drop(tap);
    std::thread::spawn(move || clerk.run())
        .join()
        .expect("it ends");
    let there = |path: &PathBuf| path.exists();
    assert_eq!(left.iter().filter(|path| there(path)).count(), 0);
    assert!(others.iter().all(there), "{others:?}");
    assert_eq!(std::fs::read(take).expect("it is there"), as_it_came);
}
