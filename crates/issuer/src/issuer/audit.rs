//! The audit trail, for the admin.

use jwtis_base::audit::AuditPage;
use jwtis_store::ReadError;

use super::Issuer;
use crate::access::AdminAccess;

impl Issuer {
    /// At most `limit` audit records, those with numbers above `after`.
    ///
    /// # Errors
    /// When the store cannot be read, or one of the records is damaged.
    pub async fn audit_page(
        &self,
        _access: &AdminAccess,
        after: u64,
        limit: usize,
    ) -> Result<AuditPage, ReadError> {
        AuditPage::of(self.store(), after, limit).await
    }
}
