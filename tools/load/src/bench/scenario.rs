//! Scenarios: what is asked of which server, and the floor that it is held against.

pub(crate) mod expected;
pub(crate) mod issuer;
mod signer;
pub(crate) mod worlds;

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::bench::disk::Disk;
use crate::bench::floor::{self, Work};
use crate::bench::load::{self, Arrival, Load, User};
use crate::bench::server::Server;
use crate::output::Fault;

/// Time of the floor in each round, and of load before the first one: at most half of a round's.
const FLOOR_TIME: Duration = Duration::from_millis(300);
/// What a loop over nothing takes: a ratio to that says nothing.
const NO_FLOOR_US: f64 = 1.0;
const WARM_TIME: Duration = Duration::from_millis(300);

/// A server that is prepared for some scenarios.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) scenarios: Vec<Scenario>,
    /// The disk that the server writes to.
    pub(crate) disk: Disk,
    /// Resident memory before the first scenario.
    pub(crate) idle_kib: u64,
    /// The scratch folder; it goes away with the world.
    _folder: tempfile::TempDir,
}

impl World {
    fn new(server: Server, scenarios: Vec<Scenario>, folder: tempfile::TempDir) -> Result<Self, Fault> {
        let (disk, idle_kib) = (Disk::below(folder.path())?, server.process.resident_kib()?);
        Ok(Self { server, scenarios, disk, idle_kib, _folder: folder })
    }
}

/// Makes that many users, each for a connection of its own.
pub(crate) type Users = Box<dyn Fn(usize) -> Result<Vec<Box<dyn User>>, Fault>>;

/// One kind of request.
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// Where the requests go: `IP:PORT`.
    pub(crate) address: String,
    /// Numbers of connections to measure with.
    pub(crate) connections: Vec<usize>,
    pub(crate) users: Users,
    pub(crate) floor: Work,
}

/// What was measured.
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) connections: usize,
    /// Microseconds: medians over the rounds.
    pub(crate) server_us: f64,
    pub(crate) floor_us: f64,
    /// Median, least and greatest of the rounds' own ratios; none where the floor is nothing.
    pub(crate) ratio: Option<[f64; 3]>,
    pub(crate) per_second: f64,
    pub(crate) latency: Histogram<u64>,
    /// Latencies at half of the rate of the closed loop.
    pub(crate) half_load: Option<Histogram<u64>>,
    pub(crate) resident_kib: u64,
    pub(crate) written_per_request: f64,
    /// None where the disk does not count them.
    pub(crate) syncs_per_request: Option<f64>,
}

impl Row {
    /// The scenario and its load.
    pub(crate) fn name(&self) -> String {
        format!("{}, {} at once", self.scenario, self.connections)
    }
}

impl Scenario {
    /// Floor and server in turns.
    pub(crate) fn measure(
        &mut self,
        (server, disk): (&Server, &Disk),
        connections: usize,
        rounds: usize,
        time: Duration,
    ) -> Result<Row, Fault> {
        let (warm, floor_time) = ((time / 2).min(WARM_TIME), (time / 2).min(FLOOR_TIME));
        load::run(&self.address, (self.users)(connections)?, Arrival::Closed, warm)?;

        let (mut floors, mut costs, mut ratios, mut rates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut latency: Option<Histogram<u64>> = None;
        let (mut requests, written) = (0_u64, server.process.written()?);
        let mut syncs = Some(0_u64);
        for _ in 0..rounds {
            let floor = floor::measure(&mut self.floor, floor_time)?;
            // What it takes to prepare the users does not count.
            let users = (self.users)(connections)?;
            let (before, flushes) = (server.process.cpu()?, disk.flushes());
            let load = load::run(&self.address, users, Arrival::Closed, time)?;
            let spent = server.process.cpu()?.saturating_sub(before);
            let flushed = disk.flushes().zip(flushes).map(|(after, before)| after.saturating_sub(before));
            syncs = syncs.zip(flushed).map(|(all, these)| all.saturating_add(these));
            let cost = spent.as_secs_f64() * 1e6 / load.requests as f64;
            floors.push(floor);
            costs.push(cost);
            ratios.push(cost / floor);
            rates.push(load.per_second());
            requests = requests.saturating_add(load.requests);
            merge(&mut latency, load)?;
        }
        let written = server.process.written()?.saturating_sub(written);
        let half = Arrival::Rate(median(&rates) / 2.0);
        let half_load = match connections {
            1 => None,
            _ => Some(load::run(&self.address, (self.users)(connections)?, half, time)?.latency),
        };
        let floor_us = median(&floors);
        Ok(Row {
            scenario: self.name.clone(),
            connections,
            server_us: median(&costs),
            floor_us,
            ratio: (floor_us > NO_FLOOR_US).then(|| [median(&ratios), least(&ratios), greatest(&ratios)]),
            per_second: median(&rates),
            latency: latency.ok_or("no rounds")?,
            half_load,
            resident_kib: server.process.resident_kib()?,
            written_per_request: written as f64 / requests as f64,
            syncs_per_request: syncs.map(|syncs| syncs as f64 / requests as f64),
        })
    }
}

fn merge(into: &mut Option<Histogram<u64>>, load: Load) -> Result<(), Fault> {
    match into {
        Some(all) => all.add(load.latency)?,
        None => *into = Some(load.latency),
    }
    Ok(())
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn greatest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
