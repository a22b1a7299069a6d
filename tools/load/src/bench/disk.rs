//! Syncs: what the operating system counts of them for the disk below the scratch folder. The count is the whole machine's, so that the
//! machine must be quiet while it is read.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::output::Fault;

/// Where a disk counts the flushes that it has done: the 16th number of its stat file (Documentation/block/stat.rst of Linux).
const FLUSHES: usize = 15;

/// The disk below a folder.
pub(crate) struct Disk {
    /// None where there is no such file: tmpfs, overlays, btrfs.
    stat: Option<PathBuf>,
}

impl Disk {
    /// The disk that holds `folder`; for a partition the whole of it, since flushes are not counted for its parts.
    ///
    /// # Errors
    /// `folder` is not there.
    pub(crate) fn below(folder: &Path) -> Result<Self, Fault> {
        let (major, minor) = numbers(fs::metadata(folder)?.dev());
        // A symbolic link into the tree of devices, in which a partition lies in its disk's folder.
        let device = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok();
        let disk = device.and_then(|device| match device.join("partition").exists() {
            true => device.parent().map(Path::to_owned),
            false => Some(device),
        });
        Ok(Self { stat: disk.map(|disk| disk.join("stat")) })
    }

    /// Flushes completed since the machine started; none where they are not counted.
    pub(crate) fn flushes(&self) -> Option<u64> {
        flushes(&fs::read_to_string(self.stat.as_ref()?).ok()?)
    }
}

/// A disk that has never flushed does not count flushes (device mapper, loops) or needs none (no volatile cache).
fn flushes(stat: &str) -> Option<u64> {
    stat.split_whitespace().nth(FLUSHES)?.parse().ok().filter(|count| *count > 0)
}

/// Major and minor number in `st_dev`, as Linux lays them out.
fn numbers(device: u64) -> (u64, u64) {
    let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
    let minor = device & 0xff | (device >> 12) & !0xff;
    (major, minor & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIRTIO: &str = " 2603766   145544 101317290 10219805  5036706  1091545 392994608  2633657        0   712956 13087374   \
        758693       73 253478304   129621  1296790   104289\n";

    #[test]
    fn flushes_are_the_sixteenth_number() {
        assert_eq!(flushes(VIRTIO), Some(1_296_790));
    }

    #[test]
    fn a_disk_without_a_count_has_none() {
        let before_linux_5_5 = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n";
        let never_flushed = "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
        for stat in ["", "no numbers", before_linux_5_5, never_flushed] {
            assert_eq!(flushes(stat), None, "{stat:?}");
        }
    }

    #[test]
    fn device_numbers_are_laid_out_as_linux_does() {
        for (device, expected) in [
            (0x2a, (0, 42)),
            (0x0801, (8, 1)),
            (0xfe00, (254, 0)),
            (0x11_0305, (259, 0x105)),
            (0x1000_0000_0700, (0x1007, 0)),
        ] {
            assert_eq!(numbers(device), expected, "{device:x}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_disk() {
        assert!(Disk::below(Path::new("/no/such/folder")).is_err());
    }
}
