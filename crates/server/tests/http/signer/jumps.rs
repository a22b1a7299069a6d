//! Levels that are further above the watermark than the chain can have gone, and chains that callers make up.

use std::time::Duration;

use jwtis_tezos::watermark::JumpRules;

use super::support::{Setup, TZ1, World, attestation, keys, pkh};

/// The first attestation of a key in a world at a moment in 2026, and what a caller who wants to end the key asks for.
const FAR: i32 = i32::MAX;

async fn status(world: &World, level: i32) -> u16 {
    world.sign(TZ1, &attestation(level, 0)).send().await.status.as_u16()
}

#[tokio::test]
async fn one_request_does_not_end_a_baking_key() {
    let world = Setup::new().build();
    for before in [None, Some(1_000)] {
        if let Some(level) = before {
            assert_eq!(status(&world, level).await, 200);
        }
        let said = world.sign(TZ1, &attestation(FAR, 0)).send().await.failure(409);
        assert!(
            said.starts_with("watermark validation failed: level 2147483647, round 0 was asked"),
            "{said}"
        );
        let signed =
            if before.is_some() { "level 1000, round 0 has been signed" } else { "nothing has been signed" };
        let command = format!(
            "`jwtis watermark raise --key {TZ1} --chain NetXo5iVw1vBoxM --kind attestation --level 2147483646`"
        );
        for wanted in [signed, command.as_str()] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
    }
    assert_eq!(status(&world, 1_001).await, 200);
    let page = world.metrics.render();
    for line in [
        r#"jwtis_watermark_jumps_refused_total{kind="attestation"} 2"#.to_owned(),
        r#"jwtis_signer_decisions_total{verdict="deny",reason="watermark_jump"} 2"#.to_owned(),
        format!(
            r#"watermark_rejection_total{{address="{TZ1}",operation_type="attestation",chain_id="NetXo5iVw1vBoxM",reason="watermark jump refused"}} 2"#
        ),
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
}

#[tokio::test]
async fn requests_of_one_moment_rise_by_120_in_all_and_the_clock_gives_more() {
    let world = Setup::new().build();
    assert_eq!(status(&world, 1_000).await, 200);
    let mut highest = 1_000;
    for _ in 0..200 {
        if status(&world, highest + 1).await == 200 {
            highest += 1;
        }
    }
    assert_eq!(highest, 1_120);
    world.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(status(&world, highest + 14_400).await, 200, "a day offline");
}

#[tokio::test]
async fn nothing_bounds_levels_where_the_configuration_says_off() {
    let mut setup = Setup::new();
    setup.rules.jumps = JumpRules::off();
    let world = setup.build();
    assert_eq!((status(&world, 5).await, status(&world, FAR).await), (200, 200));
}

#[tokio::test]
async fn chains_that_a_caller_makes_up_do_not_fill_the_disk() {
    let mut setup = Setup::new();
    let named = jwtis_tezos::ChainId::new([0xb3, 0xd7, 0x9f, 200]);
    setup.rules.jumps.chains.insert(named, jwtis_tezos::watermark::jump::ChainJumps::default());
    let allowed = jwtis_tezos::ChainId::new([0xb3, 0xd7, 0x9f, 201]);
    let world = setup.build();
    let on = |n: u8| {
        let mut message = attestation(5, 0);
        message[4] = n;
        message
    };
    for n in 0..16 {
        assert_eq!(world.sign(TZ1, &on(n)).send().await.status.as_u16(), 200, "{n}");
    }
    let said = world.sign(TZ1, &on(16)).send().await.failure(403);
    assert!(said.contains(&format!("tezos.{TZ1}.allowed_chains")), "{said}");
    assert_eq!(world.sign(TZ1, &on(200)).send().await.status.as_u16(), 200, "watermark.chains names it");
    let mut rules = jwtis_signer::Rules::default();
    let mut policy = super::support::everything();
    policy.allowed_chains = Some([allowed.to_string()].into());
    let rule = jwtis_signer::KeyRules { policy, log_payloads: false, ..jwtis_signer::KeyRules::default() };
    rules.keys.insert(pkh(&keys()[0]), rule);
    world.signer.apply(rules, None);
    assert_eq!(world.sign(TZ1, &on(201)).send().await.status.as_u16(), 200, "allowed_chains names it");
}
