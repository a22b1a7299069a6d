//! The real program: clients hammer it, SIGKILL ends it at any moment, it starts again; and so on for some rounds.
//!
//! What the clients ask and when the kill comes follows from a seed, which a failure prints: `JWTIS_SEED=… cargo test …` does it again,
//! as far as threads allow.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::SystemTime;

use jwtis_testkit::consensus::{CHAINS, ConsensusMessage};
use jwtis_testkit::forge::hex;
use jwtis_testkit::process::signer::Client;
use jwtis_testkit::process::{Place, Server};
use jwtis_testkit::random::Random;
use jwtis_tezos::ChainId;

use crate::ledger::Ledger;
use crate::messages::{KEYS, secret_key};

const ROUNDS: u64 = 5;
const CLIENTS: u64 = 6;

#[test]
fn kill_9_does_not_make_the_store_sign_twice() {
    killed_and_killed("store");
}

#[test]
fn kill_9_does_not_make_files_sign_twice() {
    killed_and_killed("file");
}

fn killed_and_killed(driver: &str) {
    let seed = seed();
    let mut place = Place::new();
    place.set("JWTIS_PSWD", "a password of the store");
    place.file("signer.yaml", &configuration(driver));
    let ledger = Arc::new(Ledger::default());
    let level = Arc::new(AtomicI32::new(1));
    let refused = Arc::new(AtomicUsize::new(0));

    for round in 0..ROUNDS {
        let mut random = Random::new(seed ^ (round << 32));
        let server = place.start(&["serve", "-c", "signer.yaml"]);
        for message in ledger.highest() {
            let other = ConsensusMessage { content: message.content ^ 0x80, ..message };
            let answer = ask(&Client::new(&server.url), &other);
            assert_eq!(answer, Some(409), "seed {seed}: forgotten: {message:?}");
        }
        let kill_after = 60 + random.below(400);
        work_until_killed(server, kill_after, &mut random, &ledger, &level, &refused);
        if let Err(error) = ledger.judge() {
            panic!("JWTIS_SEED={seed}, driver {driver}, round {round}: {error}");
        }
    }
    assert!(ledger.len() > 100, "seed {seed}: {} signatures", ledger.len());
    assert!(refused.load(Ordering::SeqCst) > 20, "seed {seed}: nothing was refused");
}

fn configuration(driver: &str) -> String {
    let keys = KEYS.join(", ");
    let allow = "{allow: {block: , preattestation: , attestation: , attestation_with_dal: }}";
    let tezos: String = (0..KEYS.len())
        .map(|key| {
            let key = secret_key(key);
            format!("  {}: {allow}\n", key.public_key().hash())
        })
        .collect();
    // Levels rise as fast as the machine signs.
    let chains = CHAINS.map(|chain| format!("{}: {{max_jump: off}}", ChainId::new(chain))).join(", ");
    format!(
        "issuer: {{enabled: false}}\n\
         server: {{address: \"127.0.0.1:0\", utility_address: \"off\"}}\n\
         base_dir: ./base\n\
         watermark: {{driver: {driver}, chains: {{{chains}}}}}\n\
         vaults: {{test: {{driver: mem, config: [{keys}]}}}}\n\
         tezos:\n{tezos}"
    )
}

fn work_until_killed(
    server: Server,
    kill_after: u64,
    random: &mut Random,
    ledger: &Arc<Ledger>,
    level: &Arc<AtomicI32>,
    refused: &Arc<AtomicUsize>,
) {
    let (sender, receiver) = mpsc::channel();
    let workers: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (sender, mut random, url) = (sender.clone(), random.split(), server.url.clone());
            let (ledger, level, refused) = (Arc::clone(ledger), Arc::clone(level), Arc::clone(refused));
            thread::spawn(move || {
                let client = Client::new(&url);
                loop {
                    let message = any_message(&mut random, &level);
                    let asked = ledger.now();
                    match ask(&client, &message) {
                        Some(200) => ledger.signed(message, asked),
                        Some(409) => _ = refused.fetch_add(1, Ordering::SeqCst),
                        Some(status) => panic!("{message:?}: {status}"),
                        // Killed.
                        None => return,
                    }
                    // Nobody listens any more when the server is about to be killed.
                    let _ = sender.send(());
                }
            })
        })
        .collect();
    drop(sender);
    let answers = receiver.iter().take(usize::try_from(kill_after).unwrap()).count();
    assert_eq!(u64::try_from(answers).unwrap(), kill_after, "the clients gave up");
    server.kill();
    for worker in workers {
        worker.join().unwrap();
    }
}

/// A message near the level of the moment, which rises now and then.
fn any_message(random: &mut Random, level: &AtomicI32) -> ConsensusMessage {
    let rises = i32::from(random.one_in(10));
    ConsensusMessage::any(random, KEYS.len(), level.fetch_add(rises, Ordering::SeqCst))
}

/// The status of the answer; `None` where there is none.
fn ask(client: &Client, message: &ConsensusMessage) -> Option<u16> {
    let key = secret_key(message.key).public_key().hash().to_string();
    Some(client.try_sign(&key, &hex(&message.bytes())).ok()?.0)
}

fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "another seed for each run; a failure prints it")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    std::env::var("JWTIS_SEED").map_or(u64::from(now.subsec_nanos()), |seed| seed.parse().unwrap())
}
