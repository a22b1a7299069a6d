//! `soak`: load for a long time, and what grows meanwhile.
//!
//! First the server is loaded as much as it bears (closed loop); then each client at 70 % of what it did then, with requests at fixed times,
//! so that a late answer counts from when it was due. The clients are those of `crash`, and compare all answers as they do there.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use jwtis_testkit::random::Random;

use crate::clock::{now, wait};
use crate::endurance::book::Book;
use crate::endurance::connection::Connection;
use crate::endurance::flood;
use crate::endurance::server::{Server, WatermarkStorage, World};
use crate::endurance::worker::Worker;
use crate::output::{Fault, say};

/// Threads that use the issuer, and threads that use the signer.
const ISSUER_CLIENTS: usize = 6;
const SIGNER_CLIENTS: usize = 2;
const SHARE_OF_FULL_LOAD: f64 = 0.7;
/// In shorter runs one burst of other work on the machine is a third of the samples.
const LATENCY_COUNTS_FROM: Duration = Duration::from_secs(300);
/// Samples in a run, whatever its length.
const SAMPLES: u32 = 24;

/// Limits, from the first third of the samples to the last. Pages of the store are kept in memory as it grows, so many KiB at most.
const MEMORY_GROWTH_KIB: u64 = 24 * 1024;
const PAGES_KIB: u64 = 128 * 1024;
const DESCRIPTOR_GROWTH: usize = 4;
/// Records stay until a day after their tokens have expired: the file grows by so much for each answer of the run, no more.
const FILE_BYTES_AN_ANSWER: u64 = 1024;
const FILE_GROWTH_FREE: u64 = 4 << 20;

/// What was seen at one time.
#[derive(Debug)]
struct Sample {
    resident_kib: u64,
    descriptors: usize,
    file: u64,
    /// Processor time of the server so far, in units of 10 ms.
    /// Processor time so far.
    cpu: Duration,
    answers: usize,
    p50: Duration,
    p99: Duration,
}

/// Latencies since the last sample.
type Latencies = Mutex<Vec<Duration>>;

/// Runs for `time`.
pub(crate) fn run(binary: PathBuf, time: Duration) -> Result<(), Fault> {
    let world = World::new(binary, WatermarkStorage::Store, &[])?;
    let server = world.start()?;
    let book = Book::new(&world.bakers, &world.payer);
    let mut workers = Worker::several(&server, &world.admin, ISSUER_CLIENTS, 1)?;
    let load = Load { world: &world, server: &server, book: &book };

    let warm_up = (time / 6).clamp(Duration::from_secs(2), Duration::from_secs(20));
    let (_, full) = load.drive(&mut workers, None, warm_up, 1)?;
    // Some ask for what takes longer: each has its own pace.
    let rates: Vec<f64> =
        full.iter().map(|requests| SHARE_OF_FULL_LOAD * *requests as f64 / warm_up.as_secs_f64()).collect();
    let rate: f64 = rates.iter().sum();
    let full = rate / SHARE_OF_FULL_LOAD;
    say(&format!("soak: {full:.0} answers/s at full load; {rate:.0}/s for {} s", time.as_secs()))?;
    let (samples, _) = load.drive(&mut workers, Some(&rates), time, SAMPLES)?;

    let mut issuer = Connection::new(&server.issuer);
    let mut random = Random::new(2);
    let mut checks = book.check(&mut Connection::new(&server.signer))?;
    for worker in &mut workers {
        checks += worker.check(&mut issuer, &world.admin, &mut random)?;
    }
    let flooded = flood::run(&server, &world);
    server.process.kill()?;
    world.check_store()?;
    flooded?;
    judge(&samples, time >= LATENCY_COUNTS_FROM)?;
    say(&format!("soak: within all limits; {checks} comparisons at the end held; the store is whole"))
}

struct Load<'a> {
    world: &'a World,
    server: &'a Server,
    book: &'a Book,
}

