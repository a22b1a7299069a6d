//! Power cuts and failing disks, below the marks in files.
