//! Requests that race end in one of the allowed outcomes, whatever the order of their steps at the store.

use jwtis_issuer::{
    ClientAccess, IssuerSettings, KeyOptions, RefreshStrategy, RegisterError, RenewKeysError, RenewToken,
    RevokeTarget, TokenSet,
};
use jwtis_testkit::issuer::interleave::{Racer, Ran, interleave, run, yielding_store};
use jwtis_testkit::issuer::{World, id, kind};
use proptest::prelude::*;

#[derive(Copy, Clone, Debug)]
enum Act {
    Renew { keep: bool },
    RevokeSession,
    RevokeToken,
    RevokeSubject,
    RevokeAll,
    Verify,
    RenewKeys,
    Issue,
}

#[derive(Debug)]
enum Outcome {
    Renewed(Box<TokenSet>),
    Refused(&'static str),
    Revoked,
    Status(&'static str),
    Rotated(bool),
    Issued(Box<TokenSet>),
}

/// Each actor comes with a request of its own: credentials first, as over HTTP.
async fn act(world: &World, first: &TokenSet, act: Act) -> Outcome {
    let access = world.access("shop").await;
    let session = first.session.uuid().to_string();
    let revoke = async |target: RevokeTarget<'_>| {
        world.issuer.revoke(&access, target).await.unwrap();
        Outcome::Revoked
    };
    match act {
        Act::Renew { keep } => {
            let strategy = (!keep).then_some(RefreshStrategy::RefreshBoth);
            let command = RenewToken { refresh_token: &first.refresh_token, strategy };
            match world.issuer.renew(&access, command).await {
                Ok(tokens) => Outcome::Renewed(Box::new(tokens)),
                refusal => Outcome::Refused(kind(&refusal)),
            }
        }
        Act::RevokeSession => revoke(RevokeTarget::Session(&session)).await,
        Act::RevokeToken => revoke(RevokeTarget::Token(&first.access_token)).await,
        Act::RevokeSubject => revoke(RevokeTarget::Subject("u1")).await,
        Act::RevokeAll => revoke(RevokeTarget::All).await,
        Act::Verify => Outcome::Status(world.status(&access, &first.access_token).await),
        Act::Issue => Outcome::Issued(Box::new(world.issue(&access, r#"{"sub":"u1"}"#))),
        Act::RenewKeys => match world.issuer.renew_keys(&access, KeyOptions::default()).await {
            Ok(_) => Outcome::Rotated(true),
            Err(RenewKeysError::Conflict) => Outcome::Rotated(false),
            Err(error) => panic!("{error}"),
        },
    }
}

/// Runs the acts on one session in the chosen order and checks what must hold in every order.
fn check(acts: &[Act], choices: &[usize]) {
    let world = run(World::with(yielding_store(), IssuerSettings::default()));
    let access = run(world.client("shop", KeyOptions::default()));
    let first = world.issue(&access, r#"{"sub":"u1"}"#);
    let actors = acts.iter().map(|&a| Box::pin(act(&world, &first, a)) as Racer<'_, Outcome>).collect();
    let ran: Vec<Ran<Outcome>> = interleave(actors, choices);

    let revoked_at =
        ran.iter().filter(|ran| matches!(ran.outcome, Outcome::Revoked)).map(|ran| ran.ended).min();
    for ran in &ran {
        // What begins after a revocation has been acknowledged must feel it.
        let too_late = revoked_at.is_some_and(|at| ran.began > at);
        match &ran.outcome {
            Outcome::Renewed(_) => assert!(!too_late, "renewed after a revocation"),
            Outcome::Status(status) if too_late => assert_eq!(*status, "revoked"),
            Outcome::Status(status) => assert!(matches!(*status, "active" | "revoked"), "{status}"),
            Outcome::Refused(reason) => {
                assert_eq!(*reason, "revoked", "nobody is refused but by a revocation");
                assert!(revoked_at.is_some());
            }
            Outcome::Revoked | Outcome::Rotated(_) | Outcome::Issued(_) => {}
        }
    }
    check_issued(&world, acts, &ran);
    let rotations: Vec<bool> = ran
        .iter()
        .filter_map(|ran| if let Outcome::Rotated(won) = ran.outcome { Some(won) } else { None })
        .collect();
    assert!(rotations.is_empty() || rotations.contains(&true), "of rotations at once, one wins");

    let mut held: Vec<&TokenSet> = vec![&first];
    held.extend(
        ran.iter().filter_map(|ran| {
            if let Outcome::Renewed(tokens) = &ran.outcome { Some(&**tokens) } else { None }
        }),
    );
    one_family_at_most(&world, &held, revoked_at.is_some());
}

/// A session that was opened after a mark was acknowledged lives; one opened before the mark was asked for does not.
fn check_issued(world: &World, acts: &[Act], ran: &[Ran<Outcome>]) {
    let access = run(world.access("shop"));
    for issued in ran {
        let Outcome::Issued(tokens) = &issued.outcome else { continue };
        let marks: Vec<&Ran<Outcome>> = acts
            .iter()
            .zip(ran)
            .filter(|(act, _)| matches!(act, Act::RevokeSubject | Act::RevokeAll))
            .map(|(_, ran)| ran)
            .collect();
        let status = run(world.status(&access, &tokens.access_token));
        if marks.iter().any(|mark| mark.began > issued.ended) {
            assert_eq!(status, "revoked");
        } else if marks.iter().all(|mark| mark.ended < issued.began) {
            assert_eq!(status, "active");
        }
    }
}

/// Of all tokens that were handed out, those of one generation lead on and no two of different ones do.
fn one_family_at_most(world: &World, held: &[&TokenSet], revoked: bool) {
    let access = run(world.access("shop"));
    if revoked {
        for tokens in held {
            assert_eq!(run(world.status(&access, &tokens.access_token)), "revoked");
            assert_eq!(kind(&run(world.renew(&access, &tokens.refresh_token))), "revoked");
        }
        return;
    }
    let mut families = 0;
    let mut tried: Vec<&str> = Vec::new();
    for tokens in held.iter().rev() {
        if tried.contains(&tokens.refresh_token.as_str()) {
            continue;
        }
        tried.push(&tokens.refresh_token);
        world.seconds_pass(31);
        let command =
            RenewToken { refresh_token: &tokens.refresh_token, strategy: Some(RefreshStrategy::RefreshBoth) };
        if run(world.issuer.renew(&access, command)).is_ok() {
            families += 1;
        }
    }
    assert!(families <= 1, "{families} tokens lead on independently");
}

fn both_orders(first: Act, second: Act) {
    check(&[first, second], &[]);
    check(&[second, first], &[]);
}

#[test]
fn both_orders_of_two_acts() {
    use Act::{Issue, RenewKeys, RevokeAll, RevokeSession, RevokeSubject, RevokeToken};
    let (rotate, keep) = (Act::Renew { keep: false }, Act::Renew { keep: true });
    for second in [rotate, keep, RevokeSession, RevokeToken, RevokeSubject, RevokeAll, RenewKeys] {
        both_orders(rotate, second);
    }
    for second in [RevokeSession, RevokeToken, RevokeSubject, RevokeAll] {
        both_orders(keep, second);
    }
    for second in [RenewKeys, RevokeAll, RevokeSession] {
        both_orders(RenewKeys, second);
    }
    for second in [RevokeAll, RevokeSubject] {
        both_orders(Issue, second);
    }
}

/// Two registrations of one name, in a chosen order: exactly one wins, and its token is the one that opens.
fn check_registrations(choices: &[usize]) {
    let world = run(World::with(yielding_store(), IssuerSettings::default()));
    let registration = run(world.issuer.registration(Some(&world.admin))).unwrap();
    let actors = (0..3)
        .map(|_| {
            Box::pin(world.issuer.register(&registration, id("shop"), KeyOptions::default())) as Racer<'_, _>
        })
        .collect();
    let mut winners: Vec<jwtis_issuer::Registered> = Vec::new();
    for ran in interleave(actors, choices) {
        match ran.outcome {
            Ok(registered) => winners.push(registered),
            Err(RegisterError::Taken) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    let secret = winners.remove(0).client_token;
    let credentials = jwtis_issuer::Credentials { secret, user: None };
    assert!(run(world.issuer.client_access(Some(&credentials), &id("shop"))).is_ok());
}

#[test]
fn both_orders_register_and_register() {
    for choices in [&[][..], &[1; 40], &[0, 1].repeat(20)] {
        check_registrations(choices);
    }
}

/// Both strategies; sequences of acts short enough that their interleavings are well covered.
fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => any::<bool>().prop_map(|keep| Act::Renew { keep }),
        1 => Just(Act::RevokeSession),
        1 => Just(Act::RevokeToken),
        1 => Just(Act::RevokeSubject),
        1 => Just(Act::RevokeAll),
        2 => Just(Act::Verify),
        2 => Just(Act::RenewKeys),
        2 => Just(Act::Issue),
    ];
    proptest::collection::vec(act, 2..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_interleavings_end_in_an_allowed_outcome(
        acts in acts(),
        choices in proptest::collection::vec(0_usize..6, 0..80),
    ) {
        check(&acts, &choices);
    }

    #[test]
    fn random_interleavings_of_registrations(choices in proptest::collection::vec(0_usize..6, 0..40)) {
        check_registrations(&choices);
    }
}

#[test]
fn a_reader_never_sees_a_client_as_it_was_before_an_acknowledged_change() {
    // The cache fills while the record changes: load, change, answer, then the load ends.
    let world = run(World::with(yielding_store(), IssuerSettings::default()));
    run(world.client("shop", KeyOptions::default()));
    let access: ClientAccess = run(world.access("shop"));
    // A change that nobody loads afterwards leaves the cache empty.
    run(world.issuer.revoke(&access, RevokeTarget::All)).unwrap();
    // One actor reads the record, then the other rotates, then the first goes on with what it read.
    let slow_load = Box::pin(async { Some(world.access("shop").await) }) as Racer<'_, _>;
    let rotate = Box::pin(async {
        world.issuer.renew_keys(&access, KeyOptions::default()).await.unwrap();
        None
    }) as Racer<'_, _>;
    interleave(vec![slow_load, rotate], &[vec![0, 0], vec![1; 30]].concat());
    let seen = run(world.access("shop"));
    assert_eq!(seen.client().keys().entries().len(), 2, "the newest ring, not a cached older one");
}
