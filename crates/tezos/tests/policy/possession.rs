//! Proofs of possession, and what `policy explain` says.

use jwtis_testkit::forge::{block, tag, transaction};
use jwtis_tezos::policy::{Mutez, Permissions, SpendingLimits, User};
use jwtis_tezos::{Caller, Curve, Policy, PublicKeyHash, SignRequest, SigningVersion};

use crate::{allowing, key};

#[test]
fn proofs_by_name() {
    let tz4 = PublicKeyHash::new(Curve::Bls12381, [1; 20]);
    let policy = Policy { allow_proof_of_possession: true, ..Policy::default() };
    let clients = Policy { authorized_keys: Some([key(1)].into()), ..policy.clone() };
    let users = Policy { jwt_users: Some(["bob".to_owned()].into()), ..policy.clone() };
    let alice = Caller::User(User::named("alice"));
    let narrowed = |names: &[&str]| {
        let permissions = Some(Permissions::from_names(names.iter().copied()));
        Caller::User(User { permissions, ..User::named("alice") })
    };
    let baker = &Policy::baker();
    let client = format!("client `{}' is not allowed", key(2));
    let bob_alone = format!("user `alice' is not authorized to access {tz4}");
    let (no_kind, not_allowed) =
        ("proof of possession is not supported", "proof of possession is not allowed");
    for (name, policy, key_hash, caller, wanted) in [
        ("allowed", &policy, tz4, &Caller::Anonymous, ""),
        ("of_tz1", &policy, key(1), &Caller::Anonymous, no_kind),
        ("not_allowed", baker, tz4, &Caller::Anonymous, not_allowed),
        ("not_allowed_and_of_tz1", baker, key(1), &alice, no_kind),
        ("without_authentication", &clients, tz4, &Caller::Anonymous, "authentication required"),
        ("of_a_client", &clients, tz4, &Caller::Client(key(1)), ""),
        ("of_another_client", &clients, tz4, &Caller::Client(key(2)), &client),
        ("of_another_user", &users, tz4, &alice, &bob_alone),
        ("of_a_user", &policy, tz4, &alice, ""),
        ("permitted_by_the_token", &policy, tz4, &narrowed(&["proof_of_possession"]), ""),
        (
            "not_permitted_by_the_token",
            &policy,
            tz4,
            &narrowed(&["block"]),
            "the token does not permit `proof_of_possession'",
        ),
    ] {
        let refusal = policy.possession(&key_hash, caller).err().map(|denial| denial.to_string());
        assert_eq!(refusal.unwrap_or_default(), wanted, "{name}");
    }
}

#[test]
fn explanations_name_the_rules() {
    let mut policy = allowing(&[("generic", Some(&["transaction"]))]);
    policy.limits = SpendingLimits { max_amount: Some(Mutez::new(5)), ..SpendingLimits::default() };
    policy.allowed_chains = Some(["NetXdQprcVkpaWU".to_owned()].into());
    let explain =
        |message: &[u8]| policy.explain(&SignRequest::decode(message, SigningVersion::LATEST).unwrap());
    let batch =
        transaction(1, 2, None).raw(&tag(110).manager().u8(0).0).raw(&transaction(1, 2, None).0).generic();
    assert_eq!(
        explain(&batch),
        [
            "`allow` lists generic",
            "`allow.generic` does not list delegation (operation 2)",
            "`allow.generic` lists transaction (operation 1, 3)",
            "for limits it spends 0.000002 tz: transfers, burns at most, and bonds",
            "`limits.max_amount` applies",
        ]
    );
    assert_eq!(
        explain(&block(1, 0, 0)),
        ["`allowed_chains` does not list NetXo5iVw1vBoxM", "`allow` does not list block",]
    );
}
