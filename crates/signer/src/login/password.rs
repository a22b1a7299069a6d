//! Passwords: plain ones and Argon2id PHC strings. The time of a look tells neither the length of a password, nor its nature, nor whether
//! the user exists.
//!
//! Of a plain password only the SHA-256 is kept, so that comparing takes constant time. Where the file has hashes, each look verifies as many
//! as the user with the most of them has. A dummy, the most expensive hash of the file, makes up for those that a user lacks.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher as _, Version, password_hash};
use aws_lc_rs::digest::{SHA256, digest};
use jwtis_base::env::{Env, NoEntropy};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::sync::Mutex;
use zeroize::{Zeroize, Zeroizing};

/// Most memory of a hash that is accepted, in KiB: 256 MiB.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// Most passes of a hash that is accepted.
const MAX_PASSES: u32 = 16;
/// Most lanes of a hash that is accepted.
const MAX_LANES: u32 = 16;
/// Memory for the one hash that is made at a time, wiped between hashes. The allocator would keep what each login took anew.
static MEMORY: Mutex<Vec<Block>> = Mutex::const_new(Vec::new());
/// Blocks of a kibibyte beyond which memory is given back: 32 MiB.
const MAX_KEPT_BLOCKS: usize = 32 * 1024;

/// A password as configured.
#[derive(Clone)]
pub(super) enum LoginPassword {
    /// SHA-256 of a plain one.
    Plain(Zeroizing<[u8; 32]>),
    /// What an Argon2id PHC string says.
    Hashed(Arc<Argon2Hash>),
}

/// An Argon2id hash with what it takes to make it again.
#[derive(PartialEq, Debug)]
pub(super) struct Argon2Hash {
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// What is verified in place of the hashes that a user lacks.
#[derive(Clone)]
pub(super) struct Dummy {
    /// The most expensive hash of the file.
    pub(super) hash: Arc<Argon2Hash>,
    /// How many hashes each look verifies: during the change of a password a user may have two.
    pub(super) looks: usize,
}

/// Why an Argon2id PHC string is not taken.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum HashFault {
    #[error("a password hash has to be an Argon2id PHC string ($argon2id$v=19$m=…,t=…,p=…$salt$hash)")]
    NotArgon2id,
    #[error("the Argon2id PHC string cannot be read; jwtis hash-password makes one")]
    Malformed,
    #[error(
        "the Argon2id PHC string asks for more than {MAX_MEMORY_KIB} KiB of memory, {MAX_PASSES} passes or {MAX_LANES} lanes"
    )]
    TooExpensive,
}

impl LoginPassword {
    /// A text that begins like an Argon2 hash is one, and never a plain password: else the hash itself would open the door.
    pub(super) fn parse(text: &str) -> Result<Self, HashFault> {
        if is_hash(text) {
            Argon2Hash::parse(text).map(|hash| Self::Hashed(Arc::new(hash)))
        } else {
            Ok(Self::Plain(sha256(text.as_bytes())))
        }
    }

    /// Whether both are known to be the same password. Two hashes with different salts cannot be told.
    pub(super) fn is_known_to_equal(&self, text: &str, other: &Self, other_text: &str) -> bool {
        let is_of = |hash: &Argon2Hash, text: &str| hash.matches(text.as_bytes(), &mut Vec::new()).into();
        match (self, other) {
            (Self::Plain(one), Self::Plain(other)) => one.as_slice().ct_eq(other.as_slice()).into(),
            (Self::Hashed(hash), Self::Plain(_)) => is_of(hash, other_text),
            (Self::Plain(_), Self::Hashed(hash)) => is_of(hash, text),
            (Self::Hashed(one), Self::Hashed(other)) => one == other,
        }
    }

    /// The hash, where it is one.
    pub(super) const fn hash(&self) -> Option<&Arc<Argon2Hash>> {
        match self {
            Self::Plain(_) => None,
            Self::Hashed(hash) => Some(hash),
        }
    }
}

/// Whether the text is a password hash; the rules for plain passwords cannot be applied to one.
pub(super) fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2")
}

impl Argon2Hash {
    fn parse(text: &str) -> Result<Self, HashFault> {
        if !text.starts_with("$argon2id$") {
            return Err(HashFault::NotArgon2id);
        }
        let malformed = |_| HashFault::Malformed;
        let parsed = PasswordHash::new(text).map_err(|_| HashFault::Malformed)?;
        let params = Params::try_from(&parsed).map_err(malformed)?;
        let version = match parsed.version {
            Some(version) => Version::try_from(version).map_err(|_| HashFault::Malformed)?,
            None => Version::V0x10,
        };
        let (Some(salt), Some(output)) = (parsed.salt, parsed.hash) else { return Err(HashFault::Malformed) };
        if params.m_cost() > MAX_MEMORY_KIB || params.t_cost() > MAX_PASSES || params.p_cost() > MAX_LANES {
            return Err(HashFault::TooExpensive);
        }
        Ok(Self { version, params, salt: salt.as_ref().to_vec(), output: output.as_bytes().to_vec() })
    }

