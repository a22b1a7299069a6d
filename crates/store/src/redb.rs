//! The engine on redb: one file, pure Rust, one writing thread, readers that never wait.
//!
//! * `file`: the locked file.
//! * `lock`: the lock file beside it, which stays when the store file is replaced.
//! * `paths`: names beside it, and folders.
//! * `place`: whether the open file still is the one at its path.
//! * `contents`: the open file, and whether another program has written into it.
//! * `new_file`: putting a whole file into its place.
//! * `header`: which of redb's two commits is opened, and why.
//! * `stage`: what redb writes stays in memory until it may reach the file.
//! * `records`: reading the records of one commit.
//! * `error`: why the database could not do what it was asked.
//! * `slots`: the key slots, and what opens them.
//! * `start`: making and opening a store.
//! * `backend`: the engine behind an open store.
//! * `engine`: opening with proof of integrity, group commit.
//! * `writer`: the thread.
//! * `waiting`: who waits for it.
//! * `maintain`: info, check, change of password, backup, restore.
//! * `codec`: a record as a value.
//! * `commits`: the number of the latest commit.
//! * `witness`: the small file beside the store that knows the highest commit.
//! * `witness_place`: where it may be written.
//! * `restore`: a backup takes the place of a store.
//! * `read_only`: a store that is only read.

mod backend;
mod codec;
pub(crate) mod commits;
mod company;
mod contents;
mod engine;
mod error;
mod file;
mod header;
mod lock;
pub(crate) mod maintain;
mod new_file;
mod paths;
mod place;
mod read_only;
mod records;
pub(crate) mod restore;
mod slots;
mod stage;
mod start;
mod waiting;
pub(crate) mod witness;
pub(crate) mod witness_place;
mod writer;

#[cfg(test)]
mod disk_tests;

pub(crate) use self::{
    new_file::NewFile,
    slots::UnlockSecret,
    start::{open, open_unwitnessed, read, read_beside, stage},
};
