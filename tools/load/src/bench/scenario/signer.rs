//! The signer: signatures of all curves, attestations under a durable watermark, logins. Callers bring a login token, as they do in practice.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use jwtis_base::Env;
use jwtis_signer::login::hash_password;
use jwtis_tezos::{Curve, SecretKey, Signature, SigningVersion};

use super::expected::Expected;
use super::issuer::{once, same, text};
use super::{Scenario, Users, World, median};
use crate::bench::connection::{Answer, post};
use crate::bench::floor;
use crate::bench::load::User;
use crate::bench::server::Server;
use crate::clock::now;
use crate::output::{Fault, say};

/// What the start prints before the signer's address.
const LISTENS: &str = "signer is listening on";
/// Keys that attest at once.
const BAKERS: usize = 64;
const USER: &str = "payouts";
const PASSWORD: &str = "Long-Enough-Pass-1";
const CURVES: [(&str, Curve); 4] =
    [("tz1", Curve::Ed25519), ("tz2", Curve::Secp256k1), ("tz3", Curve::P256), ("tz4", Curve::Bls12381)];

/// Everything, with the watermarks in the store.
pub(super) fn store(binary: &Path) -> Result<World, Fault> {
    let signer = Signer::start(binary, "store")?;
    let mut scenarios = Vec::new();
    for ((name, curve), key) in CURVES.into_iter().zip(&signer.keys) {
        let connections = if curve == Curve::Ed25519 { vec![1, 16, 64] } else { vec![16] };
        let users = same(sign(key, &signer.headers, &failing_noop()), Expected::SIGNATURE);
        let floor = floor::tezos_sign(curve)?;
        scenarios.push(signer.scenario(format!("sign {name}, generic"), connections, users, floor));
    }
    scenarios.extend(signer.attestations("store")?);
    say(&signer.logins_side_by_side()?)?;
    let login = post("/login", &format!("username: {USER}\r\npassword: {PASSWORD}\r\n"), "");
    // Five wrong tries are free, and tries count until they turn out to be right: no more at once.
    scenarios.push(signer.scenario(
        "login, Argon2id".to_owned(),
        vec![1, 4],
        same(login, Expected::TOKEN),
        floor::argon2id()?,
    ));
    signer.world(scenarios)
}

/// Attestations alone, with the watermarks in files.
pub(super) fn file(binary: &Path) -> Result<World, Fault> {
    let signer = Signer::start(binary, "file")?;
    let scenarios = signer.attestations("file")?;
    signer.world(scenarios)
}

/// A signer that runs.
struct Signer {
    server: Server,
    folder: tempfile::TempDir,
    address: String,
    headers: String,
    /// One of each of [`CURVES`], then [`BAKERS`] of tz1: hashes.
    keys: Vec<String>,
}

impl Signer {
    fn start(binary: &Path, driver: &str) -> Result<Self, Fault> {
        let bakers = std::iter::repeat_n(Curve::Ed25519, BAKERS);
        let curves = CURVES.into_iter().map(|(_, curve)| curve).chain(bakers);
        let secrets = curves.map(SecretKey::generate).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<String> = secrets.iter().map(|key| key.public_key().hash().to_string()).collect();

        let folder = tempfile::tempdir()?;
        let config = folder.path().join("jwtis.yaml");
        fs::write(&config, configuration(folder.path(), driver, &secrets)?)?;
        let config = config.to_str().ok_or("a scratch folder with an odd name")?;
        let variables = [("JWTIS_PSWD", "a password of the benchmark")];
        let server = Server::start(binary, &["serve", "-c", config], &variables, &[LISTENS])?;
        let address = server.address(LISTENS)?.to_owned();

        let login = post("/login", &format!("username: {USER}\r\npassword: {PASSWORD}\r\n"), "");
        let token = String::from_utf8(once(&address, &login, Expected::TOKEN)?)?;
        let headers = format!("authorization: Bearer {token}\r\nusername: {USER}\r\n");
        let signer = Self { server, folder, address, headers, keys };
        for secret in secrets.iter().take(CURVES.len()) {
            signer.signs_rightly(secret)?;
        }
        Ok(signer)
    }

    /// Asks for one signature of this key and verifies it.
    fn signs_rightly(&self, secret: &SecretKey) -> Result<(), Fault> {
        let public = secret.public_key();
        let request = sign(&public.hash().to_string(), &self.headers, &failing_noop());
        let body = once(&self.address, &request, Expected::SIGNATURE)?;
        let signature: Signature = text(&serde_json::from_slice(&body)?, "signature")?.parse()?;
        Ok(public.verify_strictly(&failing_noop(), &signature, SigningVersion::LATEST)?)
    }

