//! Pauses after wrong passwords, per user and per source.

/// Who failed how often, and until when he has to wait. Bounded in size.
#[derive(Default, Debug)]
pub struct Lockout {
    _private: (),
}