    /// Memory in KiB, passes and lanes. The product of the first two is what it costs; lanes are computed one after the other.
    pub(super) fn parameters(&self) -> (u32, u32, u32) {
        (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
    }

    /// What it costs, in passes over one KiB.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.params.m_cost()).saturating_mul(u64::from(self.params.t_cost()))
    }

    /// In memory that the caller lends, and that is wiped afterwards.
    fn matches(&self, password: &[u8], memory: &mut Vec<Block>) -> Choice {
        #[cfg(test)]
        tests::VERIFIED.with_borrow_mut(|verified| verified.push(self.parameters()));
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        let argon2 = Argon2::new(Algorithm::Argon2id, self.version, self.params.clone());
        memory.resize(self.params.block_count(), Block::default());
        let hashed = argon2.hash_password_into_with_memory(password, &self.salt, &mut output, &mut *memory);
        memory.iter_mut().for_each(Zeroize::zeroize);
        match hashed {
            Ok(()) => output.as_slice().ct_eq(&self.output),
            Err(error) => {
                tracing::error!(error = %error, "a password could not be hashed, and counts as wrong");
                Choice::from(0)
            }
        }
    }
}

/// Which of two passwords the presented one is. Both are looked at, whatever the first look gives. `dummy` is there where the file has
/// hashes.
pub(super) async fn matching(
    presented: &str,
    known: [Option<LoginPassword>; 2],
    dummy: Option<&Dummy>,
) -> [bool; 2] {
    let presented = Zeroizing::new(presented.as_bytes().to_vec());
    let Some(dummy) = dummy.cloned() else {
        return look(&presented, &known, None, &mut Vec::new());
    };
    // Held by the work rather than by the caller, who may hang up.
    let mut memory = MEMORY.lock().await;
    let hashing = tokio::task::spawn_blocking(move || {
        let found = look(&presented, &known, Some(&dummy), &mut memory);
        if memory.len() > MAX_KEPT_BLOCKS {
            *memory = Vec::new();
        }
        found
    });
    hashing.await.unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a password could not be looked at");
        [false; 2]
    })
}

fn look(
    presented: &[u8],
    known: &[Option<LoginPassword>; 2],
    dummy: Option<&Dummy>,
    memory: &mut Vec<Block>,
) -> [bool; 2] {
    let digest = sha256(presented);
    let mut verified = 0;
    let found = known.each_ref().map(|known| match known {
        Some(LoginPassword::Hashed(hash)) => {
            verified += 1;
            hash.matches(presented, memory)
        }
        Some(LoginPassword::Plain(known)) => digest.as_slice().ct_eq(known.as_slice()),
        None => Choice::from(0),
    });
    if let Some(Dummy { hash, looks }) = dummy {
        for _ in verified..*looks {
            std::hint::black_box(hash.matches(presented, memory));
        }
    }
    found.map(bool::from)
}

/// An Argon2id PHC string for the configuration: 19 MiB, 2 passes, 1 lane, as OWASP and the library have it.
///
/// # Errors
/// [`HashPasswordError`].
pub fn hash_password(password: &str, env: &Env) -> Result<String, HashPasswordError> {
    let salt = env.random::<16>()?;
    let params = Params::new(19 * 1024, 2, 1, None).map_err(password_hash::Error::from)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(argon2.hash_password_with_salt(password.as_bytes(), &salt)?.to_string())
}

/// A password could not be hashed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum HashPasswordError {
    /// There is no randomness for the salt.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// Argon2 failed: there is not enough memory.
    #[error("the password could not be hashed")]
    Argon2(#[from] password_hash::Error),
}

