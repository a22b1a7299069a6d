//! From a request to a signature: policy → allowed → cleared → signed.
//!
//! The order of checks is visible to clients, and so are the texts of refusals. Each step takes the proof of the one before
//! it. Nothing here holds a lock while somebody else is asked: a slow hook or vault holds up its own requests alone.

use jwtis_tezos::policy::{LimitDenial, LimitsMode, PossessionDenial, Usage};
use jwtis_tezos::watermark::Need;
use jwtis_tezos::{Caller, Circumstances, PublicKeyHash, SignRequest, Verdict};
use tokio::time::Instant;

use super::cleared::{Cleared, ClearedProof};
use super::decision::{Decision, log_payload};
use super::hook::Question;
use super::rules::{KeyRules, Rules};
use super::text::in_one_line;
use super::usage::UsageError;
use super::vaults::Why;
use super::watermark::{Clearance, WatermarkError};
use super::{Decided, NotSigned, ProofCommand, SignCommand, Signed, Signer};

impl Signer {
    /// Signs a message, or says why not.
    ///
    /// The watermark of a consensus message, and the share that a generic one has of its key's limits, are durable before the key is used.
    /// They stay when the vault fails, and when the caller goes away; the same consensus message may then be asked for again.
    pub async fn sign(&self, command: SignCommand<'_>) -> Decided<Signed> {
        let SignCommand { caller, key, message, version, .. } = &command;
        let (snapshot, caller) = (caller.snapshot(), caller.caller());
        let mut decision = Decision::on(*key, caller, Some(*version));
        let signature = async {
            let rule = snapshot.rules().keys.get(key).ok_or(NotSigned::NotListed(*key))?;
            decision.about.listed_key = Some(*key);
            rule.policy.admit(key, caller)?;
            self.not_disabled(key).await?;

            let request = SignRequest::decode_for(message, *version, key.curve())?;
            decision.learn(&request);
            let held = snapshot.vaults.find(key, Why::Use).await?;
            decision.found(&held);

            let allowed = self.allow(snapshot.rules(), rule, &command, request).await?;
            log_payload(key, allowed.request.message(), rule.log_payloads);
            let began = Instant::now();
            let waits = snapshot.rules().hook.is_some()
                || allowed.counted
                || allowed.request.watermark() != Need::Nothing;
            let cleared = match self.clear(snapshot.rules(), allowed, &mut decision).await {
                Err(
                    error @ (NotSigned::Watermark(WatermarkError::OutcomeUnknown(_))
                    | NotSigned::Usage(UsageError::OutcomeUnknown(_))),
                ) => {
                    // The reason may be that the file was replaced meanwhile.
                    self.store_in_place().await?;
                    if let Some(store) = self.own_trail() {
                        store.in_place().await.map_err(NotSigned::Store)?;
                    }
                    return Err(error);
                }
                cleared => cleared?,
            };
            // Hook and disk took their time.
            self.not_disabled(key).await?;
            if waits {
                self.still_valid(&command.caller).await?;
            }
            let backend = &held.vault.backend;
            let signature = backend.sign(&cleared).await?.answer(backend.kind(), &cleared)?;
            decision.about.signing_took = Some(began.elapsed());
            Ok(signature)
        };
        let outcome: Result<Signed, NotSigned> = signature.await;
        decision.close(outcome)
    }

