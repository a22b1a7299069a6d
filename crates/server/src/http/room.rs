//! Room for connections: at most so many of a listener, at most so many of a source, and who goes when somebody else needs the place.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::sources::network;
use tokio::task::Id;
use tokio::time::Instant;
use tracing::warn;

use super::link::Link;

/// Between two warnings of the same kind.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Whether a connection may come in.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// Now.
    Granted,
    /// Once one of those inside has ended.
    Later,
    /// Not at all: its source has as many as it may, and uses all of them.
    Refused,
}

/// The connections of one listener.
#[derive(Debug)]
pub(super) struct Room {
    max: usize,
    max_per_source: usize,
    inside: HashMap<Id, Guest>,
    counts: HashMap<IpAddr, usize>,
    crowded: Warning,
    greedy: Warning,
}

#[derive(Debug)]
struct Guest {
    link: Arc<Link>,
    /// Nothing for a trusted proxy, which speaks for many.
    source: Option<IpAddr>,
}

impl Room {
    pub(super) fn new(max: usize, max_per_source: usize) -> Self {
        Self {
            max: max.max(1),
            max_per_source: max_per_source.max(1),
            inside: HashMap::new(),
            counts: HashMap::new(),
            crowded: Warning::default(),
            greedy: Warning::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.inside.len()
    }

    /// Whether a connection of `source` may come in. Where there is no room, the one that has been idle longest is asked to go; its own
    /// one, where it is the source that has too many.
    pub(super) fn admit(&mut self, source: Option<IpAddr>) -> Admission {
        let source = source.map(network);
        let own = source.filter(|source| self.of(*source) >= self.max_per_source);
        if own.is_none() && self.inside.len() < self.max {
            return Admission::Granted;
        }
        let among = || self.inside.values().filter(|guest| own.is_none() || guest.source == own);
        if among().any(|guest| guest.link.is_dismissed()) {
            return Admission::Later;
        }
        let idle = among().filter(|guest| guest.link.can_go()).min_by_key(|guest| guest.link.still_since());
        let made_room = idle.is_some();
        if let Some(guest) = idle {
            guest.link.dismiss();
        }
        match own {
            Some(source) => {
                if let Some(times) = self.greedy.due() {
                    warn!(%source, times, limit = self.max_per_source, "a source has as many connections as it may; its idle ones are closed, and new ones beyond them refused (http.max_connections_per_source)");
                }
                if made_room { Admission::Later } else { Admission::Refused }
            }
            None => {
                if let Some(times) = self.crowded.due() {
                    warn!(
                        times,
                        limit = self.max,
                        "there is no room for more connections; those that have been idle longest are closed"
                    );
                }
                Admission::Later
            }
        }
    }

    /// Notes a connection of `source`.
    pub(super) fn enter(&mut self, id: Id, link: Arc<Link>, source: Option<IpAddr>) {
        let source = source.map(network);
        if let Some(source) = source {
            let count = self.counts.entry(source).or_default();
            *count = count.saturating_add(1);
        }
        self.inside.insert(id, Guest { link, source });
    }

    /// Forgets a connection that has ended.
    pub(super) fn leave(&mut self, id: Id) {
        let Some(source) = self.inside.remove(&id).and_then(|guest| guest.source) else { return };
        if let Some(count) = self.counts.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&source);
            }
        }
    }

    fn of(&self, source: IpAddr) -> usize {
        self.counts.get(&source).copied().unwrap_or_default()
    }
}

/// Something that is worth a line once in a while.
#[derive(Debug, Default)]
struct Warning {
    last: Option<Instant>,
    times: u64,
}