pub(super) fn sha256(bytes: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(digest(&SHA256, bytes).as_ref().try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        /// The parameters of every hash that was verified on this thread.
        pub(super) static VERIFIED: std::cell::RefCell<Vec<(u32, u32, u32)>> =
            const { std::cell::RefCell::new(Vec::new()) };
    }

    const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$";

    fn cheap(password: &str, salt: &[u8]) -> String {
        let mut output = [0; 32];
        let params = Params::new(8, 1, 1, None).unwrap();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), salt, &mut output)
            .unwrap();
        let base64 = base64_simd::STANDARD_NO_PAD;
        format!(
            "$argon2id$v=19$m=8,t=1,p=1${}${}",
            base64.encode_to_string(salt),
            base64.encode_to_string(output)
        )
    }

    #[test]
    fn reads_argon2id_within_its_bounds_and_nothing_else_that_looks_like_a_hash() {
        let of = |text: &str| LoginPassword::parse(text).err();
        let tail = "$c29tZXNhbHQ$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        assert_eq!(of(&format!("$argon2id$v=19$m=262144,t=16,p=16{tail}")), None, "the most of all");
        for (params, fault) in [
            ("$argon2id$v=19$m=262145,t=1,p=1", HashFault::TooExpensive),
            ("$argon2id$v=19$m=4294967295,t=1,p=1", HashFault::TooExpensive),
            ("$argon2id$v=19$m=8,t=17,p=1", HashFault::TooExpensive),
            ("$argon2id$v=19$m=256,t=1,p=17", HashFault::TooExpensive),
            ("$argon2i$v=19$m=8,t=1,p=1", HashFault::NotArgon2id),
            ("$argon2d$v=19$m=8,t=1,p=1", HashFault::NotArgon2id),
            ("$argon2$v=19$m=8,t=1,p=1", HashFault::NotArgon2id),
            ("$argon2id$v=17$m=8,t=1,p=1", HashFault::Malformed),
            ("$argon2id$v=19$m=7,t=1,p=1", HashFault::Malformed),
            ("$argon2id$v=19$m=8,t=0,p=1", HashFault::Malformed),
            ("$argon2id$v=19$m=8,t=1,p=1,x=1", HashFault::Malformed),
        ] {
            assert_eq!(of(&format!("{params}{tail}")), Some(fault), "{params}");
        }
        for cut in
            ["$argon2id$", "$argon2id$v=19$m=8,t=1,p=1", CHEAP, "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ"]
        {
            assert_eq!(of(cut), Some(HashFault::Malformed), "{cut}");
        }
        assert!(matches!(LoginPassword::parse("$2b$ is plain to us"), Ok(LoginPassword::Plain(_))));
    }

    #[test]
    fn what_hash_password_makes_is_read_and_matches_its_password_only() {
        let hash = hash_password("correct horse", &Env::system()).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let Ok(LoginPassword::Hashed(hash)) = LoginPassword::parse(&hash) else { panic!("a hash") };
        assert!(bool::from(hash.matches(b"correct horse", &mut Vec::new())));
        assert!(!bool::from(hash.matches(b"correct horsf", &mut Vec::new())));
    }

    #[test]
    fn equality_is_told_wherever_it_can_be() {
        let (salted, same, other) =
            (cheap("a", b"salt-one"), cheap("a", b"salt-one"), cheap("a", b"salt-two"));
        for (one, two, equal) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a", salted.as_str(), true),
            (salted.as_str(), "a", true),
            (salted.as_str(), "b", false),
            (salted.as_str(), same.as_str(), true),
            (salted.as_str(), other.as_str(), false),
        ] {
            let (first, second) = (LoginPassword::parse(one).unwrap(), LoginPassword::parse(two).unwrap());
            assert_eq!(first.is_known_to_equal(one, &second, two), equal, "{one} {two}");
        }
    }

    #[tokio::test]
    async fn every_place_is_looked_at_and_verifies_as_many_hashes_for_every_user_and_for_none() {
        let hash = cheap("hashed", b"some-salt");
        let plain = || LoginPassword::parse("plain").ok();
        let own = || LoginPassword::parse(&hash).ok();
        let parsed = own().unwrap().hash().cloned().unwrap();
        for (name, looks, presented, known, wanted) in [
            ("a_file_without_hashes_and_nobody", 0, "plain", [None, None], [false, false]),
            ("a_file_without_hashes_and_a_user", 0, "plain", [plain(), plain()], [true, true]),
            ("nobody", 1, "hashed", [None, None], [false, false]),
            ("nobody_with_no_password", 1, "", [None, None], [false, false]),
            ("a_plain_password", 1, "plain", [plain(), None], [true, false]),
            ("a_wrong_plain_password", 1, "wrong", [plain(), None], [false, false]),
            ("a_hash", 1, "hashed", [own(), None], [true, false]),
            ("a_wrong_password", 1, "wrong", [own(), None], [false, false]),
            ("the_hash_itself_as_password", 1, hash.as_str(), [own(), None], [false, false]),
            ("nobody_while_a_hash_is_changed", 2, "hashed", [None, None], [false, false]),
            ("a_plain_password_while_a_hash_is_changed", 2, "plain", [plain(), None], [true, false]),
            ("a_hash_while_another_is_changed", 2, "hashed", [own(), None], [true, false]),
            ("a_hash_that_is_changed", 2, "hashed", [own(), own()], [true, true]),
            ("a_plain_password_that_becomes_a_hash", 2, "plain", [plain(), own()], [true, false]),
            ("its_new_password", 2, "hashed", [plain(), own()], [false, true]),
        ] {
            VERIFIED.take();
            let dummy = (looks > 0).then(|| Dummy { hash: Arc::clone(&parsed), looks });
            let found = look(presented.as_bytes(), &known, dummy.as_ref(), &mut Vec::new());
            assert_eq!((found, VERIFIED.take()), (wanted, vec![(8, 1, 1); looks]), "{name}");
            assert_eq!(matching(presented, known, dummy.as_ref()).await, wanted, "{name}");
        }
    }
}
