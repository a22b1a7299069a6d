//! A reload takes no guard of issuers and users away.

use jwtis_base::{RegistrationId, Timestamp};
use jwtis_signer::login::{CredentialsConfig, TokenGuard, TrustedIssuer, UserConfig};
use jwtis_signer::rules::Guard;
use jwtis_signer::{GuardRemoved, Rules};
use jwtis_testkit::clock::{ManualClock, env};

use super::reload::last_refusal;

#[test]
fn an_entry_of_an_issuer_never_loses_registration_or_audience_by_a_reload() {
    let of = |entries: &[(&str, bool, Option<&str>)]| {
        let registration: RegistrationId = "00000000-0000-8000-8000-000000000001".parse().unwrap();
        let entries = entries.iter().map(|(client, registered, audience)| TrustedIssuer {
            client: client.parse().unwrap(),
            registration: registered.then_some(registration),
            audience: audience.map(str::to_owned),
        });
        let env = env(&ManualClock::at(Timestamp::from_seconds(1)));
        let (guard, _) = TokenGuard::new(Vec::new(), entries.collect(), &env).unwrap();
        Rules { guard: Guard::Tokens(guard), ..Rules::default() }
    };
    let (a, b) = (Some("a"), Some("b"));
    for (name, steps, missing) in [
        ("registration_goes", vec![of(&[("c", true, a)]), of(&[("c", false, a)])], Some("registration")),
        ("audience_goes", vec![of(&[("c", true, a)]), of(&[("c", true, None)])], Some("audience")),
        ("in_two_steps", vec![of(&[("c", true, a)]), of(&[]), of(&[("c", false, a)])], Some("registration")),
        (
            "it_came_later",
            vec![of(&[("c", false, a)]), of(&[("c", true, a)]), of(&[("c", false, a)])],
            Some("registration"),
        ),
        (
            "one_of_two",
            vec![of(&[("c", false, a), ("c", true, b)]), of(&[("c", false, a), ("c", false, b)])],
            Some("registration"),
        ),
        (
            "two_stay",
            vec![of(&[("c", false, a), ("c", true, b)]), of(&[("c", false, a), ("c", true, b)])],
            None,
        ),
        ("another_audience", vec![of(&[("c", true, a)]), of(&[("c", true, b)])], None),
        ("another_client", vec![of(&[("c", true, a)]), of(&[("c", true, a), ("d", false, None)])], None),
        ("it_never_had_any", vec![of(&[("c", false, None)]), of(&[("c", false, None)])], None),
    ] {
        let wanted = missing.map(|missing| {
            format!("the client c in server.jwt.issuers is without {missing}, and had it before")
        });
        assert_eq!(last_refusal(name, steps), wanted, "{name}");
    }
}

/// Rules with one user, or none: numbers of the pairs, with `jwt_exp` (0 is one that is not given: 60 minutes), and `old_cred_exp`.
fn alice(pairs: &[(u8, u32)], until: Option<&str>) -> Rules {
    let pair = |(number, jwt_exp): (u8, u32)| CredentialsConfig {
        password: format!("Long-Enough-Pass-{number}").into(),
        secret: format!("A-Secret-Of-At-Least-32-Bytes-000{number}").into(),
        jwt_exp,
    };
    let user = pairs.first().map(|current| UserConfig {
        name: "alice".to_owned(),
        current: pair(*current),
        new: pairs.get(1).copied().map(pair),
        old_cred_exp: until.map(str::to_owned),
    });
    let env = env(&ManualClock::at(Timestamp::from_seconds(1_800_000_000)));
    let (guard, _) = TokenGuard::new(user.into_iter().collect(), Vec::new(), &env).unwrap();
    Rules { guard: Guard::Tokens(guard), ..Rules::default() }
}

#[test]
fn tokens_of_a_user_never_live_longer_by_the_loss_of_a_setting() {
    let of = |pairs: &[(u8, u32)]| alice(pairs, Some("2027-01-15 09:00:00"));
    for (name, steps, is_refused) in [
        ("it_goes", vec![of(&[(1, 5)]), of(&[(1, 0)])], true),
        ("in_two_steps", vec![of(&[(1, 5)]), of(&[]), of(&[(1, 0)])], true),
        ("with_another_secret", vec![of(&[(1, 5)]), of(&[(2, 0)])], true),
        ("of_new_data", vec![of(&[(1, 5), (2, 5)]), of(&[(1, 5), (2, 0)])], true),
        ("new_data_comes_without_it", vec![of(&[(1, 5)]), of(&[(1, 5), (2, 0)])], true),
        ("new_data_never_had_it", vec![of(&[(1, 5), (2, 0)]), of(&[(2, 0)])], false),
        ("it_changes", vec![of(&[(1, 5)]), of(&[(1, 600)])], false),
        ("one_above_the_default_goes", vec![of(&[(1, 600)]), of(&[(1, 0)])], false),
        ("it_was_never_there", vec![of(&[(1, 0)]), of(&[(1, 0)])], false),
        ("a_new_user", vec![of(&[]), of(&[(1, 0)])], false),
    ] {
        let wanted = is_refused.then(|| GuardRemoved::TokenLife("alice".to_owned()).to_string());
        assert_eq!(last_refusal(name, steps), wanted, "{name}");
    }
}

#[test]
fn credentials_that_were_given_up_never_come_back_by_a_reload() {
    let one = |number| alice(&[(number, 0)], None);
    let two = |old, new, until| alice(&[(old, 0), (new, 0)], until);
    let later = Some("2027-01-15 09:00:00");
    for (name, steps, is_refused) in [
        ("while_both_live", vec![two(1, 2, later), one(1)], true),
        ("when_the_new_one_lives", vec![two(1, 2, None), one(1)], true),
        ("in_two_steps", vec![two(1, 2, None), alice(&[], None), one(1)], true),
        ("the_rotation_ends", vec![two(1, 2, later), one(2)], false),
        // As where a file is cut off inside the old secret, which leaves the old password with another one.
        ("a_third_pair", vec![two(1, 2, None), one(3)], true),
        ("a_third_pair_after_the_rotation", vec![two(1, 2, None), one(2), one(3)], false),
        ("back_by_a_rotation", vec![two(1, 2, None), two(2, 1, None), one(1)], false),
        ("no_rotation", vec![one(1), one(1)], false),
    ] {
        let wanted = is_refused.then(|| GuardRemoved::User("alice".to_owned()).to_string());
        assert_eq!(last_refusal(name, steps), wanted, "{name}");
    }
}
