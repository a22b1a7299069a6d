//! A reload takes no guard away: of the server, of a key, of the hook, of levels.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use jwtis_signer::hook::Hook;
use jwtis_signer::login::TokenGuard;
use jwtis_signer::rules::Guard;
use jwtis_signer::{
    AllowSource, Authenticated, GuardRemoved, KeyRules, Presented, Rules, SignCommand, Vault,
};
use jwtis_testkit::signer::{
    Calls, SOURCE, ScriptedHook, ScriptedVault, Setup, allowing, attestation, code, new_key, pkh, sign_as,
    transaction,
};
use jwtis_tezos::policy::{Allow, LimitsMode, Mutez, Rate, SpendingLimits};
use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::watermark::jump::{BlockTime, ChainJumps, MaxJump};
use jwtis_tezos::{Caller, Curve, Policy, PublicKeyHash, RequestKind, SigningVersion};

/// Rules with this guard for one key with that policy; `None` lists no key.
fn rules(guard: Guard, key: PublicKeyHash, policy: Option<Policy>) -> Rules {
    let keys = policy.map(|policy| (key, KeyRules { policy, ..KeyRules::default() }));
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
    let server = || Some(GuardRemoved::Server);
    for (name, steps) in [
        (
            "open_stays_open",
            vec![(of(Guard::Open, baker()), None), (of(Guard::Open, Policy::default()), None)],
        ),
        ("authentication_comes", vec![(of(Guard::Open, baker()), None), (of(tokens(), baker()), None)]),
        ("tokens_go", vec![(of(tokens(), baker()), None), (of(Guard::Open, baker()), server())]),
        (
            "tokens_go_and_the_key_is_for_clients_that_nobody_knows",
            vec![(of(tokens(), baker()), None), (of(Guard::Open, clients()), server())],
        ),
        ("tokens_go_with_all_keys", vec![(of(tokens(), baker()), None), (without(Guard::Open), server())]),
        (
            "clients_go",
            vec![(of(Guard::Keys(Vec::new()), baker()), None), (of(Guard::Open, baker()), server())],
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

/// What the last of these reloads, one after the other, is refused for. Those before it go through.
pub(super) fn last_refusal(name: &str, steps: Vec<Rules>) -> Option<String> {
    let mut steps = steps.into_iter();
    let mut setup = Setup::new();
    setup.rules = steps.next().unwrap();
    let signer = setup.build();
    let refused: Vec<_> =
        steps.map(|next| signer.reload(next, None).err().map(|error| error.to_string())).collect();
    let (last, before) = refused.split_last().unwrap();
    assert!(before.iter().all(Option::is_none), "{name}: {before:?}");
    last.clone()
}

#[test]
fn what_restricted_a_key_changes_its_value_and_is_never_dropped_by_a_reload() {
    let hash = pkh(&new_key(Curve::Ed25519));
    let generic = || Policy { allow: Allow::new([RequestKind::Generic], []), ..Policy::default() };
    let limited = |limits| Policy { limits, ..generic() };
    let per = |amount: Option<u64>, count| {
        let per = Rate { window: Duration::from_secs(60), amount: amount.map(Mutez::new), count };
        limited(SpendingLimits { per: Some(per), ..SpendingLimits::default() })
    };
    let amount =
        |most| limited(SpendingLimits { max_amount: Some(Mutez::new(most)), ..SpendingLimits::default() });
    let fee = limited(SpendingLimits { max_fee: Some(Mutez::new(1)), ..SpendingLimits::default() });
    let destinations =
        limited(SpendingLimits { destinations: Some(BTreeSet::new()), ..SpendingLimits::default() });
    let entrypoints =
        limited(SpendingLimits { entrypoints: Some(BTreeSet::new()), ..SpendingLimits::default() });
    let observed = limited(SpendingLimits {
        max_amount: Some(Mutez::new(9)),
        mode: LimitsMode::Observe,
        ..SpendingLimits::default()
    });
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let chains = |list: &[&str]| Policy { allowed_chains: names(list), ..generic() };
    let users = |list: &[&str]| Policy { jwt_users: names(list), ..generic() };
    let roles = Policy { jwt_roles: names(&["r"]), ..generic() };
    let clients = Policy { authorized_keys: Some(BTreeSet::new()), ..generic() };
    let both = Policy { jwt_users: names(&["u"]), ..amount(1) };
    for (name, steps, missing) in [
        ("limits_go", vec![Some(amount(1)), Some(generic())], Some("limits.max_amount")),
        ("max_fee_goes", vec![Some(fee), Some(amount(1))], Some("limits.max_fee")),
        ("destinations_go", vec![Some(destinations), Some(generic())], Some("limits.destinations")),
        ("entrypoints_go", vec![Some(entrypoints), Some(generic())], Some("limits.entrypoints")),
        (
            "per_goes",
            vec![Some(per(Some(1), Some(1))), Some(generic())],
            Some("limits.per, limits.per.amount, limits.per.count"),
        ),
        (
            "per_amount_goes",
            vec![Some(per(Some(1), Some(1))), Some(per(None, Some(1)))],
            Some("limits.per.amount"),
        ),
        (
            "per_count_goes",
            vec![Some(per(Some(1), Some(1))), Some(per(Some(1), None))],
            Some("limits.per.count"),
        ),
        ("chains_go", vec![Some(chains(&["c"])), Some(generic())], Some("allowed_chains")),
        ("clients_go", vec![Some(clients), Some(generic())], Some("authorized_keys")),
        ("users_go", vec![Some(users(&["u"])), Some(generic())], Some("jwt_users")),
        ("roles_go", vec![Some(roles), Some(generic())], Some("jwt_roles")),
        ("two_go", vec![Some(both), Some(generic())], Some("jwt_users, limits.max_amount")),
        ("a_mapping_becomes_a_null", vec![Some(generic()), Some(Policy::baker())], Some("allow")),
        ("it_was_gone_for_a_while", vec![Some(users(&["u"])), None, Some(generic())], Some("jwt_users")),
        (
            "it_signed_nothing_for_a_while",
            vec![Some(users(&["u"])), Some(Policy::default()), Some(generic())],
            Some("jwt_users"),
        ),
        ("it_came_later", vec![Some(generic()), Some(amount(1)), Some(generic())], Some("limits.max_amount")),
        ("a_limit_rises", vec![Some(amount(1)), Some(amount(9))], None),
        ("limits_are_observed", vec![Some(amount(1)), Some(observed)], None),
        ("another_list", vec![Some(users(&["u"])), Some(users(&["v", "w"])), Some(users(&[]))], None),
        ("other_chains", vec![Some(chains(&["c"])), Some(chains(&[]))], None),
        ("a_baker_gets_a_mapping", vec![Some(Policy::baker()), Some(generic())], None),
        ("a_baker_stays", vec![Some(Policy::baker()), Some(Policy::baker())], None),
        ("a_new_key", vec![None, Some(Policy::baker())], None),
        ("it_goes", vec![Some(amount(1)), None, Some(amount(2))], None),
    ] {
        let steps = steps.into_iter().map(|policy| rules(tokens(), hash, policy)).collect();
        let wanted =
            missing.map(|missing| format!("{hash} is without {missing}, and that restricted it before"));
        assert_eq!(last_refusal(name, steps), wanted, "{name}");
    }
}

#[test]
fn the_loss_of_an_allow_never_brings_the_deprecated_lists_into_force_by_a_reload() {
    let hash = pkh(&new_key(Curve::Ed25519));
    let of = |allow_source, allow: &[RequestKind]| {
        let policy = Policy { allow: Allow::new(allow.iter().copied(), []), ..Policy::default() };
        let rules = KeyRules { policy, allow_source, ..KeyRules::default() };
        Rules { guard: tokens(), keys: [(hash, rules)].into(), ..Rules::default() }
    };
    let block = [RequestKind::Block];
    let generic = [RequestKind::Block, RequestKind::Generic];
    let bakes = [RequestKind::Block, RequestKind::Preattestation, RequestKind::Attestation];
    let own = |kinds: &[RequestKind]| of(AllowSource::Allow, kinds);
    let lists = |kinds: &[RequestKind]| of(AllowSource::DeprecatedLists, kinds);
    let default = || of(AllowSource::Default, &bakes);
    for (name, steps, is_refused) in [
        ("it_goes", vec![own(&block), lists(&generic)], true),
        ("it_allowed_nothing", vec![own(&[]), lists(&block)], true),
        ("it_said_the_default", vec![own(&bakes), lists(&generic)], true),
        ("the_lists_say_the_default", vec![own(&block), lists(&bakes)], true),
        ("it_signed_nothing_for_a_while", vec![own(&block), lists(&[]), lists(&block)], true),
        ("the_key_was_gone", vec![own(&block), rules(tokens(), hash, None), lists(&block)], true),
        ("it_stays", vec![own(&block), own(&generic)], false),
        ("it_comes", vec![lists(&generic), own(&block)], false),
        ("the_lists_change", vec![lists(&block), lists(&generic)], false),
        ("the_lists_come", vec![default(), lists(&block)], false),
    ] {
        let wanted = is_refused.then(|| format!("{hash} is without allow, and that restricted it before"));
        assert_eq!(last_refusal(name, steps), wanted, "{name}");
    }
}

#[test]
fn a_window_never_becomes_shorter_by_a_reload() {
    let hash = pkh(&new_key(Curve::Ed25519));
    let of = |seconds: Option<u64>| {
        let per = seconds.map(|seconds| Rate {
            window: Duration::from_secs(seconds),
            amount: None,
            count: Some(1),
        });
        let allow = Allow::new([RequestKind::Generic], []);
        Policy { allow, limits: SpendingLimits { per, ..SpendingLimits::default() }, ..Policy::default() }
    };
    for (name, steps, shorter) in [
        ("it_stays", vec![Some(of(Some(60))), Some(of(Some(60)))], None),
        ("it_becomes_longer", vec![Some(of(Some(60))), Some(of(Some(3600)))], None),
        ("it_comes", vec![Some(of(None)), Some(of(Some(60)))], None),
        ("it_becomes_shorter", vec![Some(of(Some(3600))), Some(of(Some(60)))], Some(("60s", "3600s"))),
        (
            "longer_and_back",
            vec![Some(of(Some(60))), Some(of(Some(90))), Some(of(Some(60)))],
            Some(("60s", "90s")),
        ),
        ("in_two_steps", vec![Some(of(Some(3600))), None, Some(of(Some(3599)))], Some(("3599s", "3600s"))),
    ] {
        let steps = steps.into_iter().map(|policy| rules(tokens(), hash, policy)).collect();
        let wanted = shorter.map(|(next, longest)| {
            format!(
                "limits.per.window of {hash} is {next} and was {longest}: what the key spent before would be forgotten"
            )
        });
        assert_eq!(last_refusal(name, steps), wanted, "{name}");
    }
}

#[test]
fn a_bound_on_levels_never_falls_back_to_a_looser_default_by_a_reload() {
    const CHAIN: &str = "NetXdQprcVkpaWU";
    let max = |levels| NonZeroU32::new(levels).map(MaxJump::Levels);
    let seconds = |seconds| BlockTime::new(Duration::from_secs(seconds));
    let tight = |block_time, max_jump| Some(ChainJumps { block_time, max_jump });
    let (off, none) = (Some(MaxJump::Off), Some(ChainJumps::default()));
    let (of_all, own_time, own_jump) =
        ("watermark.max_jump", "watermark.chains.C.block_time", "watermark.chains.C.max_jump");
    let both = [own_time, own_jump].join(", ");
    // Without any setting a chain has 6 s and 100,800 levels.
    for (name, before, next, missing) in [
        ("max_jump_goes", (max(10), None), (None, None), Some(of_all)),
        ("a_max_jump_above_the_default_goes", (max(200_000), None), (None, None), None),
        ("max_jump_rises", (max(10), None), (max(200_000), None), None),
        ("max_jump_comes", (None, None), (max(10), None), None),
        (
            "it_was_below_the_default_of_a_quick_chain",
            (max(200_000), tight(seconds(1), None)),
            (None, tight(seconds(1), None)),
            Some(of_all),
        ),
        ("a_chain_goes", (None, tight(seconds(30), max(10))), (None, None), Some(both.as_str())),
        ("chains_of_slow_blocks_go", (None, tight(seconds(30), None)), (None, None), Some(own_time)),
        ("chains_of_quick_blocks_go", (None, tight(seconds(1), None)), (None, None), None),
        (
            "block_time_goes",
            (None, tight(seconds(30), max(10))),
            (None, tight(None, max(10))),
            Some(own_time),
        ),
        ("block_time_falls", (None, tight(seconds(30), None)), (None, tight(seconds(7), None)), None),
        ("a_chain_s_max_jump_goes", (None, tight(None, max(10))), (None, none), Some(own_jump)),
        ("it_falls_back_to_a_lower_one", (max(5), tight(None, max(10))), (max(5), none), None),
        ("it_falls_back_to_a_higher_one", (max(20), tight(None, max(10))), (max(20), none), Some(own_jump)),
        ("a_sandbox_goes", (None, tight(None, off)), (None, None), None),
        ("a_chain_becomes_a_sandbox", (None, tight(seconds(30), max(10))), (None, tight(None, off)), None),
    ] {
        let of = |(max_jump, chain): (Option<MaxJump>, Option<ChainJumps>)| {
            let chains = chain.map(|chain| (CHAIN.parse().unwrap(), chain)).into_iter().collect();
            Rules { jumps: JumpRules { max_jump, chains }, ..Rules::default() }
        };
        let wanted = missing.map(|missing| {
            format!(
                "{} is not there, and without it levels would rise farther",
                missing.replace(".C.", &format!(".{CHAIN}."))
            )
        });
        assert_eq!(last_refusal(name, vec![of(before), of(next)]), wanted, "{name}");
    }
}

#[test]
fn the_hook_its_keys_and_restricted_public_keys_are_never_dropped_by_a_reload() {
    let with = |hook| Rules { hook, ..Rules::default() };
    let restrict = |restrict_public_keys| Rules { restrict_public_keys, ..Rules::default() };
    for (name, before, next, wanted) in [
        ("the_hook_stays", with(hook(true)), with(hook(true)), None),
        ("it_comes", with(None), with(hook(false)), None),
        ("it_goes", with(hook(false)), with(None), Some(GuardRemoved::Hook)),
        ("its_keys_come", with(hook(false)), with(hook(true)), None),
        ("its_keys_go", with(hook(true)), with(hook(false)), Some(GuardRemoved::HookKeys)),
        ("restriction_goes", restrict(Some(true)), restrict(None), Some(GuardRemoved::PublicKeys)),
        ("it_stays", restrict(Some(true)), restrict(Some(true)), None),
        ("it_is_taken_back", restrict(Some(true)), restrict(Some(false)), None),
        ("none_goes", restrict(Some(false)), restrict(None), None),
    ] {
        let wanted = wanted.map(|removed| removed.to_string());
        assert_eq!(last_refusal(name, vec![before, next]), wanted, "{name}");
    }
}

#[tokio::test]
async fn a_reload_between_guard_and_policy_mixes_no_two_configurations() {
    let key = new_key(Curve::Ed25519);
    let (hash, message) = (pkh(&key), transaction(1));
    let (first, second) = (Calls::default(), Calls::default());
    let allows = || allowing(&[RequestKind::Generic]);
    let in_second =
        || Some(vec![Vault { name: "two".to_owned(), backend: ScriptedVault::new(&second, &[&key]) }]);
    let signer = Setup::new().list(&key, allows()).vault("one", ScriptedVault::new(&first, &[&key])).build();
    let ask = async |caller: Authenticated| {
        let version = SigningVersion::LATEST;
        code(
            &signer.sign(SignCommand { caller, key: hash, message: &message, version, source: SOURCE }).await,
        )
    };

    let began = signer.authenticate(Presented::default()).await.unwrap();
    let guarded = signer.authenticate_client(began.clone(), &hash, &message, None).unwrap();
    signer.apply(rules(Guard::Open, hash, Some(Policy::default())), in_second());
    assert_eq!(ask(guarded).await, "signed", "the guard let the caller in before the reload");
    assert_eq!(first.take(), ["list", "sign"], "the vaults are of that configuration, too");

    // The body arrives after the reload, so the guard speaks once more.
    let guarded = signer.authenticate_client(began, &hash, &message, None).unwrap();
    signer.apply(rules(Guard::Open, hash, Some(allows())), in_second());
    assert_eq!(ask(guarded).await, "request_kind");
    let began = signer.authenticate(Presented::default()).await.unwrap();
    let guarded = signer.authenticate_client(began, &hash, &message, None).unwrap();
    assert_eq!(ask(guarded).await, "signed");
    assert_eq!(
        (first.take().len(), second.take()),
        (0, ["list", "list", "sign"].map(str::to_owned).to_vec())
    );
}
