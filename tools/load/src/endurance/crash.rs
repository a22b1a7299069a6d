//! `crash`: random work, kill -9, restart, comparison. Some restarts are killed too, before one is let be.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jwtis_testkit::random::Random;

use crate::clock::{now, wait};
use crate::endurance::book::Book;
use crate::endurance::connection::Connection;
use crate::endurance::server::{Reached, Server, WatermarkStorage, World};
use crate::endurance::worker::Worker;
use crate::output::{Fault, say};

/// Threads that use the issuer, and threads that use the signer.
const ISSUER_CLIENTS: usize = 6;
const SIGNER_CLIENTS: usize = 4;
/// The longest life of a server in a round.
const LONGEST_MS: u64 = 700;
/// One round in so many kills starts; so many in a row at most.
const STARTS_KILLED_IN: u64 = 4;
const STARTS_KILLED: u64 = 4;
/// The store file is verified whole each so many rounds.
const STORE_CHECKED_EVERY: u64 = 10;

/// Counts over the whole run.
#[derive(Debug, Default)]
struct Counts {
    issuer: AtomicU64,
    signer: AtomicU64,
    checks: AtomicU64,
    /// Starts killed before the store was open, before the server listened, and afterwards.
    starts: [AtomicU64; 3],
}

/// Runs so many rounds.
pub(crate) fn run(binary: PathBuf, rounds: u64, seed: u64, watermark: WatermarkStorage) -> Result<(), Fault> {
    let driver = watermark.name();
    say(&format!("crash: {rounds} rounds, seed {seed}, watermark driver {driver}"))?;
    let began = now();
    let world = World::new(binary, watermark, &[])?;
    let outcome = all_rounds(&world, rounds, seed);
    if let Err(fault) = outcome {
        let log = world.log();
        let folder = world.keep();
        return Err(format!(
            "{fault}\nagain: jwtis-load crash --rounds {rounds} --seed {seed} --watermark {driver}\nthe store is kept in {}\nthe server's log:\n{}",
            folder.display(),
            log.lines().rev().take(20).collect::<Vec<_>>().join("\n")
        )
        .into());
    }
    say(&format!("crash: all promises held, {} s", began.elapsed().as_secs()))
}

fn all_rounds(world: &World, rounds: u64, seed: u64) -> Result<(), Fault> {
    let book = Book::new(&world.bakers, &world.payer);
    let counts = Counts::default();
    let mut workers = Worker::several(&world.start()?, &world.admin, ISSUER_CLIENTS, seed)?;
    for round in 0..rounds {
        let mut random = Random::new(seed ^ (round << 32));
        let context = |fault: Fault| -> Fault { format!("round {round}: {fault}").into() };
        let began = now();
        let server = world.start().map_err(context)?;
        let start = began.elapsed();
        let life = Duration::from_millis(random.below(LONGEST_MS));
        work_until_killed(world, server, life, &mut workers, &book, &counts, &mut random).map_err(context)?;
        if random.one_in(STARTS_KILLED_IN) {
            kill_starts(world, start, &counts, &mut random).map_err(context)?;
        }
        if round % STORE_CHECKED_EVERY == 0 {
            world.check_store().map_err(context)?;
        }
        let server = world.start().map_err(context)?;
        check(&server, &world.admin, &mut workers, &book, &counts, &mut random).map_err(context)?;
        server.process.kill()?;
        if (round + 1) % 25 == 0 || round + 1 == rounds {
            report(round + 1, &counts, &book, world)?;
        }
    }
    world.check_store()
}

fn report(rounds: u64, counts: &Counts, book: &Book, world: &World) -> Result<(), Fault> {
    let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    let (signatures, refused, spent) = book.totals();
    let [opening, opened, listening] = counts.starts.each_ref().map(count);
    say(&format!(
        "{rounds} rounds: {} starts killed ({opening} before the store was open, {opened} before the server listened, {listening} after), {} answers of the issuer, {} of the signer ({signatures} places signed, {refused} refused by a watermark, {spent} \
         mutez spent), {} comparisons, store {} KiB",
        opening + opened + listening,
        count(&counts.issuer),
        count(&counts.signer),
        count(&counts.checks),
        world.store_bytes()? / 1024
    ))
}

/// Kills starts in a row, each at some moment of the time that one takes. What they find is what a kill under load has left.
fn kill_starts(world: &World, start: Duration, counts: &Counts, random: &mut Random) -> Result<(), Fault> {
    // A quarter more: the repair takes its time.
    let longest = u64::try_from(start.as_micros() * 5 / 4)?;
    for _ in 0..=random.below(STARTS_KILLED) {
        let [opening, opened, listening] = &counts.starts;
        let counter = match world.start_and_kill(Duration::from_micros(random.below(longest)))? {
            Reached::Opening => opening,
            Reached::Opened => opened,
            Reached::Listening => listening,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

fn work_until_killed(
    world: &World,
    server: Server,
    life: Duration,
    workers: &mut [Worker],
    book: &Book,
    counts: &Counts,
    random: &mut Random,
) -> Result<(), Fault> {
    let killed = &AtomicBool::new(false);
    let (issuer, signer) = (server.issuer.clone(), server.signer.clone());
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for worker in workers {
            let (mut random, mut issuer) = (random.split(), Connection::new(&issuer));
            threads.push(scope.spawn(move || {
                until_killed(killed, &counts.issuer, || worker.work(&mut issuer, &world.admin, &mut random))
            }));
        }
        for _ in 0..SIGNER_CLIENTS {
            let (mut random, mut signer) = (random.split(), Connection::new(&signer));
            threads.push(
                scope.spawn(move || {
                    until_killed(killed, &counts.signer, || book.work(&mut signer, &mut random))
                }),
            );
        }
        wait(life);
        killed.store(true, Ordering::SeqCst);
        server.process.kill()?;
        for thread in threads {
            thread.join().map_err(|_| "a client panicked")??;
        }
        Ok(())
    })
}

/// Works until no answer comes, which must be because of the kill.
fn until_killed(
    killed: &AtomicBool,
    answers: &AtomicU64,
    mut work: impl FnMut() -> Result<Option<()>, Fault>,
) -> Result<(), Fault> {
    while work()?.is_some() {
        answers.fetch_add(1, Ordering::SeqCst);
    }
    if killed.load(Ordering::SeqCst) {
        return Ok(());
    }
    Err("the server gave no answer, and nobody had killed it".into())
}

/// Compares the server with what the clients were told, all at once.
fn check(
    server: &Server,
    admin: &str,
    workers: &mut [Worker],
    book: &Book,
    counts: &Counts,
    random: &mut Random,
) -> Result<(), Fault> {
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for worker in workers {
            let (mut random, mut issuer) = (random.split(), Connection::new(&server.issuer));
            threads.push(scope.spawn(move || worker.check(&mut issuer, admin, &mut random)));
        }
        let mut signer = Connection::new(&server.signer);
        threads.push(scope.spawn(move || book.check(&mut signer)));
        for thread in threads {
            let checks = thread.join().map_err(|_| "a check panicked")??;
            counts.checks.fetch_add(checks, Ordering::SeqCst);
        }
        Ok(())
    })
}
