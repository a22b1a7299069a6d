//! Vaults: who is asked, what is believed, and what a failing one takes with it.

use std::sync::Arc;
use std::time::Duration;

use jwtis_signer::vault::software::SoftwareVault;
use jwtis_signer::{NotHeld, NotSigned, Rules, Vault, Watermarks};
use jwtis_testkit::signer::{
    Act, Calls, Gate, NotedWatermarks, START, ScriptedVault, Setup, allowing, attestation, code, forge,
    new_key, pkh, sign, sign_in_version, text, transaction,
};
use jwtis_tezos::{Curve, Policy, RequestKind, SigningVersion};

#[tokio::test]
async fn trap_11_tz4_keys_sign_by_version_and_not_at_all_for_version_0() {
    let key = new_key(Curve::Bls12381);
    for kind in ["File", "Mem"] {
        let vault = SoftwareVault::new(kind, vec![Arc::clone(&key)]);
        let signer =
            Setup::new().list(&key, allowing(&[RequestKind::Generic])).vault("v", Arc::new(vault)).build();
        let message = transaction(1);
        let by = |version| sign_in_version(&signer, &key, &message, version);
        let (one, two) = (by(SigningVersion::V1).await, by(SigningVersion::V2).await);
        let (one, two) = (one.outcome.unwrap(), two.outcome.unwrap());
        assert_ne!(one, two);
        key.public_key().verify(&message, &one, SigningVersion::V1).unwrap();
        key.public_key().verify(&message, &two, SigningVersion::V2).unwrap();
        assert!(key.public_key().verify(&message, &one, SigningVersion::V2).is_err());
        let none = by(SigningVersion::V0).await;
        assert_eq!(text(&none), format!("({kind}): SigningVersion0 is not supported for BLS keys"));
        assert!(matches!(none.outcome, Err(NotSigned::Vault(_))));
    }
}

#[tokio::test]
async fn trap_15_what_a_vault_gives_is_lowered_and_named_and_leaves_only_if_it_verifies() {
    let withheld = Err("(Scripted): the signature answers another request and was withheld");
    for (name, curve, act, wanted) in [
        ("ed25519", Curve::Ed25519, Act::Sign, Ok(())),
        ("secp256k1", Curve::Secp256k1, Act::Sign, Ok(())),
        ("p256", Curve::P256, Act::Sign, Ok(())),
        ("bls", Curve::Bls12381, Act::Sign, Ok(())),
        ("a_high_s", Curve::Secp256k1, Act::HighS, Ok(())),
        ("generic_secp256k1", Curve::Secp256k1, Act::Generic, Ok(())),
        ("generic_p256", Curve::P256, Act::Generic, Ok(())),
        ("generic_ed25519", Curve::Ed25519, Act::Generic, Ok(())),
        ("of_other_bytes", Curve::Secp256k1, Act::OtherBytes, Err("(Scripted): ")),
        ("of_another_key", Curve::Secp256k1, Act::OtherKey(new_key(Curve::Secp256k1)), Err("(Scripted): ")),
        ("of_another_curve", Curve::Secp256k1, Act::OtherKey(new_key(Curve::Ed25519)), Err("(Scripted): ")),
        ("of_another_request", Curve::Ed25519, Act::MixUp, withheld),
    ] {
        let key = new_key(curve);
        let vault = ScriptedVault::new(&Calls::default(), &[&key]);
        let signer =
            Setup::new().list(&key, allowing(&[RequestKind::Generic])).vault("v", vault.clone()).build();
        let plain = sign(&signer, &key, &transaction(1)).await;
        assert!(plain.about.vault == Some("Scripted") && plain.about.signing_took.is_some(), "{name}");
        let plain = plain.outcome.unwrap();
        assert_eq!(plain.curve(), Some(curve), "{name}");
        key.public_key().verify_strictly(&transaction(1), &plain, SigningVersion::LATEST).unwrap();
        vault.will(act);
        // One that mixes up its answers has to have one.
        sign(&signer, &key, &transaction(2)).await.outcome.ok();
        let decided = sign(&signer, &key, &transaction(1)).await;
        match wanted {
            Ok(()) => {
                assert_eq!(decided.outcome.unwrap(), plain, "{name}: the same bytes, the same signature")
            }
            Err(begins) => assert!(text(&decided).starts_with(begins), "{name}: {}", text(&decided)),
        }
    }
}

