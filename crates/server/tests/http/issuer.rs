//! The issuer's API: each file is about the routes that it is named after.

mod audit;
mod auth;
mod body;
mod clients;
mod docs;
mod faults;
mod issue;
mod keys;
mod observe;
mod openapi;
mod register;
mod renew;
mod revoke;
mod support;
mod verify;
