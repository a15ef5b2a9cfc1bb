//! Disks that are full, folders that may not be written or go away: told in the list, and the next take works again.

use std::cell::Cell;
use std::io;
use std::path::Path;

use farsend_ipc::message::{Take, TakeState};

use super::{BLOCK, RATE, Rig, read, sent};
use crate::record::{Disk, DiskFile, Folder};
use crate::takes::tap::Way;

thread_local! {
    /// Bytes that the disk still has room for.
    static ROOM: Cell<u64> = const { Cell::new(u64::MAX) };
    /// Why no file can be made.
    static REFUSES: Cell<Option<io::ErrorKind>> = const { Cell::new(None) };
}

/// A real folder, on a disk that is in trouble when the test wants it.
#[derive(Debug)]
struct Troubled(Folder);

#[derive(Debug)]
struct TroubledFile {
    file: Box<dyn DiskFile>,
    end: u64,
}

impl Disk for Troubled {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        match REFUSES.get() {
            Some(why) => Err(why.into()),
            None => Ok(counted(self.0.create(name)?, 0)),
        }
    }

    fn reopen(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let end = std::fs::metadata(self.0.0.join(name)).map_or(0, |about| about.len());
        Ok(counted(self.0.reopen(name)?, end))
    }

    fn free(&self) -> Option<u64> {
        Some(ROOM.get())
    }
}

fn counted(file: Box<dyn DiskFile>, end: u64) -> Box<dyn DiskFile> {
    Box::new(TroubledFile { file, end })
}

