//! What the process does before it touches a secret, so that memory with keys and passwords reaches no disk.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

use super::failure;

/// No core dump holds the memory of this process, and no debugger of the same user reads it: `prctl(PR_SET_DUMPABLE)` of Linux, and a
/// limit of zero for cores. For every command.
pub(super) fn forbid_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let forbidden =
        set_dumpable_behavior(DumpableBehavior::NotDumpable).and_then(|()| setrlimit(Resource::Core, none));
    if let Err(error) = forbidden {
        failure::warn(format_args!("core dumps cannot be forbidden ({error}): they would hold secrets"));
    }
}

/// Keeps the memory of a server out of swap, where the limit of locked memory is `unlimited`. Under any other limit a later allocation
/// would fail, so nothing is locked then.
pub(super) fn lock_memory() {
    if getrlimit(Resource::Memlock).current.is_some() {
        tracing::info!(
            "memory may be swapped out: the limit of locked memory (`ulimit -l`, LimitMEMLOCK) is not unlimited"
        );
        return;
    }
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    if let Err(error) = mlockall(flags) {
        tracing::warn!(%error, "memory cannot be locked, so it may be swapped out");
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::dumpable_behavior;

    use super::*;

    #[test]
    fn no_core_is_dumped() {
        forbid_core_dumps();
        assert!(matches!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable)));
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }
}