#[tokio::test]
async fn trap_8_the_watermark_moves_before_the_key_is_used_and_the_same_bytes_may_be_retried() {
    let key = new_key(Curve::Ed25519);
    let calls = Calls::default();
    let vault = ScriptedVault::new(&calls, &[&key]);
    let watermarks = NotedWatermarks::new(&calls);
    let signer = Setup::new()
        .list(&key, Policy::baker())
        .vault("v", vault.clone())
        .watermarks(watermarks.clone())
        .build();
    vault.will(Act::Fail);
    let failed = sign(&signer, &key, &attestation(7, 0)).await;
    assert_eq!(text(&failed), "(Scripted): on fire");
    assert_eq!(calls.take(), ["list", "watermark", "sign"]);

    vault.will(Act::Sign);
    let mut other = attestation(7, 0);
    *other.last_mut().unwrap() ^= 1;
    assert_eq!(code(&sign(&signer, &key, &other).await), "watermark");
    assert_eq!(calls.take(), ["watermark"], "the key was used below its watermark");
    assert_eq!(code(&sign(&signer, &key, &attestation(7, 0)).await), "signed");
    assert_eq!(code(&sign(&signer, &key, &attestation(8, 0)).await), "signed");
    assert_eq!(code(&sign(&signer, &key, &attestation(7, 0)).await), "watermark");

    calls.take();
    *watermarks.fail.lock().unwrap() = true;
    let lost = sign(&signer, &key, &attestation(9, 0)).await;
    assert!(matches!(lost.outcome, Err(NotSigned::Watermark(_))), "{}", text(&lost));
    assert_eq!(calls.take(), ["watermark"], "the key was used without a watermark");
}

#[tokio::test]
async fn trap_9_attestations_with_and_without_dal_share_their_watermark_at_the_signer() {
    let key = new_key(Curve::Ed25519);
    let policy = allowing(&[RequestKind::Attestation, RequestKind::AttestationWithDal]);
    let vault = ScriptedVault::new(&Calls::default(), &[&key]);
    let signer = Setup::new().list(&key, policy).vault("v", vault).build();
    assert_eq!(code(&sign(&signer, &key, &attestation(7, 0)).await), "signed");
    assert_eq!(code(&sign(&signer, &key, &forge::consensus(0x13, 23, 7, 0)).await), "watermark");
    assert_eq!(code(&sign(&signer, &key, &forge::consensus(0x13, 23, 8, 0)).await), "signed");
    assert_eq!(code(&sign(&signer, &key, &attestation(8, 0)).await), "watermark");
}

#[tokio::test]
async fn a_vault_that_cannot_list_hides_only_its_own_keys() {
    let (one, two, nowhere) = (new_key(Curve::Ed25519), new_key(Curve::Ed25519), new_key(Curve::Ed25519));
    let calls = Calls::default();
    let (broken, fine) = (ScriptedVault::new(&calls, &[&one]), ScriptedVault::new(&calls, &[&two]));
    broken.listing_fails(true);
    let mut setup = Setup::new().vault("broken", broken.clone()).vault("fine", fine);
    for key in [&one, &two, &nowhere] {
        setup = setup.list(key, allowing(&[RequestKind::Generic]));
    }
    setup.rules.known_keys = true;
    let signer = setup.build();
    assert_eq!(code(&sign(&signer, &two, &transaction(1)).await), "signed");
    for key in [&one, &nowhere] {
        let decided = sign(&signer, key, &transaction(1)).await;
        assert_eq!(text(&decided), "(Scripted): unplugged");
        assert!(matches!(signer.snapshot().public_key(&pkh(key)).await, Err(NotHeld::Unknown(_))));
    }
    assert_eq!(signer.snapshot().known_keys().await.unwrap(), [pkh(&two)]);

    // It comes back, and later fails again: what was found stays found.
    broken.listing_fails(false);
    assert_eq!(code(&sign(&signer, &one, &transaction(1)).await), "signed");
    assert_eq!(code(&sign(&signer, &nowhere, &transaction(1)).await), "key_not_found");
    broken.listing_fails(true);
    assert_eq!(code(&sign(&signer, &one, &transaction(1)).await), "signed");
}

