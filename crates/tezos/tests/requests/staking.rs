//! Trap 12: what makes a staking call of a transaction.

use jwtis_testkit::forge::{self, tag, transaction};
use jwtis_tezos::{SignRequest, SigningVersion};

fn kind(message: &[u8]) -> &'static str {
    SignRequest::decode(message, SigningVersion::LATEST).unwrap().operations()[0].kind().name()
}

#[test]
fn trap_12_pseudo_operations_depend_on_the_entrypoint_tag_and_on_destination_equal_to_source() {
    // The forger's source is the tz1 of AA.
    let named = |name: &str| [&[255, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    for (name, message, wanted) in [
        ("tag 6 to itself", transaction(1, 0xaa, Some(&[6])), "stake"),
        ("tag 7 to itself", transaction(1, 0xaa, Some(&[7])), "unstake"),
        ("tag 8 to itself", transaction(0, 0xaa, Some(&[8])), "finalize_unstake"),
        ("tag 9 to itself", transaction(0, 0xaa, Some(&[9])), "set_delegate_parameters"),
        ("tag 5 to itself", transaction(0, 0xaa, Some(&[5])), "transaction"),
        ("default to itself", transaction(0, 0xaa, Some(&[0])), "transaction"),
        ("without parameters to itself", transaction(0, 0xaa, None), "transaction"),
        ("tag 6 to another", transaction(1, 0xab, Some(&[6])), "transaction"),
        ("tag 8 to another", transaction(0, 0xab, Some(&[8])), "transaction"),
        ("by name to itself", transaction(1, 0xaa, Some(&named("stake"))), "transaction"),
        ("by name to another", transaction(1, 0xab, Some(&named("stake"))), "transaction"),
    ] {
        assert_eq!(kind(&message.generic()), wanted, "{name}");
    }
}

#[test]
fn the_same_hash_of_another_curve_or_of_a_contract_is_not_the_source() {
    let to = |destination: &forge::Forge| {
        tag(108).manager().nat(1).raw(&destination.0).u8(0xff).u8(6).framed(&forge::UNIT).generic()
    };
    assert_eq!(kind(&to(&tag(0).account(0, 0xaa))), "stake");
    assert_eq!(kind(&to(&tag(0).account(1, 0xaa))), "transaction");
    assert_eq!(kind(&to(&forge::Forge::default().contract(0xaa))), "transaction");
}

#[test]
fn the_entrypoint_is_known_by_name_however_it_is_given() {
    for entrypoint in [&[6][..], &[255, 5, b's', b't', b'a', b'k', b'e']] {
        let message = transaction(1, 0xab, Some(entrypoint)).generic();
        let request = SignRequest::decode(&message, SigningVersion::LATEST).unwrap();
        assert_eq!(request.operations()[0].entrypoint(), Some("stake"));
    }
}
