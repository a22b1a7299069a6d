//! A reload takes no guard away: of the server, of a key, of the hook.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod signer_support;

use std::collections::BTreeSet;

use jwtis_core::signer::hook::Hook;
use jwtis_core::signer::login::TokenGuard;
use jwtis_core::signer::rules::Guard;
use jwtis_core::signer::{GuardRemoved, KeyRules, Rules};
use jwtis_tezos::{Caller, Curve, Policy, PublicKeyHash};
use signer_support::{Calls, ScriptedHook, ScriptedVault, Setup, attestation, code, new_key, pkh, sign_as};

/// Rules with this guard for one key with that policy; `None` lists no key.
fn rules(guard: Guard, key: PublicKeyHash, policy: Option<Policy>) -> Rules {
    let keys = policy.map(|policy| (key, KeyRules { policy, log_payloads: false }));
    Rules { guard, keys: keys.into_iter().collect(), ..Rules::default() }
}

fn tokens() -> Guard {
    Guard::Tokens(TokenGuard::default())
}

fn hook(keys: bool) -> Option<Hook> {
    let transport = ScriptedHook::saying(&Calls::default(), 200, "200 OK");
    Some(Hook { transport, authorized_keys: keys.then(Vec::new) })
}

#[tokio::test]
async fn a_reload_never_removes_authentication_from_a_key_that_had_it() {
    let key = new_key(Curve::Ed25519);
    let hash = pkh(&key);
    let of = |guard, policy| rules(guard, hash, Some(policy));
    let without = |guard| rules(guard, hash, None);
    let baker = Policy::baker;
    let clients = || Policy { authorized_keys: Some(BTreeSet::new()), ..Policy::baker() };
    let server = Some(GuardRemoved::Server);
    for (name, steps) in [
        (
            "open_stays_open",
            vec![(of(Guard::Open, baker()), None), (of(Guard::Open, Policy::default()), None)],
        ),
        ("authentication_comes", vec![(of(Guard::Open, baker()), None), (of(tokens(), baker()), None)]),
        ("tokens_go", vec![(of(tokens(), baker()), None), (of(Guard::Open, baker()), server)]),
        (
            "tokens_go_and_the_key_is_for_clients_that_nobody_knows",
            vec![(of(tokens(), baker()), None), (of(Guard::Open, clients()), server)],
        ),
        ("tokens_go_with_all_keys", vec![(of(tokens(), baker()), None), (without(Guard::Open), server)]),
        (
            "clients_go",
            vec![(of(Guard::Keys(Vec::new()), baker()), None), (of(Guard::Open, baker()), server)],
        ),
        (
            "tokens_become_clients_and_back",
            vec![
                (of(tokens(), baker()), None),
                (of(Guard::Keys(Vec::new()), baker()), None),
                (of(tokens(), baker()), None),
            ],
        ),
        (
            "the_key_s_own_list_goes",
            vec![
                (of(Guard::Open, clients()), None),
                (of(Guard::Open, baker()), Some(GuardRemoved::Key(hash))),
            ],
        ),
        (
            "the_key_s_own_list_goes_in_two_steps",
            vec![
                (of(Guard::Open, clients()), None),
                (without(Guard::Open), None),
                (of(Guard::Open, baker()), Some(GuardRemoved::Key(hash))),
            ],
        ),
        (
            "a_key_that_signs_nothing_needs_no_list",
            vec![(of(Guard::Open, clients()), None), (of(Guard::Open, Policy::default()), None)],
        ),
    ] {
        let vault = ScriptedVault::new(&Calls::default(), &[&key]);
        let mut steps = steps.into_iter();
        let mut setup = Setup::new().vault("v", vault);
        setup.rules = steps.next().unwrap().0;
        let signer = setup.build();
        for (next, wanted) in steps {
            let before = code(&sign_as(&signer, Caller::Anonymous, hash, &attestation(5, 0)).await);
            assert_eq!(signer.reload(next, None).err(), wanted, "{name}");
            if wanted.is_some() {
                let after = code(&sign_as(&signer, Caller::Anonymous, hash, &attestation(5, 0)).await);
                assert_eq!(after, before, "{name}: the old rules stay");
            }
        }
    }
}

#[test]
fn a_reload_never_removes_the_hook_or_its_keys() {
    let of = |hook| Rules { hook, ..Rules::default() };
    for (name, before, next, wanted) in [
        ("it_stays", hook(true), hook(true), None),
        ("it_comes", None, hook(false), None),
        ("it_goes", hook(false), None, Some(GuardRemoved::Hook)),
        ("its_keys_come", hook(false), hook(true), None),
        ("its_keys_go", hook(true), hook(false), Some(GuardRemoved::HookKeys)),
    ] {
        let mut setup = Setup::new();
        setup.rules = of(before);
        assert_eq!(setup.build().reload(of(next), None).err(), wanted, "{name}");
    }
}
