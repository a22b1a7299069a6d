//! Load on a server: some connections that each send the next request when the last is answered (closed loop), or requests at fixed
//! times whether or not the server keeps up (arrival rate; a late answer counts from the time at which it was due).

use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::bench::connection::{Answer, Connection};
use crate::clock::now;
use crate::output::Fault;

/// The resolution of the timer.
const TIMER: Duration = Duration::from_millis(1);

/// One user of the server: makes requests, and looks at the answers.
pub(crate) trait User: Send {
    /// The next request.
    fn request(&mut self) -> Vec<u8>;

    /// Takes the answer to it.
    fn answer(&mut self, answer: &Answer<'_>) -> Result<(), Fault>;
}

/// How requests come.
#[derive(Copy, Clone)]
pub(crate) enum Arrival {
    /// One after the other on each connection.
    Closed,
    /// So many each second over all connections.
    Rate(f64),
}

/// What a stretch of load was like.
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) took: Duration,
    /// Latencies in nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }
}

/// Runs all users for `time`, each on a connection of its own, on one thread: the server has the other ones.
pub(crate) fn run(
    address: &str,
    users: Vec<Box<dyn User>>,
    arrival: Arrival,
    time: Duration,
) -> Result<Load, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connections = Vec::new();
        for user in users {
            connections.push((Connection::open(address).await?, user));
        }
        let begin = now();
        let start = Instant::from_std(begin);
        let end = start + time;
        let count = connections.len();
        let mut tasks = JoinSet::new();
        for (index, (connection, user)) in connections.into_iter().enumerate() {
            let due = match arrival {
                Arrival::Closed => None,
                Arrival::Rate(rate) => {
                    let period = Duration::from_secs_f64(count as f64 / rate);
                    Some((start + period.mul_f64(index as f64 / count as f64), period))
                }
            };
            tasks.spawn(one(connection, user, due, end));
        }
        let mut latency = histogram()?;
        while let Some(done) = tasks.join_next().await {
            latency.add(done??)?;
        }
        Ok(Load { requests: latency.len(), took: begin.elapsed(), latency })
    })
}

async fn one(
    mut connection: Connection,
    mut user: Box<dyn User>,
    mut due: Option<(Instant, Duration)>,
    end: Instant,
) -> Result<Histogram<u64>, Fault> {
    let mut latency = histogram()?;
    loop {
        let begin = match &mut due {
            None => Instant::from_std(now()),
            Some((next, period)) => {
                let scheduled = *next;
                *next += *period;
                if scheduled < Instant::from_std(now()) {
                    // The answer before was late: this request has been waiting since it was due.
                    scheduled
                } else {
                    sleep_until(scheduled).await;
                    // That the timer wakes us a little late is not the server's doing; that we get no core may be.
                    Instant::from_std(now()).min(scheduled + TIMER)
                }
            }
        };
        if begin >= end {
            return Ok(latency);
        }
        let request = user.request();
        let answer = connection.exchange(&request).await?;
        user.answer(&answer)?;
        let took = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        latency.record(took)?;
    }
}

fn histogram() -> Result<Histogram<u64>, Fault> {
    // Up to a minute, to three digits.
    Ok(Histogram::new_with_bounds(1000, 60_000_000_000, 3)?)
}
