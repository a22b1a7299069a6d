//! The driver `file` and the import, on a real file system: the file of the engine, Signatory's copy both ways, what earlier releases left,
//! and what is refused.

mod copy;
mod earlier_release;
mod folder;
mod lost;
mod setup;
mod signatory;
