//! The power goes at any write.

use std::sync::Arc;

use super::{Contents, Disk, IO, Refuse, cut_everywhere, empty_store, on_failing_disk, step};
use crate::{backend::Backend, redb::engine::Engine};

/// Every prefix of what reaches the disk, with several choices of which unsynced writes survive the cut.
#[test]
fn a_power_cut_at_any_write_keeps_every_acknowledged_commit() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    // (length of the log when it was acknowledged, what was in the store then)
    let mut acknowledged = vec![(disk.state().log.len(), contents.clone())];
    let first = acknowledged[0].0;
    for n in 0..8 {
        let batch = step(n, &mut contents);
        engine.commit(std::iter::once(&batch)).unwrap();
        acknowledged.push((disk.state().log.len(), contents.clone()));
    }
    engine.close().unwrap();
    let log = disk.state().log.clone();
    acknowledged.push((log.len(), contents));

    let cuts = cut_everywhere(&[], first, &log, &acknowledged);
    assert!(cuts > 100, "only {cuts} cuts tried");
}

/// After a clean end and after a kill at any commit; the file of the latter is cut to what is in use.
#[test]
fn a_power_cut_while_a_store_is_opened_keeps_every_acknowledged_commit() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    let mut images = Vec::new();
    for n in 0..8 {
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
        images.push((disk.state().bytes.clone(), contents.clone()));
    }
    engine.close().unwrap();
    images.push((disk.state().bytes.clone(), contents));
    let mut cuts = 0;
    for (image, contents) in images {
        let disk = Disk::with(image.clone());
        let mut engine = Engine::open(Arc::new(disk.clone())).unwrap();
        assert!(disk.state().log.is_empty(), "opening has written");
        engine.publish().unwrap();
        let log = disk.state().log.clone();
        cuts += cut_everywhere(&image, 0, &log, &[(0, contents)]);
    }
    assert!(cuts > 100, "only {cuts} cuts tried");
}

/// A commit fails, is taken back and tried again; the power goes at any time in between.
#[tokio::test]
async fn a_power_cut_while_a_failed_commit_is_taken_back_keeps_what_was_acknowledged() {
    let image = empty_store();
    let mut cuts = 0;
    let once = (0..24).flat_map(|from| [(from, true, None), (from, false, None)]);
    let twice = (0..12).step_by(3).flat_map(|from| (0..20).map(move |later| (from, false, Some(later))));
    for (from, but_does, again) in once.chain(twice) {
        let refuse = Refuse { from, times: 1, errno: IO, but_does, seen: 0, again };
        let (disk, backend) = on_failing_disk(&image, refuse);
        let mut contents = Contents::new();
        let mut acknowledged = vec![(disk.state().log.len(), contents.clone())];
        for n in 0..2 {
            let mut after = contents.clone();
            let batch = step(n, &mut after);
            while backend.commit(batch.clone()).await.is_err() {}
            contents = after;
            acknowledged.push((disk.state().log.len(), contents.clone()));
        }
        let log = disk.state().log.clone();
        cuts += cut_everywhere(&image, acknowledged[0].0, &log, &acknowledged);
    }
    assert!(cuts > 1000, "only {cuts} cuts tried");
}
