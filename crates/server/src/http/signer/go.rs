//! Texts of Go's encoders, byte for byte: clients of Signatory see what `encoding/json` and `encoding/hex` say of their bodies.
//!
//! §1.3 (how answers are written) and §1.4, steps 5 and 6. Nothing of a body is repeated raw: Go quotes what does not print.

mod scanner;

use serde::Serialize;

use scanner::{Kind, Scanner};

/// Reads a body that is one JSON string. `null` is the empty string, as it is in Go.
///
/// # Errors
/// The text of Go's `json.Unmarshal` into a string.
pub(super) fn json_string(bytes: &[u8]) -> Result<String, String> {
    match Scanner::new(bytes).value()? {
        Kind::Null => Ok(String::new()),
        Kind::String => Ok(unquote(bytes.trim_ascii())),
        other => Err(format!("json: cannot unmarshal {} into Go value of type string", other.name())),
    }
}

/// Reads hexadecimal digits of either case.
///
/// # Errors
/// The text of Go's `hex.DecodeString`.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, String> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Ok(digit(*high)? << 4 | digit(*low)?)).collect();
    match rest {
        [] => bytes,
        // A wrong character comes before the wrong length, wherever it stands.
        [last, ..] => bytes
            .and_then(|_: Vec<u8>| digit(*last))
            .and(Err("encoding/hex: odd length hex string".to_owned())),
    }
}

/// A value as Go's encoder writes it: compact, safe inside HTML, with a newline behind it.
pub(super) fn json_line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    let mut line = String::with_capacity(json.len().saturating_add(1));
    // These characters stand in strings only.
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                line.push_str(&format!("\\u{:04x}", u32::from(character)))
            }
            _ => line.push(character),
        }
    }
    line.push('\n');
    line
}

fn digit(byte: u8) -> Result<u8, String> {
    let value = char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    value.ok_or_else(|| {
        let code = format!("encoding/hex: invalid byte: U+{byte:04X}");
        if prints(byte) { format!("{code} '{}'", char::from(byte)) } else { code }
    })
}

/// Whether Go prints the character of this number: Latin-1, without controls, no-break space and soft hyphen.
const fn prints(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | 0xa1..=0xac | 0xae..=0xff)
}

