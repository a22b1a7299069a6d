//! Secrets in the wrong place of the configuration: whatever quotes a text of it shows keys and tokens by their kind alone, and URLs
//! without user and password.

use std::fmt::Write as _;

/// What the texts of secret keys begin with, open and encrypted.
const PREFIXES: [&str; 8] = ["edsk", "spsk", "p2sk", "BLsk", "edesk", "spesk", "p2esk", "BLesk"];
/// From here on, what stands behind a prefix at the start of a word is taken for a key, be it cut or mistyped.
const LEAST_AT_START: usize = 8;
/// The same inside a word. Hashes of keys, which have the prefixes by chance, are shorter.
const LEAST_INSIDE: usize = 32;
/// What tokens of the issuer begin with.
const TOKENS: [&str; 2] = ["jat_", "jct_"];
/// The longest name that is shown whole where a secret may have become one.
const LONGEST_NAME: usize = 24;
/// How much is shown of a longer one.
const START_OF_NAME: usize = 8;

/// The text, where everything that looks like a secret key or a token is its prefix and `…`, and so are user and password of a URL.
pub(crate) fn concealed(text: &str) -> String {
    without_tokens(&without_keys(&without_userinfo(text)))
}

fn without_tokens(text: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = TOKENS.into_iter().filter_map(|prefix| rest.find(prefix)).min() {
        let (before, token) = rest.split_at_checked(start.saturating_add(4)).unwrap_or((rest, ""));
        let within = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let behind = token.trim_start_matches(within);
        let is_token = token.len().saturating_sub(behind.len()) >= LEAST_AT_START;
        shown.push_str(before);
        shown.push_str(if is_token { "…" } else { "" });
        rest = if is_token { behind } else { token };
    }
    shown + rest
}

/// RFC 3986 §3.2.1.
fn without_userinfo(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '`');
        let (authority, behind) =
            part.split_at_checked(part.find(ends).unwrap_or(part.len())).unwrap_or((part, ""));
        let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(_, host)| ("…@", host));
        shown.extend(["://", user, host, behind]);
    }
    shown
}

fn without_keys(text: &str) -> String {
    let separates = |c: char| !c.is_ascii_alphanumeric();
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(separates) {
        let word = piece.trim_end_matches(separates);
        match start_of_key(word) {
            Some(start) => {
                let behind = piece.get(word.len()..).unwrap_or_default();
                let _ = write!(shown, "{start}…{behind}");
            }
            None => shown.push_str(piece),
        }
    }
    shown
}

/// A word up to the end of the prefix of the secret key in it.
fn start_of_key(word: &str) -> Option<&str> {
    PREFIXES.into_iter().find_map(|prefix| {
        let at = word.find(prefix)?;
        let (start, key) = word.split_at_checked(at.saturating_add(prefix.len()))?;
        let least = if at == 0 { LEAST_AT_START } else { LEAST_INSIDE };
        (key.len() >= least).then_some(start)
    })
}

/// A name that may be a secret in the wrong place: a long one is cut.
pub(super) fn name(text: &str) -> String {
    if text.chars().count() <= LONGEST_NAME {
        return text.to_owned();
    }
    text.chars().take(START_OF_NAME).chain(['…']).collect()
}

/// The name of a variable that may be a password with a `$` in front: up to the first small letter, and cut as [`name`].
pub(super) fn variable(text: &str) -> String {
    match text.find(|c: char| c.is_ascii_lowercase()) {
        Some(end) => format!("{}…", text.get(..end.min(START_OF_NAME)).unwrap_or_default()),
        None => name(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_keys_are_shown_by_their_prefix_and_nothing_else_is_changed() {
        let key = "4".repeat(50);
        for prefix in PREFIXES {
            for (text, wanted) in [
                (format!("{prefix}{key}"), format!("{prefix}…")),
                (format!("{prefix}44444444"), format!("{prefix}…")),
                (format!("unencrypted:{prefix}{key}"), format!("unencrypted:{prefix}…")),
                (format!("encrypted:{prefix}{key}`, ü"), format!("encrypted:{prefix}…`, ü")),
                (format!("/a/{prefix}{key}/b.{prefix}{key}"), format!("/a/{prefix}…/b.{prefix}…")),
                (format!("x{prefix}{key}"), format!("x{prefix}…")),
            ] {
                assert_eq!(concealed(&text), wanted, "{text}");
            }
        }
        for text in [
            "",
            "write edsk…, spsk…",
            "/etc/edsk-backup/edskold",
            "tz1LggX2HUdvJ1tF4FvedskfjsrzLeW4Jr9t2Q",
            "edpkuML7LMReodJRo5VUsV6tYacb266dyHW7155K74CXUNemzMrGFB",
        ] {
            assert_eq!(concealed(text), text);
        }
    }

    #[test]
    fn tokens_and_what_stands_before_the_host_of_a_url_are_not_shown() {
        for (text, wanted) in [
            ("no token: jat_x7x7x7x7_-x7 cannot be read", "no token: jat_… cannot be read"),
            ("/a/jct_x7x7x7x7,jat_12345678\"", "/a/jct_…,jat_…\""),
            ("start with jat_, or jct_: jat_short", "start with jat_, or jct_: jat_short"),
            ("http://x:jat_x7x7x7x7@h:1/p is", "http://…@h:1/p is"),
            ("`https://u:p@a@h`, http://h/x@y", "`https://…@h`, http://h/x@y"),
        ] {
            assert_eq!(concealed(text), wanted);
        }
    }

    #[test]
    fn long_names_and_variables_with_small_letters_are_cut() {
        for (text, of_key, of_variable) in [
            ("pasword", "pasword", "…"),
            ("TEZOS_PW_2", "TEZOS_PW_2", "TEZOS_PW_2"),
            ("Aa1xbbbbbbbb", "Aa1xbbbbbbbb", "A…"),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "ABCDEFGH…", "ABCDEFGH…"),
            ("ABCDEFGHIJKa", "ABCDEFGHIJKa", "ABCDEFGH…"),
        ] {
            assert_eq!((name(text).as_str(), variable(text).as_str()), (of_key, of_variable), "{text}");
        }
    }
}
