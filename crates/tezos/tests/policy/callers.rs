//! Users, clients, and tokens that narrow.

use std::collections::BTreeSet;

use jwtis_testkit::forge::{UNIT, block, consensus, tag, transaction};
use jwtis_tezos::policy::{Permissions, User};
use jwtis_tezos::{Caller, Curve, Policy, PublicKeyHash};

use crate::{allowing, ask_as, key};

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn everything() -> Policy {
    allowing(&[
        ("block", None),
        ("attestation", None),
        ("pack", None),
        ("generic", Some(&["transaction", "stake", "ballot", "reveal"])),
    ])
}

/// Trap 2, the other half.
#[test]
fn trap_2_jwt_users_empty_denies_all_and_absent_allows_all() {
    let user = Caller::User(User::named("alice"));
    let policy = |users: Option<&[&str]>| Policy { jwt_users: users.map(names), ..everything() };
    let denied = format!("user `alice' is not authorized to access {}", key(0xaa));
    for (name, users, wanted) in [
        ("absent", None, Ok(())),
        ("empty", Some(&[][..]), Err(denied.clone())),
        ("listed", Some(&["bob", "alice"][..]), Ok(())),
        ("not listed", Some(&["bob"][..]), Err(denied.clone())),
        ("another case", Some(&["Alice"][..]), Err(denied)),
    ] {
        let policy = policy(users);
        assert_eq!(policy.admit(&key(0xaa), &user).map_err(|denial| denial.to_string()), wanted, "{name}");
        assert_eq!(ask_as(&policy, &user, &block(1, 0, 0)), wanted, "{name}");
    }
}

/// Signatory lets everybody pass where tokens are switched off. A lost section would then open the key.
#[test]
fn a_key_that_names_users_or_roles_signs_and_proves_for_no_one_else() {
    let tz4 = PublicKeyHash::new(Curve::Bls12381, [1; 20]);
    let denied = |key: PublicKeyHash| format!("only users with a token may use {key}");
    let proving = || Policy { allow_proof_of_possession: true, ..everything() };
    for (name, users, roles) in [
        ("users", Some(&["alice"][..]), None),
        ("no_users", Some(&[][..]), None),
        ("roles", None, Some(&["baker"][..])),
        ("no_roles", None, Some(&[][..])),
        ("both", Some(&["alice"][..]), Some(&["baker"][..])),
    ] {
        let policy = Policy { jwt_users: users.map(names), jwt_roles: roles.map(names), ..proving() };
        let with_clients = Policy { authorized_keys: Some([key(1)].into()), ..policy.clone() };
        for policy in [policy, with_clients] {
            assert!(!policy.serves_anybody(), "{name}");
            for caller in [Caller::Anonymous, Caller::Client(key(1))] {
                assert_eq!(ask_as(&policy, &caller, &block(1, 0, 0)), Err(denied(key(0xaa))), "{name}");
                let proof = policy.possession(&tz4, &caller).map_err(|denial| denial.to_string());
                assert_eq!(proof, Err(denied(tz4)), "{name}");
            }
        }
    }
}

#[test]
fn a_key_serves_anybody_where_it_names_nobody_and_allows_something() {
    let clients = Policy { authorized_keys: Some([].into()), ..everything() };
    let proofs = Policy { allow_proof_of_possession: true, ..Policy::default() };
    for (name, policy, wanted) in [
        ("a_baker", Policy::baker(), true),
        ("an_empty_policy", Policy::default(), false),
        ("proofs_alone", proofs, true),
        ("clients", clients, false),
    ] {
        assert_eq!(policy.serves_anybody(), wanted, "{name}");
    }
}

#[test]
fn a_user_of_a_token_is_no_client() {
    let policy = Policy { authorized_keys: Some([key(1)].into()), ..everything() };
    let user = Caller::User(User::named("alice"));
    assert_eq!(ask_as(&policy, &user, &block(1, 0, 0)).unwrap_err(), "authentication required");
    assert_eq!(ask_as(&policy, &Caller::Client(key(1)), &block(1, 0, 0)), Ok(()));
}

