//! Passwords: plain ones and Argon2id PHC strings, and looking at one so that its length, its nature and the existence of the user do
//! not show in the time that it takes.
//!
//! Of a plain password only the SHA-256 is kept: digests have one length, and comparing them takes constant time. Hashes may differ in
//! cost from user to user, so a look does the work of the most expensive user for everybody, for names without a user too.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::digest::{SHA256, digest};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::sync::Semaphore;
use zeroize::{Zeroize, Zeroizing};

use crate::env::{Env, NoEntropy};

/// Most memory of a hash that is accepted, in KiB: 256 MiB.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// Most passes of a hash that is accepted.
const MAX_PASSES: u32 = 16;
/// Most lanes of a hash that is accepted.
const MAX_LANES: u32 = 16;
/// Hashes at once in this process, whoever asks: each takes a processor, and its memory.
const AT_ONCE: usize = 2;
static HASHING: Semaphore = Semaphore::const_new(AT_ONCE);
/// Memory of hashes that are done, wiped.
static MEMORY: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());
/// Blocks of a kibibyte beyond which memory is given back: 32 MiB.
const MAX_KEPT_BLOCKS: usize = 32 * 1024;

/// Memory of the hashes that [`hash_password`] makes, in KiB: 19 MiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Their passes.
const PASSES: u32 = 2;

/// A password as configured.
#[derive(Clone)]
pub(super) enum Password {
    /// SHA-256 of a plain one.
    Plain(Zeroizing<[u8; 32]>),
    /// What an Argon2id PHC string says.
    Hashed(Arc<Hash>),
}

/// An Argon2id hash with what it takes to make it again.
#[derive(PartialEq)]
pub(super) struct Hash {
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// How much Argon2 does, in passes over one KiB. Lanes are computed one after the other and do not count.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Work(u64);

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

impl Password {
    /// A text that begins like an Argon2 hash is one, and never a plain password: else the hash itself would open the door.
    pub(super) fn parse(text: &str) -> Result<Self, HashFault> {
        if is_hash(text) {
            Hash::parse(text).map(|hash| Self::Hashed(Arc::new(hash)))
        } else {
            Ok(Self::Plain(sha256(text.as_bytes())))
        }
    }

    /// Whether both are known to be the same password. Two hashes with different salts cannot be told.
    pub(super) fn is_known_to_equal(&self, text: &str, other: &Self, other_text: &str) -> bool {
        match (self, other) {
            (Self::Plain(one), Self::Plain(other)) => one.as_slice().ct_eq(other.as_slice()).into(),
            (Self::Hashed(hash), Self::Plain(_)) => hash.matches(other_text.as_bytes()).into(),
            (Self::Plain(_), Self::Hashed(hash)) => hash.matches(text.as_bytes()).into(),
            (Self::Hashed(one), Self::Hashed(other)) => one == other,
        }
    }

    /// What looking at it costs.
    pub(super) fn work(&self) -> Work {
        match self {
            Self::Plain(_) => Work::default(),
            Self::Hashed(hash) => Work::of(&hash.params),
        }
    }
}

/// Whether the text is a password hash; the rules for plain passwords cannot be applied to one.
pub(super) fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2")
}

impl Hash {
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

    fn matches(&self, password: &[u8]) -> Choice {
        #[cfg(test)]
        tests::WORK.set(tests::WORK.get().and(Work::of(&self.params)));
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        let argon2 = Argon2::new(Algorithm::Argon2id, self.version, self.params.clone());
        match hash(&argon2, password, &self.salt, &mut output) {
            Ok(()) => output.as_slice().ct_eq(&self.output),
            Err(error) => {
                tracing::error!(error = %error, "a password could not be hashed, and counts as wrong");
                Choice::from(0)
            }
        }
    }
}

impl Work {
    /// A block of the dummy takes no more than 64 MiB.
    const DUMMY_MEMORY_KIB: u64 = 64 * 1024;

    fn of(params: &Params) -> Self {
        Self(u64::from(params.m_cost()).saturating_mul(u64::from(params.t_cost())))
    }

