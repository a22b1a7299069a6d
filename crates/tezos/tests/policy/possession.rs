//! Proofs of possession (specification 1.7), and what `policy explain` says.

use jwtis_tezos::policy::{Mutez, Permissions, SpendingLimits, User};
use jwtis_tezos::{Caller, Curve, Policy, PublicKeyHash, SignRequest, SigningVersion};

use crate::forge::{block, tag, transaction};
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
    for (name, policy, key_hash, caller, wanted) in [
        ("allowed", &policy, tz4, &Caller::Anonymous, Ok(())),
        (
            "of_tz1",
            &policy,
            key(1),
            &Caller::Anonymous,
            Err("proof of possession is not supported".to_owned()),
        ),
        (
            "not_allowed",
            &Policy::baker(),
            tz4,
            &Caller::Anonymous,
            Err("proof of possession is not allowed".to_owned()),
        ),
        (
            "not_allowed_and_of_tz1",
            &Policy::baker(),
            key(1),
            &alice,
            Err("proof of possession is not supported".to_owned()),
        ),
        (
            "without_authentication",
            &clients,
            tz4,
            &Caller::Anonymous,
            Err("authentication required".to_owned()),
        ),
        ("of_a_client", &clients, tz4, &Caller::Client(key(1)), Ok(())),
        (
            "of_another_client",
            &clients,
            tz4,
            &Caller::Client(key(2)),
            Err(format!("client `{}' is not allowed", key(2))),
        ),
        (
            "of_another_user",
            &users,
            tz4,
            &alice,
            Err(format!("user `alice' is not authorized to access {tz4}")),
        ),
        ("of_a_user", &policy, tz4, &alice, Ok(())),
        ("permitted_by_the_token", &policy, tz4, &narrowed(&["proof_of_possession"]), Ok(())),
        (
            "not_permitted_by_the_token",
            &policy,
            tz4,
            &narrowed(&["block"]),
            Err("the token does not permit `proof_of_possession'".to_owned()),
        ),
    ] {
        let answer = policy.possession(&key_hash, caller).map_err(|denial| denial.to_string());
        assert_eq!(answer, wanted, "{name}");
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
