//! HTTP: the listener, the layers around every API, and the APIs.

mod bearer;
mod body;
mod budget;
mod connection;
pub mod door;
mod guarded;
pub mod issuer;
mod json;
mod layers;
mod limits;
mod link;
mod listener;
mod nowhere;
mod observe;
mod openapi;
pub mod proxies;
mod room;
pub mod signer;
pub mod source;
pub mod utility;

pub use budget::{Budget, SMALL_BODY};
pub use limits::Limits;
pub use listener::serve;