impl DiskFile for TroubledFile {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let end = at + bytes.len() as u64;
        let more = end.saturating_sub(self.end);
        let room = ROOM.get();
        if more > room {
            // Part of it may be there.
            _ = self.file.write_at(at, &bytes[..bytes.len() / 2]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        ROOM.set(room - more);
        self.end = self.end.max(end);
        self.file.write_at(at, bytes)
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        // What was not written takes no room.
        self.end = self.end.min(bytes);
        self.file.set_len(bytes)
    }
}

fn troubled() -> Rig {
    let mut rig = Rig::new();
    let clerk = rig.clerk.take().expect("it is new");
    rig.clerk = Some(clerk.on(|folder: &Path| Box::new(Troubled(Folder(folder.to_owned())))));
    rig
}

fn why(take: &Take) -> &str {
    match &take.state {
        TakeState::Failed(why) => why,
        _ => "",
    }
}

/// Rolls from the timeline's beginning for so many blocks, and waits until the take is over.
fn take(rig: &mut Rig, blocks: i64) {
    rig.roll(Some(0));
    rig.play(blocks);
    rig.roll(None);
    rig.play(400);
}

fn files(rig: &Rig) -> usize {
    let entries = std::fs::read_dir(rig.folder.path().join("band"));
    entries.map_or(0, Iterator::count)
}

/// The last take is whole.
fn assert_works_again(rig: &mut Rig) {
    let from = rig.block * BLOCK;
    take(rig, 100);
    for player in ["Ann", "send"] {
        let takes = rig.takes(player);
        let last = takes.last().expect("there is one");
        assert_eq!(
            (&last.state, last.missing, last.frames),
            (&TakeState::Done, 0, 8000),
            "{takes:?}"
        );
        assert_eq!(read(&last.path), sent(from, 8000));
    }
}

#[test]
fn what_was_recorded_before_the_disk_was_full_is_there_and_the_next_take_has_room_again() {
    let mut rig = troubled();
    rig.play(50);
    ROOM.set(60_000);
    rig.roll(Some(48_000));
    rig.play(400);
    // While it still rolls.
    for player in ["Ann", "send"] {
        let takes = rig.takes(player);
        assert!(why(&takes[0]).contains("The disk is full"), "{takes:?}");
    }
    rig.roll(None);
    rig.play(400);
    for player in ["Ann", "send"] {
        let take = &rig.takes(player)[0];
        assert!(why(take).contains("The disk is full"), "{take}");
        assert!((2000..30_000).contains(&take.frames), "{take:?}");
        assert_eq!(take.begins, 48_000);
        let samples = read(&take.path);
        assert_eq!(samples.len() as u64, take.frames);
        assert_eq!(samples, sent(50 * BLOCK, take.frames as usize));
        assert_eq!(super::time_reference(&take.path), 48_000);
    }
    ROOM.set(u64::MAX);
    assert_works_again(&mut rig);
}

#[test]
fn where_there_is_no_room_at_all_nothing_is_left_and_a_loop_is_one_line_of_the_list() {
    let mut rig = troubled();
    rig.play(50);
    ROOM.set(100);
    for _ in 0..5 {
        rig.roll(Some(0));
        rig.play(50);
    }
    rig.roll(None);
    rig.play(400);
    let takes = rig.book.since(0);
    assert_eq!(takes.len(), 1, "{takes:?}");
    assert!(why(&takes[0]).contains("The disk is full"), "{takes:?}");
    assert_eq!((takes[0].number, files(&rig)), (5, 0));
    ROOM.set(u64::MAX);
    assert_works_again(&mut rig);
}

#[test]
fn a_folder_that_may_not_be_written_is_told_of() {
    for kind in [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::ReadOnlyFilesystem,
    ] {
        let mut rig = troubled();
        rig.play(50);
        REFUSES.set(Some(kind));
        take(&mut rig, 100);
        let takes = rig.book.since(0);
        assert!(
            why(&takes[0]).contains("Nothing may be written in"),
            "{takes:?}"
        );
        REFUSES.set(None);
        assert_works_again(&mut rig);
    }
}

#[test]
fn where_the_far_ends_file_cannot_be_made_the_one_that_was_sent_is_completed() {
    let mut rig = troubled();
    rig.exact = false;
    rig.play(50);
    rig.roll(Some(0));
    // Where the far end's belongs is not known yet.
    rig.play(100);
    assert_eq!(rig.takes("send").len(), 1);
    REFUSES.set(Some(io::ErrorKind::StorageFull));
    for _ in 0..40 {
        rig.play(10);
        let position = (rig.block * BLOCK) as u64;
        rig.tap().came(position, 1000, None);
    }
    REFUSES.set(None);
    rig.roll(None);
    rig.play(400);
    let theirs = rig.takes("Ann");
    assert!(why(&theirs[0]).contains("The disk is full"), "{theirs:?}");
    let ours = &rig.takes("send")[0];
    assert_eq!((&ours.state, ours.frames), (&TakeState::Done, 500 * 80));
    assert_eq!(read(&ours.path), sent(50 * BLOCK, 40_000));
}

#[test]
fn a_file_that_is_removed_while_it_is_recorded_is_told_of_and_the_folder_is_not_blamed() {
    let mut rig = troubled();
    rig.play(50);
    rig.roll(Some(0));
    rig.play(300);
    let path = rig.takes("Ann")[0].path.clone();
    std::fs::remove_file(path).expect("it is there");
    rig.play(300);
    let [theirs, ours] = ["Ann", "send"].map(|player| rig.takes(player)[0].clone());
    assert!(why(&theirs).contains("was removed"), "{theirs}");
    assert_eq!(ours.state, TakeState::Recording);
    rig.roll(None);
    rig.play(400);
    assert_works_again(&mut rig);
}

#[test]
fn a_folder_that_went_away_in_mid_take_is_there_again_for_the_next() {
    let mut rig = troubled();
    rig.play(50);
    rig.roll(Some(0));
    rig.play(300);
    std::fs::remove_dir_all(rig.folder.path().join("band")).expect("it is there");
    rig.play(300);
    rig.roll(None);
    rig.play(400);
    for player in ["Ann", "send"] {
        let take = &rig.takes(player)[0];
        assert!(why(take).contains("Its folder has gone"), "{take}");
    }
    assert_works_again(&mut rig);
}

#[test]
fn a_take_that_was_moved_when_it_was_done_is_no_failure_and_gets_nothing_more() {
    let mut rig = troubled();
    rig.lost = |n| n % 50 == 20;
    rig.play(50);
    take(&mut rig, 400);
    let path = rig.takes("Ann")[0].path.clone();
    std::fs::rename(&path, format!("{path}.moved")).expect("it is there");
    rig.play(300);
    for n in (0..450).filter(|n| n % 50 == 20) {
        rig.hand_over(n, Way::Fetched);
    }
    rig.play(300);
    let take = &rig.takes("Ann")[0];
    assert_eq!((&take.state, take.missing), (&TakeState::Done, 8));
    assert!(!Path::new(&path).exists());
}

#[test]
fn a_take_for_whose_bending_there_is_no_room_is_left_as_it_came() {
    let mut rig = troubled();
    rig.roll_hearing(|step| step * 4);
    rig.play(10);
    ROOM.set(40_000);
    rig.play(400);
    ROOM.set(u64::MAX);
    let theirs = &rig.takes("Ann")[0];
    assert!(
        why(theirs).contains("laid along the timeline (The disk is full"),
        "{theirs}"
    );
    assert_eq!(files(&rig), 2);
    let seconds = read(&theirs.path).len() as f64 / f64::from(RATE.0);
    assert!((3.5..5.0).contains(&seconds), "{seconds}");
}

#[test]
fn a_far_end_that_begins_again_and_again_leaves_each_of_its_files_complete() {
    let mut rig = Rig::new();
    rig.play(100);
    rig.roll(Some(48_000));
    rig.play(200);
    for _ in 0..8 {
        rig.begins_anew = true;
        rig.play(10);
    }
    rig.roll(None);
    rig.play(400);
    let takes = rig.takes("Ann");
    assert_eq!(takes.len(), 2, "{takes:?}");
    for take in &takes {
        let told = (&take.state, take.begins, take.frames);
        assert_eq!(told, (&TakeState::Done, 48_000, 280 * BLOCK as u64));
    }
    let samples = read(&takes[0].path);
    assert_eq!(samples.len(), 280 * BLOCK as usize);
    let there = 150 * BLOCK as usize;
    assert_eq!(samples[..there], sent(100 * BLOCK, there));
}
