//! Go's JSON scanner, as far as its errors show it: the first thing that is wrong with a text, in the words of `encoding/json`.

use super::prints;

/// What a JSON value is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Null => "null",
        }
    }
}

/// What may come next.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Next {
    Value,
    FirstElement,
    Key,
    FirstKey,
    Colon,
    AfterValue,
}

/// Deepest nesting that Go reads.
const MAX_DEPTH: usize = 10_000;

/// Reads JSON to its end, only to find the first thing that is wrong with it.
pub(super) struct Scanner<'a> {
    rest: std::slice::Iter<'a, u8>,
    back: Option<u8>,
    ended: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes.iter(), back: None, ended: false }
    }

    /// The kind of the one value that fills the bytes.
    pub(super) fn value(mut self) -> Result<Kind, String> {
        let mut kind = None;
        let mut open: Vec<Kind> = Vec::new();
        let mut next = Next::Value;
        while !(next == Next::AfterValue && open.is_empty()) {
            let byte = self.after_space()?;
            next = match (next, byte) {
                (Next::FirstElement, b']') | (Next::FirstKey, b'}') => {
                    open.pop();
                    Next::AfterValue
                }
                (Next::Value | Next::FirstElement, _) => {
                    let found = self.begin(byte)?;
                    kind = kind.or(Some(found));
                    match found {
                        Kind::Object | Kind::Array if open.len() >= MAX_DEPTH => {
                            return Err(invalid(byte, "exceeded max depth"));
                        }
                        Kind::Object | Kind::Array => {
                            open.push(found);
                            if found == Kind::Object { Next::FirstKey } else { Next::FirstElement }
                        }
                        _ => Next::AfterValue,
                    }
                }
                (Next::Key | Next::FirstKey, b'"') => {
                    self.string()?;
                    Next::Colon
                }
                (Next::Key | Next::FirstKey, _) => {
                    return Err(invalid(byte, "looking for beginning of object key string"));
                }
                (Next::Colon, b':') => Next::Value,
                (Next::Colon, _) => return Err(invalid(byte, "after object key")),
                (Next::AfterValue, _) => match (open.last(), byte) {
                    (Some(Kind::Object), b',') => Next::Key,
                    (Some(Kind::Object), b'}') | (Some(Kind::Array), b']') => {
                        open.pop();
                        Next::AfterValue
                    }
                    (Some(Kind::Object), _) => return Err(invalid(byte, "after object key:value pair")),
                    (_, b',') => Next::Value,
                    _ => return Err(invalid(byte, "after array element")),
                },
            };
        }
        match self.after_space() {
            Ok(byte) => Err(invalid(byte, "after top-level value")),
            Err(_) => kind.ok_or_else(unexpected_end),
        }
    }

    /// Reads a value that begins with `byte`; of objects and arrays the beginning only.
    fn begin(&mut self, byte: u8) -> Result<Kind, String> {
        match byte {
            b'{' => Ok(Kind::Object),
            b'[' => Ok(Kind::Array),
            b'"' => self.string().map(|()| Kind::String),
            b'-' | b'0'..=b'9' => self.number(byte).map(|()| Kind::Number),
            b't' => self.word("true").map(|()| Kind::Bool),
            b'f' => self.word("false").map(|()| Kind::Bool),
            b'n' => self.word("null").map(|()| Kind::Null),
            _ => Err(invalid(byte, "looking for beginning of value")),
        }
    }

    fn string(&mut self) -> Result<(), String> {
        loop {
            match self.byte() {
                _ if self.ended => return Err(unexpected_end()),
                b'"' => return Ok(()),
                b'\\' => match self.byte() {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.byte();
                            if !byte.is_ascii_hexdigit() {
                                return Err(invalid(byte, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    byte => return Err(invalid(byte, "in string escape code")),
                },
                byte @ ..0x20 => return Err(invalid(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn number(&mut self, first: u8) -> Result<(), String> {
        let first = if first == b'-' { self.byte() } else { first };
        let mut byte = match first {
            b'0' => self.byte(),
            b'1'..=b'9' => self.digits(),
            _ => return Err(invalid(first, "in numeric literal")),
        };
        if byte == b'.' {
            let digit = self.byte();
            if !digit.is_ascii_digit() {
                return Err(invalid(digit, "after decimal point in numeric literal"));
            }
            byte = self.digits();
        }
        if matches!(byte, b'e' | b'E') {
            let mut digit = self.byte();
            if matches!(digit, b'+' | b'-') {
                digit = self.byte();
            }
            if !digit.is_ascii_digit() {
                return Err(invalid(digit, "in exponent of numeric literal"));
            }
            byte = self.digits();
        }
        self.back = Some(byte).filter(|_| !self.ended);
        Ok(())
    }

    /// The first byte that is no digit.
    fn digits(&mut self) -> u8 {
        loop {
            let byte = self.byte();
            if !byte.is_ascii_digit() {
                return byte;
            }
        }
    }

    /// The rest of a word whose first letter has been read.
    fn word(&mut self, word: &'static str) -> Result<(), String> {
        for expected in word.bytes().skip(1) {
            let byte = self.byte();
            if byte != expected {
                return Err(invalid(
                    byte,
                    &format!("in literal {word} (expecting '{}')", char::from(expected)),
                ));
            }
        }
        Ok(())
    }

    fn after_space(&mut self) -> Result<u8, String> {
        loop {
            let byte = self.byte();
            if self.ended {
                return Err(unexpected_end());
            }
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Ok(byte);
            }
        }
    }

    /// The next byte. Behind the last one there is a space: Go ends its scan with one, and some of its texts show it.
    fn byte(&mut self) -> u8 {
        match self.back.take().or_else(|| self.rest.next().copied()) {
            Some(byte) => byte,
            None => {
                self.ended = true;
                b' '
            }
        }
    }
}

fn unexpected_end() -> String {
    "unexpected end of JSON input".to_owned()
}

fn invalid(byte: u8, context: &str) -> String {
    let quoted = match byte {
        b'\'' => r"\'".to_owned(),
        b'\\' => r"\\".to_owned(),
        0x07 => r"\a".to_owned(),
        0x08 => r"\b".to_owned(),
        0x0b => r"\v".to_owned(),
        0x0c => r"\f".to_owned(),
        b'\n' => r"\n".to_owned(),
        b'\r' => r"\r".to_owned(),
        b'\t' => r"\t".to_owned(),
        ..0x20 | 0x7f => format!(r"\x{byte:02x}"),
        _ if prints(byte) => char::from(byte).to_string(),
        _ => format!(r"\u{byte:04x}"),
    };
    format!("invalid character '{quoted}' {context}")
}
