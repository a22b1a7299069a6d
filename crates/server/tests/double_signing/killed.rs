//! The real program: clients hammer it, SIGKILL ends it at any moment, it starts again; and so on for some rounds.
//!
//! What the clients ask and when the kill comes follows from a seed, which a failure prints: `JWTIS_SEED=… cargo test …` does it again,
//! as far as threads allow.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::SystemTime;

use jwtis_tezos::ChainId;

use crate::cli_support::{Place, Server};
use crate::ledger::Ledger;
use crate::messages::{KEYS, KINDS, Message};
use crate::world::hex;

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
        let mut random = Random(seed ^ (round << 32));
        let server = place.start(&["serve", "-c", "signer.yaml"]);
        for message in ledger.highest() {
            let other = Message { content: message.content ^ 0x80, ..message };
            assert_eq!(
                ask(&agent(), &url(&server), &other),
                Some(409),
                "seed {seed}: forgotten: {message:?}"
            );
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
            let key = crate::messages::secret_key(u8::try_from(key).unwrap());
            format!("  {}: {allow}\n", key.public_key().hash())
        })
        .collect();
    // Levels rise as fast as the machine signs.
    let chains =
        [0, 1].map(|n| format!("{}: {{max_jump: off}}", ChainId::new([0xb3, 0xd7, 0x9f, n]))).join(", ");
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
            let (sender, mut random, url) = (sender.clone(), random.split(), url(&server));
            let (ledger, level, refused) = (Arc::clone(ledger), Arc::clone(level), Arc::clone(refused));
            thread::spawn(move || {
                let agent = agent();
                loop {
                    let message = any_message(&mut random, &level);
                    let asked = ledger.now();
                    match ask(&agent, &url, &message) {
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
fn any_message(random: &mut Random, level: &AtomicI32) -> Message {
    let now = if random.below(10) == 0 {
        level.fetch_add(1, Ordering::SeqCst)
    } else {
        level.load(Ordering::SeqCst)
    };
    Message {
        key: u8::try_from(random.below(3)).unwrap(),
        chain: 0,
        kind: KINDS[usize::try_from(random.below(4)).unwrap()],
        level: now + i32::try_from(random.below(2)).unwrap(),
        round: i32::try_from(random.below(2)).unwrap(),
        content: u8::try_from(random.below(3)).unwrap(),
    }
}

/// The status of the answer; `None` where there is none.
fn ask(agent: &ureq::Agent, url: &str, message: &Message) -> Option<u16> {
    let url = format!("{url}/keys/{}", message.secret_key().public_key().hash());
    let body = format!("\"{}\"", hex(&message.bytes()));
    let mut response = agent.post(&url).content_type("application/json").send(body).ok()?;
    // A signature counts when it has been read.
    response.body_mut().read_to_string().ok()?;
    Some(response.status().as_u16())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent()
}

fn url(server: &Server) -> String {
    let line = server.stdout.lines().find_map(|line| line.strip_prefix("signer is listening on "));
    line.unwrap_or_else(|| panic!("{}", server.stdout)).trim().to_owned()
}

fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "another seed for each run; a failure prints it")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    std::env::var("JWTIS_SEED").map_or(u64::from(now.subsec_nanos()), |seed| seed.parse().unwrap())
}

/// Splitmix64: enough for tests.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn split(&mut self) -> Self {
        Self(self.next())
    }
}
