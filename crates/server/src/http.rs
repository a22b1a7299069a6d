//! HTTP: the listener, the layers around every API, and the APIs.

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
mod observe;
mod openapi;
mod paths;
pub mod proxies;
mod room;
pub mod signer;
pub mod source;
pub mod utility;

pub use budget::{Budget, SMALL_BODY};
pub use limits::Limits;
pub use listener::serve;
pub(crate) use paths::percent_decode;
