//! The labels of the signer's metrics, in Signatory's order.

use prometheus_client::encoding::EncodeLabelSet;

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct Handled {
    pub(super) address: String,
    pub(super) status: u32,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct SigningOp {
    pub(super) address: String,
    pub(super) vault: &'static str,
    pub(super) op: &'static str,
    pub(super) kind: &'static str,
    pub(super) chain_id: String,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct VaultCall {
    pub(super) vault: &'static str,
    pub(super) address: String,
    pub(super) op: &'static str,
    pub(super) chain_id: String,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct VaultFailure {
    pub(super) vault: &'static str,
    pub(super) code: &'static str,
    pub(super) chain_id: String,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct Round {
    pub(super) address: String,
    pub(super) operation_type: &'static str,
    pub(super) chain_id: String,
    pub(super) round: String,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct Violation {
    pub(super) violation_type: String,
    pub(super) address: String,
    pub(super) operation_type: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct Rejection {
    pub(super) address: String,
    pub(super) operation_type: &'static str,
    pub(super) chain_id: String,
    pub(super) reason: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct AuthenticationFailure {
    pub(super) status: u32,
    pub(super) auth_method: &'static str,
    pub(super) client_ip: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct WatermarkOperation {
    pub(super) result: &'static str,
    pub(super) backend: &'static str,
    pub(super) request_type: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct BackendLabels {
    pub(super) backend: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct IoOperation {
    pub(super) backend: &'static str,
    pub(super) operation: &'static str,
    pub(super) table_name: &'static str,
    pub(super) result: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct IoLatency {
    pub(super) backend: &'static str,
    pub(super) operation: &'static str,
    pub(super) table_name: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct DecisionLabels {
    pub(super) verdict: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct Observed {
    pub(super) address: String,
    pub(super) limit: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct Jump {
    pub(super) kind: &'static str,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
pub(super) struct Build {
    pub(super) path: &'static str,
    pub(super) version: &'static str,
    pub(super) checksum: &'static str,
    pub(super) revision: &'static str,
    pub(super) branch: &'static str,
}

impl Build {
    pub(super) const THIS: Self = Self {
        path: env!("CARGO_PKG_REPOSITORY"),
        version: env!("CARGO_PKG_VERSION"),
        checksum: "(unknown)",
        revision: "(unknown)",
        branch: "(unknown)",
    };
}