/// The text of a well-formed JSON string, quotes around it. What is no Unicode becomes U+FFFD.
fn unquote(quoted: &[u8]) -> String {
    let inner = quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or_default();
    let text = String::from_utf8_lossy(inner);
    if !text.contains('\\') {
        // Every message of an honest client, and what makes a megabyte of a stranger's cheap.
        return text.into_owned();
    }
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let meant = match (character, if character == '\\' { characters.next() } else { None }) {
            (_, Some('b')) => '\u{8}',
            (_, Some('f')) => '\u{c}',
            (_, Some('n')) => '\n',
            (_, Some('r')) => '\r',
            (_, Some('t')) => '\t',
            (_, Some('u')) => {
                let digits: String = characters.by_ref().take(4).collect();
                units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xfffd));
                continue;
            }
            (_, Some(other)) => other,
            (plain, None) => plain,
        };
        units.extend_from_slice(meant.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_string_is_refused_in_the_words_of_go() {
        let deep = "[".repeat(10_001);
        let rows: &[(&[u8], &str)] = &[
            (b"", "unexpected end of JSON input"),
            (b" \t\r\n", "unexpected end of JSON input"),
            (b"\"03", "unexpected end of JSON input"),
            (b"\"03\\\"", "unexpected end of JSON input"),
            (b"[\"03\"", "unexpected end of JSON input"),
            (b"{\"a\"", "unexpected end of JSON input"),
            (b"03", "invalid character '3' after top-level value"),
            (b"x", "invalid character 'x' looking for beginning of value"),
            (b"edsig", "invalid character 'e' looking for beginning of value"),
            (b"\"03\" \"04\"", "invalid character '\"' after top-level value"),
            (b"\"03\"x", "invalid character 'x' after top-level value"),
            (b"\"03\"\0", "invalid character '\\x00' after top-level value"),
            (b"'03'", "invalid character '\\'' looking for beginning of value"),
            (b"\\", "invalid character '\\\\' looking for beginning of value"),
            (b"\x1b[31m", "invalid character '\\x1b' looking for beginning of value"),
            (b"\x7f", "invalid character '\\x7f' looking for beginning of value"),
            (b"\xef\xbb\xbf\"03\"", "invalid character '\u{ef}' looking for beginning of value"),
            (b"\x85", "invalid character '\\u0085' looking for beginning of value"),
            (b"\xad", "invalid character '\\u00ad' looking for beginning of value"),
            (b"\"0\n3\"", "invalid character '\\n' in string literal"),
            (b"\"0\x073\"", "invalid character '\\a' in string literal"),
            (b"\"\\x\"", "invalid character 'x' in string escape code"),
            (b"\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"),
            (b"{}", "json: cannot unmarshal object into Go value of type string"),
            (b"{\"a\":1,\"b\":[{},[]]}", "json: cannot unmarshal object into Go value of type string"),
            (b"[]", "json: cannot unmarshal array into Go value of type string"),
            (b"[\"03\"]", "json: cannot unmarshal array into Go value of type string"),
            (b"0", "json: cannot unmarshal number into Go value of type string"),
            (b"-1.50e+10", "json: cannot unmarshal number into Go value of type string"),
            (b"true", "json: cannot unmarshal bool into Go value of type string"),
            (b" false ", "json: cannot unmarshal bool into Go value of type string"),
            (b"tru", "invalid character ' ' in literal true (expecting 'e')"),
            (b"nul\x01", "invalid character '\\x01' in literal null (expecting 'l')"),
            (b"-", "invalid character ' ' in numeric literal"),
            (b"1.", "invalid character ' ' after decimal point in numeric literal"),
            (b"1e", "invalid character ' ' in exponent of numeric literal"),
            (b"1x", "invalid character 'x' after top-level value"),
            (b"{a", "invalid character 'a' looking for beginning of object key string"),
            (b"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            (b"{\"a\" 1", "invalid character '1' after object key"),
            (b"{\"a\":1]", "invalid character ']' after object key:value pair"),
            (b"[1}", "invalid character '}' after array element"),
            (b"[1,]", "invalid character ']' looking for beginning of value"),
            (deep.as_bytes(), "invalid character '[' exceeded max depth"),
        ];
        for (body, text) in rows {
            assert_eq!(json_string(body), Err((*text).to_owned()), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_string_is_read_with_space_around_it_and_escapes_in_it() {
        for (body, text) in [
            (&b"\"03\""[..], "03"),
            (b" \r\n\t\"03\" \n", "03"),
            (b"null", ""),
            (b"\"\"", ""),
            (br#""\u0030\u0033""#, "03"),
            (br#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (br#""\ud83d\ude00""#, "\u{1f600}"),
            (br#""\ud83d""#, "\u{fffd}"),
            (b"\"\xff\"", "\u{fffd}"),
            ("\"ü\"".as_bytes(), "ü"),
        ] {
            assert_eq!(json_string(body).as_deref(), Ok(text));
        }
    }

    #[test]
    fn hex_takes_both_cases_and_nothing_else() {
        assert_eq!(hex("03fFAb"), Ok(vec![0x03, 0xff, 0xab]));
        assert_eq!(hex(""), Ok(vec![]));
        for (text, said) in [
            ("0", "odd length hex string"),
            ("033", "odd length hex string"),
            ("0Z", "invalid byte: U+005A 'Z'"),
            ("Z", "invalid byte: U+005A 'Z'"),
            ("0x03", "invalid byte: U+0078 'x'"),
            ("03 04", "invalid byte: U+0020 ' '"),
            ("03\n", "invalid byte: U+000A"),
            ("0ü", "invalid byte: U+00C3 'Ã'"),
            ("ZZZ0Y", "invalid byte: U+005A 'Z'"),
        ] {
            assert_eq!(hex(text), Err(format!("encoding/hex: {said}")), "{text:?}");
        }
    }

    #[test]
    fn answers_are_safe_inside_html_as_go_makes_them() {
        let written = json_line(&serde_json::json!({"msg": "<a&b>\u{2028}\u{2029}\"\u{1}\n\u{7f}ü"}));
        assert_eq!(written, "{\"msg\":\"\\u003ca\\u0026b\\u003e\\u2028\\u2029\\\"\\u0001\\n\u{7f}ü\"}\n");
    }
}