#[tokio::test]
async fn asking_for_unknown_keys_asks_the_vaults_once_in_a_while() {
    let (key, later) = (new_key(Curve::Ed25519), new_key(Curve::Ed25519));
    let calls = Calls::default();
    let mut setup = Setup::new().vault("v", ScriptedVault::new(&calls, &[&key]));
    setup.rules.known_keys = true;
    let clock = setup.clock.clone();
    let signer = setup.build();
    for _ in 0..100 {
        let stranger = pkh(&new_key(Curve::Ed25519));
        assert!(matches!(signer.snapshot().public_key(&stranger).await, Err(NotHeld::Nowhere)));
    }
    signer.snapshot().public_key(&pkh(&key)).await.unwrap();
    signer.snapshot().known_keys().await.unwrap();
    assert_eq!(calls.take(), ["list"]);
    clock.advance(Duration::from_secs(3));
    assert!(signer.snapshot().public_key(&pkh(&later)).await.is_err());
    assert_eq!(calls.take(), ["list"]);
    clock.set(START);
    assert!(signer.snapshot().public_key(&pkh(&later)).await.is_err());
    assert_eq!(calls.take(), ["list"], "a clock that was set back");

    // Other vaults: nothing of the old ones is remembered.
    let vaults = vec![Vault { name: "w".to_owned(), backend: ScriptedVault::new(&calls, &[&later]) }];
    signer.apply(Rules::default(), Some(vaults));
    signer.snapshot().public_key(&pkh(&later)).await.unwrap();
    assert!(matches!(signer.snapshot().public_key(&pkh(&key)).await, Err(NotHeld::Nowhere)));
    signer.apply(Rules::default(), None);
    calls.take();
    signer.snapshot().public_key(&pkh(&later)).await.unwrap();
    assert_eq!(calls.take(), [""; 0], "a reload without vaults forgets nothing");
}

#[tokio::test]
async fn those_who_only_look_ask_a_failing_vault_once_in_a_while_and_those_who_sign_do_not_wait_for_that() {
    let (lost, key) = (new_key(Curve::Ed25519), new_key(Curve::Ed25519));
    let (calls, others) = (Calls::default(), Calls::default());
    let broken = ScriptedVault::new(&calls, &[&lost]);
    broken.listing_fails(true);
    let setup =
        Setup::new().vault("broken", broken.clone()).vault("fine", ScriptedVault::new(&others, &[&key]));
    let generic = || allowing(&[RequestKind::Generic]);
    let mut setup = setup.list(&lost, generic()).list(&key, generic());
    setup.rules.known_keys = true;
    let clock = setup.clock.clone();
    let signer = setup.build();
    for _ in 0..100 {
        let stranger = pkh(&new_key(Curve::Ed25519));
        assert!(matches!(signer.snapshot().public_key(&stranger).await, Err(NotHeld::Unknown(_))));
        assert_eq!(signer.snapshot().known_keys().await.unwrap(), [pkh(&key)]);
    }
    assert_eq!(calls.take(), ["list"], "a vault that hangs would keep the turn from those who sign");
    clock.advance(Duration::from_secs(1));
    assert_eq!(signer.snapshot().known_keys().await.unwrap(), [pkh(&key)]);
    assert_eq!(calls.take(), ["list"], "a second later it is asked again");
    assert_eq!(code(&sign(&signer, &lost, &transaction(1)).await), "vault");
    broken.listing_fails(false);
    assert_eq!(code(&sign(&signer, &lost, &transaction(1)).await), "signed");
    broken.listing_fails(true);
    clock.advance(Duration::from_secs(1));
    assert_eq!(signer.snapshot().known_keys().await.unwrap().len(), 2, "what was found stays found");
}

#[tokio::test]
async fn one_listing_serves_all_who_wait_for_it() {
    let (key, stranger) = (new_key(Curve::Ed25519), new_key(Curve::Ed25519));
    for fails in [false, true] {
        let calls = Calls::default();
        let vault = ScriptedVault::new(&calls, &[&key]);
        let gate = Gate::new();
        *vault.listing_waits.lock().unwrap() = Some(Arc::clone(&gate));
        vault.listing_fails(fails);
        let signer = Setup::new().vault("v", vault).build();
        let ask = |hash| {
            let signer = signer.clone();
            tokio::spawn(async move { signer.snapshot().public_key(&hash).await.is_ok() })
        };
        let first = ask(pkh(&stranger));
        gate.arrival().await;
        // These come while the listing is under way, so a failure of it is not theirs yet: one of them asks again for all.
        let waiting: Vec<_> =
            (0..20).map(|index| ask(pkh(if index % 2 == 0 { &key } else { &stranger }))).collect();
        tokio::task::yield_now().await;
        gate.release();
        assert!(!first.await.unwrap());
        for (index, waiting) in waiting.into_iter().enumerate() {
            assert_eq!(waiting.await.unwrap(), !fails && index % 2 == 0, "{index}");
        }
        assert!(calls.take().len() <= 2);
    }
}