impl Warning {
    /// Counts once more; how often since the last line, where one is due again.
    fn due(&mut self) -> Option<u64> {
        self.times = self.times.saturating_add(1);
        if self.last.is_some_and(|last| last.elapsed() < WARNING_INTERVAL) {
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hall {
        room: Room,
        epoch: Instant,
        links: Vec<Arc<Link>>,
    }

    impl Hall {
        fn new(max: usize, max_per_source: usize) -> Self {
            Self { room: Room::new(max, max_per_source), epoch: Instant::now(), links: Vec::new() }
        }

        /// A connection comes in, and a second passes.
        async fn enter(&mut self, source: Option<&str>) -> Id {
            let link = Arc::new(Link::new(self.epoch));
            let id = tokio::spawn(async {}).id();
            self.room.enter(id, Arc::clone(&link), source.map(|source| source.parse().unwrap()));
            self.links.push(link);
            tokio::time::advance(Duration::from_secs(1)).await;
            id
        }

        fn admit(&mut self, source: &str) -> Admission {
            self.room.admit(Some(source.parse().unwrap()))
        }

        fn dismissed(&self) -> Vec<usize> {
            (0..self.links.len()).filter(|at| self.links[*at].is_dismissed()).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_has_been_idle_longest_makes_room() {
        let mut hall = Hall::new(3, 3);
        let mut ids = Vec::new();
        for source in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
            assert_eq!(hall.admit(source), Admission::Granted);
            ids.push(hall.enter(Some(source)).await);
        }
        // The first has asked something since, and the second waits for an answer.
        hall.links[0].moved();
        hall.links[1].begin(false);
        for _ in 0..2 {
            assert_eq!(hall.admit("10.0.0.4"), Admission::Later);
            assert_eq!(hall.dismissed(), [2]);
        }
        hall.room.leave(ids[2]);
        assert_eq!((hall.admit("10.0.0.4"), hall.room.len()), (Admission::Granted, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_who_is_served_makes_room() {
        let mut hall = Hall::new(2, 2);
        for source in ["10.0.0.1", "10.0.0.2"] {
            hall.enter(Some(source)).await;
        }
        hall.links[0].begin(false);
        hall.links[1].begin_answer();
        hall.links[1].moved();
        assert_eq!((hall.admit("10.0.0.3"), hall.dismissed()), (Admission::Later, vec![]));
        // An answer that its peer does not take is no service.
        tokio::time::advance(STILL).await;
        assert_eq!((hall.admit("10.0.0.3"), hall.dismissed()), (Admission::Later, vec![1]));
    }

    const STILL: Duration = Duration::from_secs(6);

    #[tokio::test(start_paused = true)]
    async fn a_source_has_a_limit_and_takes_no_place_of_others() {
        let mut hall = Hall::new(10, 2);
        hall.enter(Some("10.0.0.9")).await;
        for _ in 0..2 {
            assert_eq!(hall.admit("2001:db8::1"), Admission::Granted);
            hall.enter(Some("2001:db8::1")).await;
        }
        assert_eq!((hall.admit("2001:db8::ffff"), hall.dismissed()), (Admission::Later, vec![1]));
        assert_eq!(hall.admit("2001:db8:0:1::1"), Admission::Granted);
        assert_eq!(hall.admit("10.0.0.9"), Admission::Granted);

        let mut busy = Hall::new(10, 1);
        let id = busy.enter(Some("10.0.0.1")).await;
        busy.links[0].begin(false);
        assert_eq!(busy.admit("::ffff:10.0.0.1"), Admission::Refused);
        busy.room.leave(id);
        assert_eq!(busy.admit("10.0.0.1"), Admission::Granted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trusted_proxy_has_no_limit_of_a_source() {
        let mut hall = Hall::new(3, 1);
        for _ in 0..3 {
            assert_eq!(hall.room.admit(None), Admission::Granted);
            hall.enter(None).await;
        }
        assert_eq!(hall.room.admit(None), Admission::Later);
    }

    #[tokio::test(start_paused = true)]
    async fn warnings_come_once_a_minute_with_the_number_of_times() {
        let mut warning = Warning::default();
        assert_eq!((warning.due(), warning.due(), warning.due()), (Some(1), None, None));
        tokio::time::advance(WARNING_INTERVAL).await;
        assert_eq!(warning.due(), Some(3));
    }
}