impl Load<'_> {
    /// Loads the server for `time`: each client at its rate of requests each second, or as fast as the server answers. Gives what was seen,
    /// and how many requests each client made.
    fn drive(
        &self,
        workers: &mut [Worker],
        rates: Option<&[f64]>,
        time: Duration,
        samples: u32,
    ) -> Result<(Vec<Sample>, Vec<usize>), Fault> {
        let stop = &AtomicBool::new(false);
        let latencies = &Latencies::default();
        let period = |client: usize| {
            let rate = rates?.get(client).copied().unwrap_or_default();
            Some(Duration::from_secs_f64(1.0 / rate.max(0.1)))
        };
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for (number, worker) in workers.iter_mut().enumerate() {
                let (mut random, mut issuer) =
                    (Random::new(number as u64), Connection::new(&self.server.issuer));
                let period = period(number);
                threads.push(scope.spawn(move || {
                    paced(stop, latencies, period, &mut issuer, |issuer| {
                        worker.work(issuer, &self.world.admin, &mut random)
                    })
                }));
            }
            for number in 0..SIGNER_CLIENTS {
                let (mut random, mut signer) =
                    (Random::new(100 + number as u64), Connection::new(&self.server.signer));
                let period = period(ISSUER_CLIENTS + number);
                threads.push(scope.spawn(move || {
                    paced(stop, latencies, period, &mut signer, |signer| self.book.work(signer, &mut random))
                }));
            }
            let seen = (0..samples).map(|_| {
                wait(time / samples);
                self.sample(latencies)
            });
            let seen: Result<Vec<Sample>, Fault> = seen.collect();
            stop.store(true, Ordering::SeqCst);
            let mut requests = Vec::new();
            for thread in threads {
                requests.push(thread.join().map_err(|_| "a client panicked")??);
            }
            Ok((seen?, requests))
        })
    }

    fn sample(&self, latencies: &Latencies) -> Result<Sample, Fault> {
        let mut latencies = std::mem::take(&mut *latencies.lock().unwrap_or_else(PoisonError::into_inner));
        latencies.sort_unstable();
        let quantile = |per_cent: usize| latencies.get(latencies.len() * per_cent / 100).copied();
        let sample = Sample {
            resident_kib: self.server.process.resident_kib()?,
            descriptors: self.server.process.descriptors()?,
            file: self.world.store_bytes()?,
            cpu: self.server.process.cpu()?,
            answers: latencies.len(),
            p50: quantile(50).unwrap_or_default(),
            p99: quantile(99).unwrap_or_default(),
        };
        say(&format!(
            "{:>8} answers, p50 {:>6} us, p99 {:>6} us, memory {:>6} KiB, store {:>6} KiB, {} descriptors",
            sample.answers,
            sample.p50.as_micros(),
            sample.p99.as_micros(),
            sample.resident_kib,
            sample.file / 1024,
            sample.descriptors
        ))?;
        Ok(sample)
    }
}

/// Works until `stop`, once each `period`, or without a pause. Gives the number of requests.
fn paced(
    stop: &AtomicBool,
    latencies: &Latencies,
    period: Option<Duration>,
    connection: &mut Connection,
    mut work: impl FnMut(&mut Connection) -> Result<Option<()>, Fault>,
) -> Result<usize, Fault> {
    let mut requests = 0;
    let mut due = now();
    while !stop.load(Ordering::SeqCst) {
        let begin = match period {
            None => now(),
            Some(period) => {
                due += period;
                let early = due.saturating_duration_since(now());
                if early.is_zero() {
                    due
                } else {
                    wait(early);
                    now()
                }
            }
        };
        let before = connection.requests;
        // Some work needs no request: then the next does, in the same slot.
        while connection.requests == before {
            work(connection)?.ok_or("the server gave no answer")?;
        }
        requests += 1;
        latencies.lock().unwrap_or_else(PoisonError::into_inner).push(begin.elapsed());
    }
    Ok(requests)
}

