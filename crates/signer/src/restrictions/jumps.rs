//! Which settings of `watermark.max_jump` and `watermark.chains` are gone, where what takes their place lets levels rise farther.

use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::watermark::jump::JumpRule;

/// The settings of `before` that `next` lacks to the cost of protection, as the configuration calls them.
pub(super) fn loosened(before: &JumpRules, next: &JumpRules) -> Vec<String> {
    let mut missing = Vec::new();
    let others = (before.on_others(), next.on_others());
    let of_chains = before.chains.iter().filter(|(_, said)| said.max_jump.is_none());
    let mut falling_back = of_chains.map(|(chain, _)| (before.on(chain), next.on(chain))).chain([others]);
    if before.max_jump.is_some()
        && next.max_jump.is_none()
        && falling_back.any(|(old, new)| jump(&new) > jump(&old))
    {
        missing.push("watermark.max_jump".to_owned());
    }
    for (chain, said) in &before.chains {
        let says = next.chains.get(chain).copied().unwrap_or_default();
        let (old, new) = (before.on(chain), next.on(chain));
        if said.block_time.is_some() && says.block_time.is_none() && is_faster(&new, &old) {
            missing.push(format!("watermark.chains.{chain}.block_time"));
        }
        if said.max_jump.is_some() && says.max_jump.is_none() && jump(&new) > jump(&old) {
            missing.push(format!("watermark.chains.{chain}.max_jump"));
        }
    }
    missing
}

/// Levels that are believed where the time of the last signature is unknown.
fn jump(rule: &JumpRule) -> u64 {
    match rule {
        JumpRule::Off => u64::MAX,
        JumpRule::Bounded { max_jump, .. } => u64::from(*max_jump),
    }
}

/// Whether levels rise faster with time. `off` is written by hand, so it is no matter of defaults.
fn is_faster(new: &JumpRule, old: &JumpRule) -> bool {
    match (new, old) {
        (JumpRule::Bounded { block_time: new, .. }, JumpRule::Bounded { block_time: old, .. }) => new < old,
        (JumpRule::Off, _) | (_, JumpRule::Off) => false,
    }
}
