//! How good passwords and secrets have to be: pure.

/// Shortest password, in bytes.
const PASSWORD_BYTES: usize = 16;
/// Shortest secret, in bytes. The key of HS256 may not be shorter either (RFC 7518 §3.2).
const SECRET_BYTES: usize = 32;

/// What is wrong with a plain password, in Signatory's words; nothing where it is good.
#[must_use]
pub fn password_faults(password: &str) -> Vec<String> {
    faults("password", PASSWORD_BYTES, password)
}

/// What is wrong with the secret of a user's tokens, in Signatory's words; nothing where it is good.
#[must_use]
pub fn secret_faults(secret: &str) -> Vec<String> {
    faults("secret", SECRET_BYTES, secret)
}

fn faults(what: &str, shortest: usize, text: &str) -> Vec<String> {
    let has = |class: fn(&u8) -> bool| text.as_bytes().iter().any(class);
    let mut faults = Vec::new();
    if text.len() < shortest {
        faults.push(format!("{what} should be at least {shortest} characters"));
    }
    for (class, present) in [
        ("uppercase character", has(u8::is_ascii_uppercase)),
        ("lowercase character", has(u8::is_ascii_lowercase)),
        ("digit", has(u8::is_ascii_digit)),
        ("special character", has(|byte| matches!(byte, b' '..=b'~') && !byte.is_ascii_alphanumeric())),
    ] {
        if !present {
            faults.push(format!("{what} should contain at least one {class}"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_by_its_text() {
        for (password, wanted) in [
            ("Aa1!567890123456", &[][..]),
            ("Aa1 567890123456", &[]),
            ("Aa1!56789012345", &["password should be at least 16 characters"]),
            ("aa1!567890123456", &["password should contain at least one uppercase character"]),
            ("AA1!567890123456", &["password should contain at least one lowercase character"]),
            ("Aab!abcdefghijkl", &["password should contain at least one digit"]),
            ("Aa1b567890123456", &["password should contain at least one special character"]),
            ("Aa1\t567890123456", &["password should contain at least one special character"]),
            ("Aa1é56789012345", &["password should contain at least one special character"]),
            (
                "éééééééé",
                &[
                    "password should contain at least one uppercase character",
                    "password should contain at least one lowercase character",
                    "password should contain at least one digit",
                    "password should contain at least one special character",
                ],
            ),
        ] {
            assert_eq!(password_faults(password), wanted, "{password:?}");
        }
        assert_eq!(secret_faults("Aa1!5678901234567890123456789012"), [""; 0]);
        assert_eq!(
            secret_faults("Aa1!567890123456789012345678901"),
            ["secret should be at least 32 characters"]
        );
        assert_eq!(password_faults("").len(), 5);
    }
}
