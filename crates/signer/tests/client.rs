//! Requests signed with a key of the client, with the check values of docs/reference/signer-protocol.md.

use jwtis_base::Timestamp;
use jwtis_signer::login::UserConfig;
use jwtis_signer::rules::Guard;
use jwtis_signer::{ClientRefusal, Presented, Rules, Signer};
use jwtis_testkit::clock::{ManualClock, env};
use jwtis_testkit::signer::tokens::{
    NEW_SECRET, PASSWORD, credentials, login, rotating, rules, signer_with, user,
};
use jwtis_tezos::{Caller, Curve, PublicKeyHash, SecretKey, Signature, SigningVersion};

/// The check values.
const EDSK: &str = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd";
const MESSAGE: [u8; 41] = {
    let mut message = [0; 41];
    message[0] = 3;
    message[33] = 0x11;
    message[37] = 3;
    message[38] = b'a';
    message[39] = b'b';
    message[40] = b'c';
    message
};
const AUTHENTICATION: &str =
    "edsigu5N8JHBF1hNVSJRN4xAnr1AXPbmH4bN53PZktJXLSo4MHPK8GHY7oKbazuvNucY22rCYeStu5p47QAZa3CiTX7pqTDoQe2";

fn signer(guard: Guard) -> Signer {
    signer_with(Rules { guard, ..Rules::default() }, None, env(&ManualClock::at(Timestamp::default())))
}

fn of_keys(keys: &[&SecretKey]) -> Signer {
    signer(Guard::Keys(keys.iter().map(|key| key.public_key().clone()).collect()))
}

async fn check(
    signer: &Signer,
    key: &PublicKeyHash,
    message: &[u8],
    authentication: Option<&str>,
) -> Result<Caller, ClientRefusal> {
    let anybody = signer.authenticate(Presented::default()).await.unwrap();
    let checked = signer.authenticate_client(anybody, key, message, authentication)?;
    Ok(checked.caller().clone())
}

/// `04 01`, tag, hash, message.
fn signed_bytes(key: &PublicKeyHash, message: &[u8]) -> Vec<u8> {
    [&[4, 1, key.curve().tag()], &key.as_bytes()[..], message].concat()
}

#[tokio::test]
async fn the_authentication_check_value_opens() {
    let client: SecretKey = EDSK.parse().unwrap();
    let key = client.public_key().hash();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&signed_bytes(&key, &[])), "0401000b78887fdd0cd3bfbe75a717655728e0205bb958");
    let made = client.sign(&signed_bytes(&key, &MESSAGE), SigningVersion::LATEST).unwrap();
    assert_eq!(made.to_string(), AUTHENTICATION);

    let signer = of_keys(&[&client]);
    let generic = made.to_generic().to_string();
    assert!(generic.starts_with("sig"));
    for value in [AUTHENTICATION, &generic] {
        assert_eq!(check(&signer, &key, &MESSAGE, Some(value)).await, Ok(Caller::Client(key)), "{value}");
    }
}

#[tokio::test]
async fn keys_of_every_curve_in_both_encodings_and_without_a_message() {
    let key: PublicKeyHash = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q".parse().unwrap();
    for curve in [Curve::Ed25519, Curve::Secp256k1, Curve::P256, Curve::Bls12381] {
        let client = SecretKey::generate(curve).unwrap();
        let other = SecretKey::generate(curve).unwrap();
        let signer = of_keys(&[&other, &client]);
        if curve == Curve::Bls12381 {
            // The bytes themselves are signed, in the scheme of version 2.
            let augmented =
                client.sign(&signed_bytes(&key, &MESSAGE), SigningVersion::V1).unwrap().to_string();
            assert_eq!(check(&signer, &key, &MESSAGE, Some(&augmented)).await, Err(ClientRefusal::Invalid));
        }
        for message in [&MESSAGE[..], &[]] {
            let signature = client.sign(&signed_bytes(&key, message), SigningVersion::LATEST).unwrap();
            for value in [signature.to_string(), signature.to_generic().to_string()] {
                let caller = check(&signer, &key, message, Some(&value)).await;
                assert_eq!(caller, Ok(Caller::Client(client.public_key().hash())), "{value}");
            }
        }
    }
}

