//! Files and streams that somebody names, read whole up to a limit, into memory that is wiped.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::concealed::concealed;

/// Largest file with a password or a token, in bytes.
pub(crate) const MAX_SECRET_BYTES: usize = 64 * 1024;
/// Largest file or input with a token, claims or public keys, in bytes.
pub(crate) const MAX_INPUT_BYTES: usize = 1024 * 1024;
/// Largest file of certificates, in bytes. The lists of operating systems have a quarter of a million.
pub(crate) const MAX_CERTIFICATES_BYTES: usize = 4 * 1024 * 1024;

/// UTF-8's byte order mark, which editors on Windows write at the front of a file and show nobody.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// All of the file at `path`, without a byte order mark.
///
/// # Errors
/// When it cannot be read or is longer than `limit`; the message names the file.
pub(crate) fn file(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    file_as_it_is(path, limit).map(without_mark)
}

/// As [`file`], with a byte order mark.
///
/// # Errors
/// As [`file`].
pub(crate) fn file_as_it_is(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    File::open(path)
        .and_then(|file| whole(file, limit))
        .map_err(|error| format!("{} cannot be read: {error}", concealed(&path.to_string_lossy())))
}

/// As [`file_as_it_is`], for a secret. A name without `/` and `.` that no file has may be the secret itself, and is not shown.
///
/// # Errors
/// As [`file`].
pub(super) fn secret_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    if !path.to_string_lossy().contains(['/', '.']) && std::fs::metadata(path).is_err() {
        return Err("the setting names no file that can be read; the name may be the secret itself, so it is not shown".to_owned());
    }
    file_as_it_is(path, MAX_SECRET_BYTES)
}

/// That the file at `path`, if there is one, can be read again while the server runs: a pipe would keep the reader for as long as nobody
/// writes into it.
///
/// # Errors
/// When it is no regular file; the message names it.
pub(crate) fn check_regular(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(format!("{} is not a file any more", path.display())),
        // Whatever else is wrong with it, reading it tells.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// All of the file at `path`, as text.
///
/// # Errors
/// As [`file`], and when it is not UTF-8.
pub(crate) fn text_file(path: &Path, limit: usize) -> Result<Zeroizing<String>, String> {
    text(&file(path, limit)?).ok_or_else(|| format!("{} is not UTF-8", path.display()))
}

fn without_mark(mut bytes: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    bytes
}

/// The bytes as text, without a byte order mark. Nothing of them stays behind unwiped, text or not.
pub(crate) fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// All that `reader` gives. The buffer never grows, since what a growing one leaves behind is not wiped.
///
/// # Errors
/// When it cannot be read or gives more than `limit` bytes.
pub(crate) fn whole(mut reader: impl Read, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(vec![0; limit.saturating_add(1)]);
    let mut filled: usize = 0;
    while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
        match reader.read(free) {
            Ok(0) => {
                buffer.truncate(filled);
                return Ok(buffer);
            }
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {} KiB", limit / 1024)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_the_limit_is_refused_and_an_endless_device_ends_at_once() {
        assert_eq!(whole(&b"1234"[..], 4).unwrap().as_slice(), b"1234");
        assert!(whole(&b"12345"[..], 4).is_err());
        let message = text_file(Path::new("/dev/zero"), MAX_SECRET_BYTES).unwrap_err();
        assert_eq!(message, "/dev/zero cannot be read: it is longer than 64 KiB");
    }

    #[test]
    fn text_that_is_none_is_said() {
        assert!(text(&[b'a', 0xff]).is_none());
        assert_eq!(text("ü".as_bytes()).unwrap().as_str(), "ü");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (written, read) in [("\u{feff}s3cret", "s3cret"), ("\u{feff}", ""), ("s\u{feff}", "s\u{feff}")] {
            std::fs::write(&path, written).unwrap();
            assert_eq!(text_file(&path, 64).unwrap().as_str(), read);
            assert_eq!(text(written.as_bytes()).unwrap().as_str(), read);
        }
    }
}