#[tokio::test]
async fn a_key_in_two_vaults_is_that_of_the_first() {
    let key = new_key(Curve::Ed25519);
    let (first, second) = (Calls::default(), Calls::default());
    let vaults = (ScriptedVault::new(&first, &[&key]), ScriptedVault::new(&second, &[&key]));
    let mut setup = Setup::new().list(&key, allowing(&[RequestKind::Generic]));
    setup.rules.known_keys = true;
    let signer = setup.vault("one", vaults.0.clone()).vault("two", vaults.1).build();
    vaults.0.listing_fails(true);
    assert_eq!(code(&sign(&signer, &key, &transaction(1)).await), "signed");
    assert_eq!(second.take(), ["list", "sign"], "the first could not be asked");
    vaults.0.listing_fails(false);
    assert_eq!(signer.snapshot().known_keys().await.unwrap().len(), 1);
    first.take();
    assert_eq!(code(&sign(&signer, &key, &transaction(1)).await), "signed");
    assert_eq!(first.take(), ["sign"]);
}

#[tokio::test]
async fn trap_14_public_keys_ignore_the_policy_unless_they_are_restricted() {
    let (listed, unlisted) = (new_key(Curve::Ed25519), new_key(Curve::P256));
    for restricted in [false, true] {
        let mut setup = Setup::new()
            .list(&listed, Policy::default())
            .vault("v", ScriptedVault::new(&Calls::default(), &[&listed, &unlisted]));
        setup.rules.restrict_public_keys = Some(restricted);
        let signer = setup.build();
        assert!(signer.snapshot().public_key(&pkh(&listed)).await.is_ok());
        let answer = signer.snapshot().public_key(&pkh(&unlisted)).await;
        assert_eq!(
            answer.map(|key| key.hash()).map_err(|error| NotSigned::from(error).code()),
            match restricted {
                false => Ok(pkh(&unlisted)),
                true => Err("key_not_found"),
            }
        );
        assert_eq!(signer.snapshot().known_keys().await, None, "behind a switch");
    }
}

#[tokio::test]
async fn a_slow_vault_holds_up_no_other_key() {
    let (slow, quick) = (new_key(Curve::Ed25519), new_key(Curve::Ed25519));
    let gate = Gate::new();
    let vault = ScriptedVault::new(&Calls::default(), &[&slow]);
    vault.will(Act::Wait(Arc::clone(&gate)));
    let signer = Setup::new()
        .list(&slow, Policy::baker())
        .list(&quick, Policy::baker())
        .vault("slow", vault)
        .vault("quick", ScriptedVault::new(&Calls::default(), &[&quick]))
        .build();
    let waiting = {
        let (signer, slow) = (signer.clone(), Arc::clone(&slow));
        tokio::spawn(async move { code(&sign(&signer, &slow, &attestation(7, 0)).await) })
    };
    gate.arrival().await;
    assert_eq!(code(&sign(&signer, &quick, &attestation(7, 0)).await), "signed");
    assert_eq!(code(&sign(&signer, &quick, &attestation(8, 0)).await), "signed");
    gate.release();
    assert_eq!(waiting.await.unwrap(), "signed");
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_watermark_and_the_same_bytes_to_the_next() {
    let key = new_key(Curve::Ed25519);
    let gate = Gate::new();
    let calls = Calls::default();
    let vault = ScriptedVault::new(&calls, &[&key]);
    vault.will(Act::Wait(Arc::clone(&gate)));
    let watermarks = NotedWatermarks::new(&calls);
    let signer = Setup::new()
        .list(&key, Policy::baker())
        .vault("v", vault.clone())
        .watermarks(watermarks.clone())
        .build();
    let gone = {
        let (signer, key) = (signer.clone(), Arc::clone(&key));
        tokio::spawn(async move { code(&sign(&signer, &key, &attestation(7, 0)).await) })
    };
    gate.arrival().await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    vault.will(Act::Sign);
    assert_eq!(watermarks.all().await.unwrap().len(), 1);
    assert_eq!(code(&sign(&signer, &key, &forge::consensus(0x13, 21, 7, 0)).await), "signed");
    assert_eq!(code(&sign(&signer, &key, &attestation(6, 0)).await), "watermark");
}