    /// Whether the time of a login tells who is a user: medians of a few in turns, since five failures are free.
    fn logins_side_by_side(&self) -> Result<String, Fault> {
        let timed = |user: &str, expected| {
            let login = post("/login", &format!("username: {user}\r\npassword: {PASSWORD}\r\n"), "");
            let began = now();
            once(&self.address, &login, expected)?;
            Ok::<_, Fault>(began.elapsed().as_secs_f64() * 1e3)
        };
        let (mut users, mut nobodies) = (Vec::new(), Vec::new());
        for number in 0..4 {
            users.push(timed(USER, Expected::TOKEN)?);
            nobodies.push(timed(&format!("nobody{number}"), Expected::Denied)?);
        }
        let (user, nobody) = (median(&users), median(&nobodies));
        Ok(format!("login of a user: {user:.1} ms; of nobody: {nobody:.1} ms (medians of 4, in turns)"))
    }

    fn scenario(&self, name: String, connections: Vec<usize>, users: Users, floor: floor::Work) -> Scenario {
        Scenario { name, address: self.address.clone(), connections, users, floor }
    }

    /// One key on one connection, and each of many keys on one of its own; levels rise.
    fn attestations(&self, driver: &str) -> Result<Vec<Scenario>, Fault> {
        let bakers: Vec<Baker> = self
            .keys
            .iter()
            .skip(CURVES.len())
            .map(|key| Baker { key: key.clone(), headers: self.headers.clone(), level: Arc::default() })
            .collect();
        let users: Users = Box::new(move |count| {
            Ok(bakers.iter().take(count).map(|baker| Box::new(baker.clone()) as Box<dyn User>).collect())
        });
        let name = format!("attest tz1, marks in {driver}");
        Ok(vec![self.scenario(name, vec![1, BAKERS], users, floor::tezos_sign(Curve::Ed25519)?)])
    }

    fn world(self, scenarios: Vec<Scenario>) -> Result<World, Fault> {
        World::new(self.server, scenarios, self.folder)
    }
}

fn configuration(folder: &Path, driver: &str, secrets: &[SecretKey]) -> Result<String, Fault> {
    let folder = folder.display();
    let hash = hash_password(PASSWORD, &Env::system())?;
    let mut text = format!(
        "issuer: {{enabled: false}}
store: {{path: {folder}/keys.db}}
base_dir: {folder}
watermark: {{driver: {driver}, chains: {{NetXdQprcVkpaWU: {{max_jump: off}}}}}}
server:
  address: 127.0.0.1:0
  utility_address: \"off\"
  jwt:
    users:
      {USER}: {{password: \"{hash}\", secret: \"A-Secret-Of-At-Least-32-Bytes-0001\"}}
vaults:
  keys:
    driver: mem
    config:
"
    );
    for secret in secrets {
        writeln!(text, "      - {}", secret.danger_to_base58()?.as_str())?;
    }
    text.push_str("tezos:\n");
    for secret in secrets {
        let hash = secret.public_key().hash();
        writeln!(text, "  {hash}: {{allow: {{attestation: , generic: [failing_noop]}}}}")?;
    }
    Ok(text)
}

/// A baker's key: asks for attestations at rising levels.
#[derive(Clone)]
struct Baker {
    key: String,
    headers: String,
    level: Arc<AtomicI32>,
}

impl User for Baker {
    fn request(&mut self) -> Vec<u8> {
        let level = self.level.fetch_add(1, Ordering::Relaxed);
        // Magic byte, mainnet, branch; tag, slot, level, round, payload.
        let mut message = vec![0x13, 0x7a, 0x06, 0xa7, 0x70];
        message.extend([0; 32]);
        message.extend([21, 0, 7]);
        message.extend(level.to_be_bytes());
        message.extend([0; 4]);
        message.extend([0x11; 32]);
        sign(&self.key, &self.headers, &message)
    }

    fn answer(&mut self, answer: &Answer<'_>) -> Result<(), Fault> {
        Expected::SIGNATURE.of(answer)
    }
}

/// A batch of one `failing_noop`: branch, tag, length, text.
fn failing_noop() -> Vec<u8> {
    let mut message = vec![0x03];
    message.extend([0; 32]);
    message.extend([17, 0, 0, 0, 100]);
    message.extend([0x61; 100]);
    message
}

fn sign(key: &str, headers: &str, message: &[u8]) -> Vec<u8> {
    let mut hex = String::from("\"");
    for byte in message {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex.push('"');
    post(&format!("/keys/{key}"), headers, &hex)
}