    /// Both, one after the other.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Memory in KiB, and passes, of a hash that does as much: less by fewer KiB than there are passes.
    fn dummy(self) -> Option<(u32, u32)> {
        let passes = self.0.div_ceil(Self::DUMMY_MEMORY_KIB).max(1);
        let memory = self.0.checked_div(passes)?.max(u64::from(Params::MIN_M_COST));
        Some((u32::try_from(memory).ok()?, u32::try_from(passes).ok()?))
    }

    /// Does as much on nothing.
    fn waste(self, password: &[u8]) {
        if self == Self::default() {
            return;
        }
        let Some((memory, passes)) = self.dummy() else { return };
        let Ok(params) = Params::new(memory, passes, 1, None) else { return };
        #[cfg(test)]
        tests::WORK.set(tests::WORK.get().and(Self::of(&params)));
        let mut output = Zeroizing::new([0; 32]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let _ = hash(&argon2, password, b"nobody's salt", output.as_mut_slice());
        std::hint::black_box(&output);
    }
}

/// Which of two passwords the presented one is. Both are looked at, whatever the first look gives; where there is none, a digest of
/// nothing stands in. All in all it does the work of `most`.
pub(super) async fn matching(presented: &str, known: [Option<Password>; 2], most: Work) -> [bool; 2] {
    let presented = Zeroizing::new(presented.as_bytes().to_vec());
    if most == Work::default() {
        return look(&presented, &known, most);
    }
    let Ok(permit) = HASHING.acquire().await else { return [false; 2] };
    let hashing = tokio::task::spawn_blocking(move || {
        // Held by the work rather than by the caller, who may hang up.
        let _permit = permit;
        look(&presented, &known, most)
    });
    hashing.await.unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a password could not be looked at");
        [false; 2]
    })
}

fn look(presented: &[u8], known: &[Option<Password>; 2], most: Work) -> [bool; 2] {
    let digest = sha256(presented);
    let found = known.each_ref().map(|password| match password {
        Some(Password::Plain(known)) => digest.as_slice().ct_eq(known.as_slice()),
        Some(Password::Hashed(hash)) => hash.matches(presented),
        None => digest.ct_eq(&[0; 32]) & Choice::from(0),
    });
    let done = known.iter().flatten().fold(Work::default(), |sum, password| sum.and(password.work()));
    Work(most.0.saturating_sub(done.0)).waste(presented);
    found.map(bool::from)
}

/// Hashes in memory that is used again. A new piece for every login would come from another arena of the allocator each time, which
/// keeps it: a few logins would hold hundreds of megabytes. What is kept has been wiped.
fn hash(argon2: &Argon2<'_>, password: &[u8], salt: &[u8], output: &mut [u8]) -> Result<(), argon2::Error> {
    let kept = MEMORY.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut memory = kept.unwrap_or_default();
    memory.resize(argon2.params().block_count(), Block::default());
    let hashed = argon2.hash_password_into_with_memory(password, salt, output, &mut memory);
    memory.iter_mut().for_each(Zeroize::zeroize);
    let mut pool = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.len() < AT_ONCE && memory.len() <= MAX_KEPT_BLOCKS {
        pool.push(memory);
    }
    hashed
}

/// An Argon2id PHC string for the configuration: 19 MiB, 2 passes, 1 lane, as OWASP and the library have it.
///
/// # Errors
/// [`HashPasswordError`].
pub fn hash_password(password: &str, env: &Env) -> Result<String, HashPasswordError> {
    let salt = env.random::<16>()?;
    let mut output = Zeroizing::new([0; 32]);
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(output.len()))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    hash(&argon2, password.as_bytes(), &salt, output.as_mut_slice())?;
    let base64 = base64_simd::STANDARD_NO_PAD;
    let (salt, output) = (base64.encode_to_string(salt), base64.encode_to_string(output.as_slice()));
    Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${output}"))
}

/// A password could not be hashed.
#[derive(Clone, PartialEq, Debug)]
pub enum HashPasswordError {
    /// There is no randomness for the salt.
    NoEntropy(NoEntropy),
    /// Argon2 failed: there is not enough memory.
    Argon2(argon2::Error),
}

