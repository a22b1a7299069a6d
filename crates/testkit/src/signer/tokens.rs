//! Signers that nobody signs with, and tokens made by hand: for tests of who may ask.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::hmac;
use jwtis_base::Env;
use jwtis_jose::{ClaimsSet, base64url, jws};
use jwtis_signer::login::{CredentialsConfig, TokenGuard, TrustedIssuer, UserConfig};
use jwtis_signer::rules::Guard;
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::{LoginError, Presented, Rules, TokenRefusal};
use jwtis_signer::{Signer, SignerParts, TrustedTokens};
use jwtis_tezos::Caller;
use jwtis_tezos::policy::User;

use crate::clock::{ManualClock, env};

pub const PASSWORD: &str = "old Password 1 of the user";
pub const SECRET: &str = "old Secret 1 of the user, 32 bytes";
pub const NEW_PASSWORD: &str = "new Password 2 of the user";
pub const NEW_SECRET: &str = "new Secret 2 of the user, 32 bytes";
/// An Argon2id hash of [`PASSWORD`] that costs next to nothing.
pub const CHEAP_HASH_SALT: &[u8] = b"some-salt";

pub fn credentials(password: &str, secret: &str) -> CredentialsConfig {
    CredentialsConfig { password: password.to_owned().into(), secret: secret.to_owned().into(), jwt_exp: 0 }
}

pub fn user(name: &str) -> UserConfig {
    UserConfig {
        name: name.to_owned(),
        current: credentials(PASSWORD, SECRET),
        new: None,
        old_cred_exp: None,
    }
}

/// A user who changes to the new pair.
pub fn rotating(name: &str, old_cred_exp: &str) -> UserConfig {
    UserConfig {
        new: Some(CredentialsConfig { jwt_exp: 5, ..credentials(NEW_PASSWORD, NEW_SECRET) }),
        old_cred_exp: Some(old_cred_exp.to_owned()),
        ..user(name)
    }
}

pub fn cheap_hash(password: &str) -> String {
    let params = argon2::Params::new(8, 1, 1, None).unwrap();
    let mut output = [0; 32];
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(password.as_bytes(), CHEAP_HASH_SALT, &mut output)
        .unwrap();
    let base64 = base64_simd::STANDARD_NO_PAD;
    let (salt, output) = (base64.encode_to_string(CHEAP_HASH_SALT), base64.encode_to_string(output));
    format!("$argon2id$v=19$m=8,t=1,p=1${salt}${output}")
}

pub fn rules(users: Vec<UserConfig>, issuers: Vec<TrustedIssuer>, env: &Env) -> Rules {
    let (guard, _) = TokenGuard::new(users, issuers, env).unwrap();
    Rules { guard: Guard::Tokens(guard), ..Rules::default() }
}

pub fn signer_with(rules: Rules, issuer: Option<Arc<dyn TrustedTokens>>, env: Env) -> Signer {
    Signer::new(SignerParts {
        env,
        rules,
        vaults: Vec::new(),
        watermarks: Arc::new(MemWatermarks::default()),
        store: None,
        issuer,
    })
}

pub fn signer(users: Vec<UserConfig>, clock: &Arc<ManualClock>) -> Signer {
    let env = env(clock);
    signer_with(rules(users, Vec::new(), &env), None, env)
}

pub fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

pub async fn login(signer: &Signer, name: &str, password: &str) -> Result<String, LoginError> {
    signer.login(Some(name), Some(password), ip(1)).await
}

/// Who a token is of, or the text of the refusal.
pub async fn whose(signer: &Signer, token: &str, username: Option<&str>) -> Result<String, String> {
    user_of(signer, token, username).await.map(|user| user.name).map_err(|refusal| refusal.to_string())
}

pub async fn user_of(signer: &Signer, token: &str, username: Option<&str>) -> Result<User, TokenRefusal> {
    let presented = Presented { token: Some(token), username };
    match signer.authenticate(presented).await?.caller() {
        Caller::User(user) => Ok(user.clone()),
        other => panic!("{other:?}"),
    }
}

pub fn segment(json: &str) -> String {
    base64url::encode(json.as_bytes())
}

/// A token made by hand, with the digest that the algorithm asks for under `secret`.
pub fn forge(header: &str, claims: &str, secret: &str) -> String {
    let input = format!("{}.{}", segment(header), segment(claims));
    let algorithm = if header.contains("HS384") {
        hmac::HMAC_SHA384
    } else if header.contains("HS512") {
        hmac::HMAC_SHA512
    } else {
        hmac::HMAC_SHA256
    };
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), input.as_bytes());
    format!("{input}.{}", base64url::encode(tag.as_ref()))
}

pub fn hs256(claims: &str, secret: &str) -> String {
    forge(r#"{"alg":"HS256","typ":"JWT"}"#, claims, secret)
}

pub fn claims_of(token: &str) -> ClaimsSet {
    ClaimsSet::parse(jws::Unverified::parse(token).unwrap().danger_unverified_payload()).unwrap()
}
