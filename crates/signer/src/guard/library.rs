//! What is said of a token whose signature has been verified: in the words of Signatory's JWT library, as far as clients can rely on
//! those (§2.3). Of any other token one thing alone is said, and the log has the reason.

pub(super) const EXPIRED: &str = "token has invalid claims: token is expired";
pub(super) const NOT_YET: &str = "token has invalid claims: token is not valid yet";
pub(super) const NO_EXP: &str =
    "token has invalid claims: token is missing required claim: exp claim is required";
pub(super) const BAD_EXP: &str = "token has invalid claims: invalid type for claim: exp is invalid";
pub(super) const BAD_NBF: &str = "token has invalid claims: invalid type for claim: nbf is invalid";
pub(super) const WRONG_AUDIENCE: &str = "token has invalid claims: token has invalid audience";
pub(super) const WRONG_ISSUER: &str = "token has invalid claims: token has invalid issuer";
