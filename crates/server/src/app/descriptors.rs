//! File descriptors, which a flood of connections must not take from the watermarks, the store and the policy hook.
//!
//! An operating system often gives 1,024 at first, and more to whoever asks. Connections get half of what there is: what they ask for needs
//! descriptors, too, and a watermark that cannot be written is a signature that is not given.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Kept for files that are always open, and for what runs beside requests.
const RESERVED: u64 = 64;
/// As many as can be of use: room for [`crate::http::Limits::max_connections`] on each listener, and as much again.
const ENOUGH: u64 = 32 * 1024;

/// Asks the operating system for as many descriptors as can be of use, and says how many connections each of `listeners` may have, at most
/// `wanted`.
pub(super) fn connections(listeners: u64, wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    let mut descriptors = limit.current.unwrap_or(ENOUGH);
    if descriptors < raised && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok()
    {
        descriptors = raised;
    }
    let share = share(descriptors, listeners, wanted);
    if share < wanted {
        warn!(
            descriptors,
            connections = share,
            "the limit of open files allows each listener fewer connections than usual; raise it (LimitNOFILE= in systemd, ulimit -n)"
        );
    }
    share
}

/// How many of `descriptors` each of `listeners` may spend on connections; always one, so that somebody is heard.
fn share(descriptors: u64, listeners: u64, wanted: usize) -> usize {
    let for_connections = descriptors.saturating_sub(RESERVED).checked_div(2).unwrap_or_default();
    let each = for_connections.checked_div(listeners.max(1)).unwrap_or_default().max(1);
    usize::try_from(each).unwrap_or(wanted).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_half_of_the_descriptors_that_are_not_reserved() {
        for (descriptors, listeners, expected) in [
            (0, 3, 1),
            (64, 3, 1),
            (256, 2, 48),
            (1024, 3, 160),
            (ENOUGH, 3, 4096),
            (u64::MAX, 1, 4096),
            (1024, 0, 480),
        ] {
            assert_eq!(share(descriptors, listeners, 4096), expected, "{descriptors} over {listeners}");
        }
    }
}
