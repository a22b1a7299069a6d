//! Which rules of a policy a request meets, for `jwtis policy explain`.

use std::collections::BTreeMap;

use crate::operation::Amount;
use crate::policy::{LimitsMode, Mutez, Policy};
use crate::request::{RequestKind, SignRequest};

impl Policy {
    /// One line for each rule of the file that speaks about `request`: the word of the configuration, and whether it allows.
    ///
    /// This explains; [`Policy::evaluate`] decides.
    pub fn explain(&self, request: &SignRequest) -> Vec<String> {
        let says = |allowed: bool| if allowed { "lists" } else { "does not list" };
        let mut lines = Vec::new();
        if let (Some(allowed), Some(chain)) = (&self.allowed_chains, request.chain()) {
            let chain = chain.to_string();
            lines.push(format!("`allowed_chains` {} {chain}", says(allowed.contains(&chain))));
        }
        let kind = request.kind();
        lines.push(format!("`allow` {} {kind}", says(self.allow.request(kind))));
        if kind == RequestKind::Generic {
            // Each kind once, with the places in the batch.
            let mut places: BTreeMap<(String, bool), Vec<String>> = BTreeMap::new();
            for (index, operation) in request.operations().iter().enumerate() {
                let lacking = self.allow.lacks(operation);
                let allowed = lacking.is_none();
                let row = (lacking.unwrap_or_else(|| operation.permission()), allowed);
                places.entry(row).or_default().push(index.saturating_add(1).to_string());
            }
            for ((name, allowed), places) in places {
                let places = places.join(", ");
                lines.push(format!("`allow.generic` {} {name} (operation {places})", says(allowed)));
            }
            let limits = &self.limits;
            let named = [
                ("max_amount", limits.max_amount.is_some()),
                ("max_fee", limits.max_fee.is_some()),
                ("destinations", limits.destinations.is_some()),
                ("entrypoints", limits.entrypoints.is_some()),
                ("per", limits.per.is_some()),
            ];
            if named.iter().any(|(_, given)| *given) {
                let spent = request.operations().iter().map(|operation| operation.effects().spent());
                lines.push(match spent.fold(Amount::NOTHING, Amount::plus) {
                    Amount::Mutez(amount) => {
                        format!(
                            "for limits it spends {}: transfers, burns at most, and bonds",
                            Mutez::new(amount)
                        )
                    }
                    Amount::Unbounded => "for limits it spends more than can be told".to_owned(),
                });
                match limits.mode {
                    LimitsMode::Enforce => {}
                    LimitsMode::Observe => {
                        lines.push("`limits.mode` is observe: no limit refuses".to_owned())
                    }
                }
            }
            for (name, _) in named.into_iter().filter(|(_, given)| *given) {
                lines.push(format!("`limits.{name}` applies"));
            }
        }
        lines
    }
}
