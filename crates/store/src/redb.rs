//! redb
use std::path::Path;
use crate::{keyslot::{KdfParams, Password}, open::OpenError, store::Store};
pub(crate) fn create(_path: &Path, _password: &Password, _params: KdfParams) -> Result<Store, OpenError> { Err(OpenError::NotFound) }
pub(crate) fn open(_path: &Path, _password: &Password) -> Result<Store, OpenError> { Err(OpenError::NotFound) }