#[tokio::test]
async fn each_refusal_of_a_signed_request() {
    let client: SecretKey = EDSK.parse().unwrap();
    let other = SecretKey::generate(Curve::Ed25519).unwrap();
    let key = client.public_key().hash();
    let other_key = other.public_key().hash();
    let sign = |bytes: &[u8]| client.sign(bytes, SigningVersion::LATEST).unwrap().to_string();
    let signer = of_keys(&[&client]);
    let (missing, invalid) = ("missing authentication signature field", "invalid authentication signature");
    let without_message = sign(&signed_bytes(&key, &[]));
    let bare = sign(&MESSAGE);
    let nonce_call = sign(&[&[4, 2], &signed_bytes(&key, &MESSAGE)[2..]].concat());
    let of_other_key = sign(&signed_bytes(&other_key, &MESSAGE));
    let by_other = other.sign(&signed_bytes(&key, &MESSAGE), SigningVersion::LATEST).unwrap().to_string();
    let zeros = Signature::Generic([0; 64]).to_string();
    for (name, value, wanted) in [
        ("absent", None, missing),
        ("empty", Some(""), missing),
        ("cut", Some(&AUTHENTICATION[..90]), "the checksum is wrong: a character is mistyped or missing"),
        ("a_key", Some(EDSK), "base58check, but of no signature"),
        ("of_another_message", Some(without_message.as_str()), invalid),
        ("of_the_message_alone", Some(&bare), invalid),
        ("of_another_call", Some(&nonce_call), invalid),
        ("for_another_key", Some(&of_other_key), invalid),
        ("by_another_client", Some(&by_other), invalid),
        ("zeros", Some(&zeros), invalid),
    ] {
        let outcome = check(&signer, &key, &MESSAGE, value).await;
        assert_eq!(outcome.unwrap_err().to_string(), wanted, "{name}");
    }
    let nobody = check(&of_keys(&[]), &key, &MESSAGE, Some(AUTHENTICATION)).await;
    assert_eq!(nobody, Err(ClientRefusal::Invalid), "an empty list of keys");
}

#[tokio::test]
async fn without_keys_the_caller_stays_who_he_is() {
    let key: PublicKeyHash = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q".parse().unwrap();
    let open = signer(Guard::Open);
    assert_eq!(check(&open, &key, &MESSAGE, Some("nonsense")).await, Ok(Caller::Anonymous));

    let env = env(&ManualClock::at(Timestamp::default()));
    let signer = signer_with(rules(vec![user("alice")], Vec::new(), &env), None, env);
    let token = login(&signer, "alice", PASSWORD).await.unwrap();
    let presented = Presented { token: Some(&token), username: None };
    let alice = signer.authenticate(presented).await.unwrap();
    let user = alice.caller().clone();
    let stays = signer.authenticate_client(alice, &key, &MESSAGE, None).unwrap();
    assert_eq!(*stays.caller(), user);
}

#[tokio::test]
async fn a_caller_whose_grounds_a_reload_takes_away_while_his_body_comes_is_out_again() {
    let key: PublicKeyHash = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q".parse().unwrap();
    let env = env(&ManualClock::at(Timestamp::default()));
    let of = |users| rules(users, Vec::new(), &env);
    let signer = signer_with(of(vec![user("alice")]), None, env.clone());
    let token = login(&signer, "alice", PASSWORD).await.unwrap();
    let alice = signer.authenticate(Presented { token: Some(&token), username: None }).await.unwrap();
    let other_secret = UserConfig { current: credentials(PASSWORD, NEW_SECRET), ..user("alice") };
    for (name, users, stays) in [
        ("the_same", vec![user("alice"), user("bob")], true),
        ("a_rotation_begins", vec![rotating("alice", "2030-01-01 00:00:00")], true),
        ("the_user_is_gone", vec![user("bob")], false),
        ("the_secret_is_another", vec![other_secret], false),
        ("a_rotation_is_over", vec![rotating("alice", "1970-01-01 00:00:00")], false),
    ] {
        signer.apply(of(users), None);
        let outcome = signer.authenticate_client(alice.clone(), &key, &MESSAGE, None);
        assert_eq!(outcome.is_ok(), stays, "{name}");
    }

    signer.apply(Rules { guard: Guard::Open, ..Rules::default() }, None);
    let anonymous = signer.authenticate(Presented::default()).await.unwrap();
    signer.apply(of(vec![user("alice")]), None);
    let outcome = signer.authenticate_client(anonymous, &key, &MESSAGE, None);
    assert_eq!(outcome.err(), Some(ClientRefusal::Invalid), "tokens came into force");
}