#[test]
fn roles_by_name() {
    let user = |roles: &[&str]| Caller::User(User { roles: names(roles), ..User::named("alice") });
    let policy = |roles: Option<&[&str]>| Policy { jwt_roles: roles.map(names), ..everything() };
    for (name, wanted, has, allowed) in [
        ("none_asked", None, &[][..], true),
        ("one_of_several", Some(&["baker", "payer"][..]), &["payer"][..], true),
        ("another", Some(&["baker"][..]), &["payer"][..], false),
        ("none", Some(&["baker"][..]), &[][..], false),
        ("an_empty_list", Some(&[][..]), &["baker"][..], false),
    ] {
        let asked = ask_as(&policy(wanted), &user(has), &block(1, 0, 0));
        let denied = format!("user `alice' has no role for {}", key(0xaa));
        assert_eq!(asked, if allowed { Ok(()) } else { Err(denied) }, "{name}");
    }
}

#[test]
fn keys_of_a_token_narrow() {
    let user = |keys: &[String]| {
        let keys = Some(keys.iter().cloned().collect());
        Caller::User(User { keys, ..User::named("alice") })
    };
    let us = key(0xaa).to_string();
    assert_eq!(ask_as(&everything(), &user(std::slice::from_ref(&us)), &block(1, 0, 0)), Ok(()));
    let denied = format!("the token of user `alice' is not for {us}");
    assert_eq!(ask_as(&everything(), &user(&[key(1).to_string()]), &block(1, 0, 0)), Err(denied.clone()));
    assert_eq!(ask_as(&everything(), &user(&[]), &block(1, 0, 0)), Err(denied));
}

#[test]
fn permissions_of_a_token_narrow_and_never_widen() {
    let user = |permissions: &[&str]| {
        let permissions = Some(Permissions::from_names(permissions.iter().copied()));
        Caller::User(User { permissions, ..User::named("alice") })
    };
    let batch = tag(107).manager().u8(0).fill(0x50, 32).u8(0).raw(&transaction(1, 2, None).0).generic();
    let ballot = tag(6).account(0, 1).i32(7).fill(3, 32).u8(1).generic();
    let delegation = tag(110).manager().u8(0).generic();
    let not = |name: &str| Err(format!("the token does not permit `{name}'"));
    for (name, permissions, message, wanted) in [
        ("its_kind", &["block"][..], block(1, 0, 0), Ok(())),
        ("another_kind", &["attestation"], block(1, 0, 0), not("block")),
        ("none", &[], block(1, 0, 0), not("block")),
        ("an_unknown_one", &["blocks", "*", ""], block(1, 0, 0), not("block")),
        ("generic_stands_for_all_operations", &["generic"], batch.clone(), Ok(())),
        ("every_operation_of_a_batch", &["generic:reveal", "generic:transaction"], batch.clone(), Ok(())),
        ("one_operation_of_a_batch", &["generic:reveal"], batch.clone(), not("generic:transaction")),
        ("no_operation", &["block"], batch.clone(), not("generic")),
        ("a_name_without_generic", &["transaction", "reveal"], batch, not("generic")),
        ("a_vote", &["generic:ballot:nay"], ballot.clone(), Ok(())),
        ("any_vote", &["generic:ballot"], ballot.clone(), Ok(())),
        ("another_vote", &["generic:ballot:yay"], ballot, not("generic:ballot:nay")),
        (
            "a_kind_that_the_file_does_not_allow",
            &["attestation_with_dal"],
            consensus(0x13, 23, 1, 0),
            Err("request kind `attestation_with_dal' is not allowed".to_owned()),
        ),
        (
            "an_operation_that_the_file_does_not_allow",
            &["generic", "generic:delegation"],
            delegation,
            Err("operation `delegation' is not allowed".to_owned()),
        ),
        ("packed_data", &["pack"], tag(0x05).raw(&UNIT).0, Ok(())),
    ] {
        assert_eq!(ask_as(&everything(), &user(permissions), &message), wanted, "{name}");
    }
    let permissions = Permissions::from_names(["block", "blocks", "generic:foo"]);
    assert_eq!(permissions.unknown(), &names(&["blocks", "generic:foo"]));
}

#[test]
fn a_token_of_login_narrows_nothing() {
    let user = Caller::User(User::named("alice"));
    for message in [block(1, 0, 0), transaction(1, 2, None).generic(), tag(0x05).raw(&UNIT).0] {
        assert_eq!(ask_as(&everything(), &user, &message), Ok(()));
    }
}
