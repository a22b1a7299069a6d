//! The server as a child process on a scratch folder: both halves in one process over one store.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jwtis_testkit::consensus::CHAINS;
use jwtis_tezos::{ChainId, Curve, PublicKey, SecretKey};

use crate::clock::wait;
use crate::output::Fault;
use crate::process::Process;

/// The keys that bake. The last is the tz4.
const BAKERS: [Curve; 4] = [Curve::Ed25519, Curve::Secp256k1, Curve::P256, Curve::Bls12381];
/// What the paying key may spend in a day, in mutez: more than a run spends.
pub(crate) const SPENDABLE: u64 = 1_000_000_000_000;

/// A folder with a configuration, a store and the secrets to it.
#[derive(Debug)]
pub(crate) struct World {
    folder: tempfile::TempDir,
    binary: PathBuf,
    /// Keys for consensus messages.
    pub(crate) bakers: Vec<Arc<PublicKey>>,
    /// The key that pays, under a limit.
    pub(crate) payer: Arc<PublicKey>,
    /// Known from the first start.
    pub(crate) admin: String,
    options: Vec<String>,
}

/// The driver that keeps the signer's watermarks.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug, clap::ValueEnum)]
pub(crate) enum WatermarkStorage {
    /// The store with the keys.
    #[default]
    Store,
    /// A file of their own.
    File,
}

impl WatermarkStorage {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::File => "file",
        }
    }
}

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) issuer: String,
    pub(crate) signer: String,
}

/// How far a start had come when it was killed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reached {
    /// The store was being opened, repaired or published, or not yet touched.
    Opening,
    /// The store was open; nobody could connect.
    Opened,
    Listening,
}

impl World {
    /// A new folder; the server has started in it once.
    pub(crate) fn new(binary: PathBuf, watermark: WatermarkStorage, options: &[&str]) -> Result<Self, Fault> {
        let folder = tempfile::tempdir()?;
        let secrets = BAKERS.into_iter().map(SecretKey::generate).collect::<Result<Vec<_>, _>>()?;
        let payer = SecretKey::generate(Curve::Ed25519)?;
        fs::write(folder.path().join("jwtis.yaml"), configuration(&secrets, &payer, watermark)?)?;
        let bakers = secrets.iter().map(|secret| Arc::new(secret.public_key().clone())).collect();
        let payer = Arc::new(payer.public_key().clone());
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut world = Self { folder, binary, bakers, payer, admin: String::new(), options };
        let (_, printed) = world.start_and_read()?;
        let export =
            printed.lines().map(str::trim).find_map(|line| line.strip_prefix("export JWTIS_ADMIN_TOKEN='"));
        world.admin = export.ok_or("the first start shows no admin token")?.trim_end_matches('\'').to_owned();
        Ok(world)
    }

    pub(crate) fn start(&self) -> Result<Server, Fault> {
        Ok(self.start_and_read()?.0)
    }

    /// Starts the server and sends SIGKILL after `life`, wherever it is by then.
    pub(crate) fn start_and_kill(&self, life: Duration) -> Result<Reached, Fault> {
        let mut server = self.spawn()?;
        let mut output = server.process.0.stdout.take().ok_or("the server has no output")?;
        wait(life);
        if let Some(status) = server.process.0.try_wait()? {
            return Err(format!("the server ended before it was killed: {status}\n{}", self.log()).into());
        }
        server.process.kill()?;
        let mut printed = String::new();
        output.read_to_string(&mut printed)?;
        Ok(if printed.contains(" is listening on ") {
            Reached::Listening
        } else if printed.contains(" with the store ") {
            Reached::Opened
        } else {
            Reached::Opening
        })
    }

    fn spawn(&self) -> Result<Server, Fault> {
        let child = self
            .command(&["serve", "-c", "jwtis.yaml"])
            .args(&self.options)
            .stdout(Stdio::piped())
            .stderr(File::create(self.log_path())?)
            .spawn()?;
        Ok(Server { process: Process(child), issuer: String::new(), signer: String::new() })
    }

    fn start_and_read(&self) -> Result<(Server, String), Fault> {
        let mut server = self.spawn()?;
        let output = server.process.0.stdout.take().ok_or("the server has no output")?;
        let mut lines = BufReader::new(output).lines();
        let mut printed = String::new();
        while server.issuer.is_empty() || server.signer.is_empty() {
            let Some(line) = lines.next().transpose()? else {
                let status = server.process.0.wait()?;
                return Err(format!("the server did not start: {status}\n{printed}{}", self.log()).into());
            };
            if let Some((who, address)) = line.split_once(" is listening on http://") {
                let address = address.trim().to_owned();
                if who.ends_with("signer") { server.signer = address } else { server.issuer = address }
            }
            writeln!(printed, "{line}")?;
        }
        // What follows must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok((server, printed))
    }

    /// `jwtis store check`, with the server at rest.
    pub(crate) fn check_store(&self) -> Result<(), Fault> {
        let output = self.command(&["store", "check", "-c", "jwtis.yaml"]).output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("the store is not whole: {said}").into())
    }

    /// Bytes of the store file.
    pub(crate) fn store_bytes(&self) -> Result<u64, Fault> {
        Ok(fs::metadata(self.folder.path().join("keys.db"))?.len())
    }

    /// What the server has logged since its start.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The folder stays when the program ends.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("JWTIS_PSWD", "a password of the instrument")
            .stdin(Stdio::null());
        command
    }
}

fn configuration(
    bakers: &[SecretKey],
    payer: &SecretKey,
    watermark: WatermarkStorage,
) -> Result<String, Fault> {
    let mut text = String::from(
        "issuer: {listen: \"127.0.0.1:0\"}
store: {path: ./keys.db}
base_dir: .
server: {address: \"127.0.0.1:0\", utility_address: \"off\"}
vaults:
  keys:
    driver: mem
    config:
",
    );
    for secret in bakers.iter().chain([payer]) {
        writeln!(text, "      - {}", secret.danger_to_base58()?.as_str())?;
    }
    let driver = watermark.name();
    writeln!(text, "watermark:\n  driver: {driver}\n  chains: # levels rise as fast as the machine signs")?;
    for chain in CHAINS {
        writeln!(text, "    {}: {{max_jump: off}}", ChainId::new(chain))?;
    }
    text.push_str("tezos:\n");
    for secret in bakers {
        let hash = secret.public_key().hash();
        writeln!(
            text,
            "  {hash}: {{allow: {{block: , preattestation: , attestation: , attestation_with_dal: }}}}"
        )?;
    }
    let hash = payer.public_key().hash();
    writeln!(
        text,
        "  {hash}: {{allow: {{generic: [transaction]}}, limits: {{per: {{window: 24h, amount: {SPENDABLE}}}}}}}"
    )?;
    Ok(text)
}