    /// Policy first, then the hook, which may take its time.
    async fn allow<'a>(
        &self,
        rules: &Rules,
        rule: &'a KeyRules,
        command: &'a SignCommand<'_>,
        request: SignRequest,
    ) -> Result<Allowed<'a>, NotSigned> {
        let (key, caller) = (&command.key, command.caller.caller());
        let mut allowed = Allowed { key, request, rule, caller, counted: false, observed: None };
        // A key that has spent nothing may do most: what it may not, needs no look at the store.
        let now_ms = self.0.env.now().millis();
        let (usage, observed) = allowed.judge(&Usage::default(), now_ms)?;
        allowed.observed = observed;
        if usage.is_some() {
            let spent = match &self.0.usage {
                Some(book) => book.spent(key).await,
                None => Err(UsageError::NoStore),
            };
            match spent {
                Ok(spent) => {
                    (_, allowed.observed) = allowed.judge(&spent, now_ms)?;
                    allowed.counted = true;
                }
                Err(error) => allowed.uncounted(error)?,
            }
        }
        if let Some(hook) = &rules.hook {
            let (message, source) = (Some(command.message), command.source);
            hook.consult(Question { message, source, caller, key }, &self.0.env).await?;
        }
        Ok(allowed)
    }

    /// Makes durable what the signature of the request will have meant.
    async fn clear(
        &self,
        rules: &Rules,
        mut allowed: Allowed<'_>,
        decision: &mut Decision<'_>,
    ) -> Result<Cleared, NotSigned> {
        self.store_in_place().await?;
        let now = self.0.env.now();
        if let (Some(book), true) = (&self.0.usage, allowed.counted) {
            // The hook took its time: what the key has spent is judged afresh.
            let judge = |spent: &Usage| {
                let (usage, observed) = allowed.judge(spent, self.0.env.now().millis())?;
                Ok::<_, NotSigned>((usage.unwrap_or_else(|| spent.clone()), observed))
            };
            let record = decision.cleared(&allowed.request.digest(), now);
            match book.spend(allowed.key, &record, judge).await {
                Ok(observed) => allowed.observed = observed,
                Err(NotSigned::Usage(error)) => allowed.uncounted(error)?,
                Err(error) => return Err(error),
            }
        }
        decision.about.observed = allowed.observed.take();
        match allowed.request.watermark() {
            Need::Nothing => {}
            Need::Watermark(asked) => {
                let terms = rules.terms(&allowed.rule.policy, &asked, now.millis());
                let record = decision.cleared(&allowed.request.digest(), now);
                let clearance = self.0.watermarks.clear(allowed.key, &asked, &terms, Some(&record)).await?;
                let step = match clearance {
                    Clearance::Advanced => "advanced",
                    Clearance::Repeated => "repeated",
                };
                tracing::debug!(key = %allowed.key, chain = %asked.chain, kind = %asked.kind, watermark = %asked.watermark, step, "the watermark is clear");
            }
            Need::CannotTell => return Err(NotSigned::NoWatermark),
        }
        Ok(Cleared::new(*allowed.key, allowed.request))
    }

    /// Proves possession of a tz4 key, or says why not.
    pub async fn prove(&self, command: ProofCommand) -> Decided<Signed> {
        let ProofCommand { caller, key, source } = &command;
        let (snapshot, caller) = (caller.snapshot(), caller.caller());
        let mut decision = Decision::on(*key, caller, None);
        let proof = async {
            let rule = snapshot.rules().keys.get(key).ok_or(NotSigned::NotListed(*key))?;
            decision.about.listed_key = Some(*key);
            rule.policy.admit(key, caller)?;
            self.not_disabled(key).await?;
            let held = snapshot.vaults.find(key, Why::Use).await?;
            decision.found(&held);

            let backend = &held.vault.backend;
            match rule.policy.possession(key, caller) {
                Err(PossessionDenial::Denied(denial)) => return Err(denial.into()),
                Err(PossessionDenial::NotSupported) => return Err(NotSigned::ProofNotSupported),
                Err(PossessionDenial::NotAllowed) | Ok(()) if !backend.can_prove() => {
                    return Err(NotSigned::ProofNotSupported);
                }
                Err(PossessionDenial::NotAllowed) => {
                    tracing::warn!(%key, "to give proofs of possession, set `allow_proof_of_possession: true` in the key's entry");
                    return Err(NotSigned::ProofNotAllowed);
                }
                Ok(()) => {}
            }
            if let Some(hook) = &snapshot.rules().hook {
                hook.consult(Question { message: None, source: *source, caller, key }, &self.0.env).await?;
            }
            self.store_in_place().await?;
            let began = Instant::now();
            self.not_disabled(key).await?;
            if snapshot.rules().hook.is_some() {
                self.still_valid(&command.caller).await?;
            }
            let cleared = ClearedProof::new(*key);
            let proof = backend.prove(&cleared).await?.proof(backend.kind(), &cleared)?;
            decision.about.signing_took = Some(began.elapsed());
            Ok(proof)
        };
        let outcome: Result<Signed, NotSigned> = proof.await;
        decision.close(outcome)
    }

    /// That the key may be used now.
    async fn not_disabled(&self, key: &PublicKeyHash) -> Result<(), NotSigned> {
        let Some(switches) = &self.0.switches else { return Ok(()) };
        match switches.disabled_since(key).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(NotSigned::Disabled(*key)),
            Err(error) => Err(NotSigned::Switch(error.into())),
        }
    }

    /// Nothing is signed over a store that another process may have, not even what needs no commit.
    async fn store_in_place(&self) -> Result<(), NotSigned> {
        match &self.0.usage {
            Some(usage) => usage.store().in_place().await.map_err(NotSigned::Store),
            None => Ok(()),
        }
    }
}

/// A request that the policy allows, and the hook, where there is one.
struct Allowed<'a> {
    key: &'a PublicKeyHash,
    request: SignRequest,
    rule: &'a KeyRules,
    caller: &'a Caller,
    /// Whether a limit over time counts it.
    counted: bool,
    /// What limits that are only observed would have said.
    observed: Option<LimitDenial>,
}

impl Allowed<'_> {
    /// What the key will have spent, where that is counted, and what limits that are only observed would have said.
    fn judge(&self, spent: &Usage, now_ms: u64) -> Result<(Option<Usage>, Option<LimitDenial>), NotSigned> {
        let at = Circumstances { key: self.key, caller: self.caller, usage: spent, now_ms };
        match self.rule.policy.evaluate(&self.request, &at) {
            Verdict::Allow(usage) => Ok((usage, None)),
            Verdict::Observe { denial, usage } => Ok((usage, Some(denial))),
            Verdict::Deny(denial) => Err(denial.into()),
        }
    }

    /// What the key spends cannot be counted: a reason to refuse, unless its limits are only observed.
    fn uncounted(&self, error: UsageError) -> Result<(), UsageError> {
        match self.rule.policy.limits.mode {
            LimitsMode::Enforce => Err(error),
            LimitsMode::Observe => {
                tracing::warn!(key = %self.key, error = %in_one_line(&error), "what the key spends is not counted");
                Ok(())
            }
        }
    }
}