impl fmt::Display for HashPasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntropy(error) => error.fmt(f),
            Self::Argon2(error) => write!(f, "the password could not be hashed: {error}"),
        }
    }
}

impl std::error::Error for HashPasswordError {}

impl From<NoEntropy> for HashPasswordError {
    fn from(error: NoEntropy) -> Self {
        Self::NoEntropy(error)
    }
}

impl From<argon2::Error> for HashPasswordError {
    fn from(error: argon2::Error) -> Self {
        Self::Argon2(error)
    }
}

pub(super) fn sha256(bytes: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut hash = Zeroizing::new([0; 32]);
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        /// What Argon2 has done on this thread.
        pub(super) static WORK: std::cell::Cell<Work> = const { std::cell::Cell::new(Work(0)) };
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
        let of = |text: &str| Password::parse(text).err();
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
        assert!(matches!(Password::parse("$2b$ is plain to us"), Ok(Password::Plain(_))));
    }

    #[test]
    fn what_hash_password_makes_is_read_and_matches_its_password_only() {
        let hash = hash_password("correct horse", &Env::system()).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let Ok(Password::Hashed(hash)) = Password::parse(&hash) else { panic!("a hash") };
        assert!(bool::from(hash.matches(b"correct horse")));
        assert!(!bool::from(hash.matches(b"correct horsf")));
    }

    #[test]
    fn the_work_done_for_nobody_is_that_of_a_user_whatever_his_parameters() {
        for (memory_kib, passes) in [
            (8, 1),
            (19 * 1024, 2),
            (64 * 1024, 3),
            (65 * 1024, 1),
            (100 * 1024, 1),
            (100 * 1024, 3),
            (127 * 1024, 16),
        ] {
            let work = Work(memory_kib * passes);
            let (memory, passes) = work.dummy().unwrap();
            let done = u64::from(memory) * u64::from(passes);
            assert!(memory <= 64 * 1024, "{work:?}");
            assert!(done <= work.0 && work.0 - done < u64::from(passes), "{work:?}: {done}");
        }
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
            let (first, second) = (Password::parse(one).unwrap(), Password::parse(two).unwrap());
            assert_eq!(first.is_known_to_equal(one, &second, two), equal, "{one} {two}");
        }
    }

    #[test]
    fn a_look_does_the_same_work_for_every_user_and_for_none() {
        let plain = || Password::parse("plain").ok();
        let cheap = || Password::parse(&cheap("hashed", b"some-salt")).ok();
        let dear = || {
            let tail = "$c29tZXNhbHQ$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
            Password::parse(&format!("$argon2id$v=19$m=64,t=3,p=2{tail}")).ok()
        };
        let most = dear().unwrap().work().and(dear().unwrap().work());
        assert_eq!(most, Work(2 * 64 * 3));
        for (name, known) in [
            ("nobody", [None, None]),
            ("plain", [plain(), None]),
            ("plain_rotating", [plain(), plain()]),
            ("cheap", [cheap(), None]),
            ("cheap_and_plain", [cheap(), plain()]),
            ("dear", [dear(), None]),
            ("dearest", [dear(), dear()]),
        ] {
            for presented in ["plain", "hashed", "wrong"] {
                WORK.set(Work(0));
                look(presented.as_bytes(), &known, most);
                assert_eq!(WORK.get(), most, "{name} {presented}");
            }
        }
    }

    #[tokio::test]
    async fn every_place_is_looked_at_whatever_the_other_gives() {
        let plain = || Password::parse("plain").ok();
        let hashed = || Password::parse(&cheap("hashed", b"some-salt")).ok();
        let most = hashed().unwrap().work().and(hashed().unwrap().work());
        for (presented, known, wanted) in [
            ("plain", [plain(), hashed()], [true, false]),
            ("hashed", [plain(), hashed()], [false, true]),
            ("hashed", [hashed(), None], [true, false]),
            ("wrong", [plain(), hashed()], [false, false]),
            ("", [None, None], [false, false]),
        ] {
            assert_eq!(matching(presented, known, most).await, wanted, "{presented}");
        }
        assert_eq!(matching("plain", [plain(), plain()], Work::default()).await, [true, true]);
    }
}