/// Microseconds of the server's processor time for each answer.
fn cpu_us(samples: &[Sample]) -> u64 {
    let spent = samples.last().zip(samples.first()).map(|(last, first)| last.cpu.saturating_sub(first.cpu));
    let answers: u64 = samples.iter().skip(1).map(|sample| sample.answers as u64).sum();
    u64::try_from(spent.unwrap_or_default().as_micros()).unwrap_or(u64::MAX) / answers.max(1)
}

/// Compares the last third of the run with the first; latency only where `latency` says that the run was long enough.
fn judge(samples: &[Sample], latency: bool) -> Result<(), Fault> {
    let third = samples.len() / 3;
    let (first, last) =
        (samples.get(..third).unwrap_or_default(), samples.get(samples.len() - third..).unwrap_or_default());
    let answers: u64 = samples.iter().map(|sample| sample.answers as u64).sum();
    let (Some(start), Some(end)) = (first.first(), last.last()) else { return Err("too few samples".into()) };
    let memory = (median(first, |sample| sample.resident_kib), median(last, |sample| sample.resident_kib));
    let file = (median(first, |sample| sample.file), median(last, |sample| sample.file));
    let pages = (file.1.saturating_sub(file.0) / 1024).min(PAGES_KIB);
    let p50 = (median(first, |sample| sample.p50), median(last, |sample| sample.p50));
    let p99 = (median(first, |sample| sample.p99), median(last, |sample| sample.p99));
    let descriptors = (median(first, |sample| sample.descriptors), median(last, |sample| sample.descriptors));
    let cpu = (cpu_us(first), cpu_us(last));
    let grown = end.file.saturating_sub(start.file);
    say(&format!(
        "first and last third: memory {memory:?} KiB, p50 {p50:?}, p99 {p99:?}, processor {cpu:?} us an answer, descriptors {descriptors:?}; the store grew by {} bytes an \
         answer",
        grown / answers.max(1)
    ))?;
    let limits = [
        ("memory", memory.1 <= memory.0 + pages + MEMORY_GROWTH_KIB),
        ("processor time", cpu.1 <= cpu.0 * 3 / 2 + 100),
        ("p50", !latency || p50.1 <= p50.0 * 2 + Duration::from_millis(2)),
        ("p99", !latency || p99.1 <= p99.0 * 3 + Duration::from_millis(50)),
        ("descriptors", descriptors.1 <= descriptors.0 + DESCRIPTOR_GROWTH),
        ("store file", grown <= FILE_GROWTH_FREE + answers * FILE_BYTES_AN_ANSWER),
    ];
    match limits.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(format!("beyond its limit: {what}").into()),
        None => Ok(()),
    }
}

fn median<T: Ord + Default>(samples: &[Sample], of: impl Fn(&Sample) -> T) -> T {
    let mut values: Vec<T> = samples.iter().map(of).collect();
    values.sort_unstable();
    let middle = values.len() / 2;
    values.into_iter().nth(middle).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(resident_kib: u64, p99: u64) -> Sample {
        let p99 = Duration::from_millis(p99);
        Sample {
            resident_kib,
            descriptors: 20,
            file: 1 << 20,
            cpu: Duration::ZERO,
            answers: 100,
            p50: p99 / 4,
            p99,
        }
    }

    #[test]
    fn growth_is_noticed() {
        let steady: Vec<Sample> = (0..9).map(|_| sample(10_000, 4)).collect();
        assert!(judge(&steady, true).is_ok());
        let leaking: Vec<Sample> = (0..9).map(|at| sample(10_000 + at * 10_000, 4)).collect();
        assert!(judge(&leaking, true).unwrap_err().to_string().contains("memory"));
        let slowing: Vec<Sample> = (0..9).map(|at| sample(10_000, 4 + at * 20)).collect();
        assert!(judge(&slowing, true).unwrap_err().to_string().contains("p50"));
        let mut busier = steady;
        busier
            .iter_mut()
            .zip([0, 1, 2, 3, 4, 5, 10, 30, 50])
            .for_each(|(sample, ticks)| sample.cpu = Duration::from_millis(ticks * 10));
        assert!(judge(&busier, false).unwrap_err().to_string().contains("processor"));
    }
}
