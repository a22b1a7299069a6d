//! Log lines as JSON (RFC 8259), one object per event: keys and values are those of tracing-subscriber's flattened format.
//!
//! That one parses a span's fields again for each event and for each value that is recorded later, which was a twentieth of all the
//! work under load. Here they are written once, and copied from then on. Where names collide, only the member that parsers believe (the
//! last one) is written; bytes are hexadecimal also in spans.

use std::fmt::{self, Debug};

use serde_json::Number;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an event as a line: time, level, the event's fields, target, and the innermost span around it.
#[derive(Debug)]
pub(super) struct JsonLine;

impl<S> FormatEvent<S, SpanFields> for JsonLine
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, SpanFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Members::with_room(512, 24);
        line.add("timestamp", |text| {
            text.push('"');
            let told = SystemTime.format_time(&mut Writer::new(text));
            text.push('"');
            told
        })?;
        line.add_text("level", metadata.level().as_str());
        event.record(&mut line);
        line.add_text("target", metadata.target());

        let span = event.parent().and_then(|id| context.span(id)).or_else(|| context.lookup_current());
        if let Some(span) = span {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<SpanFields>>().map_or("", |known| &known.fields);
            line.add("span", |text| {
                text.push('{');
                for member in fields.split_terminator(END).filter(|member| !member.starts_with("\"name\":")) {
                    text.push_str(member);
                    text.push(',');
                }
                text.push_str("\"name\":");
                push_string(text, span.name());
                text.push('}');
            });
        }
        line.write_to(&mut writer)
    }
}

/// Keeps a span's fields as [`Members`], ready to be copied into its events.
#[derive(Debug)]
pub(super) struct SpanFields;

impl<'writer> FormatFields<'writer> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut members = Members::with_room(192, 8);
        fields.record(&mut members);
        writer.write_str(&members.text)
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let mut later = Members::with_room(64, 2);
        fields.record(&mut later);
        for name in &later.names {
            remove(&mut current.fields, name);
        }
        current.fields.push_str(&later.text);
        Ok(())
    }
}

/// Follows each member. Compact JSON holds no line feed, neither between values nor, unescaped, in a string: where one stands, a member
/// ends, and none has to be parsed to be found again.
const END: char = '\n';

/// The members of a JSON object, no two of the same name.
struct Members {
    text: String,
    names: Vec<&'static str>,
}

impl Members {
    fn with_room(bytes: usize, members: usize) -> Self {
        Self { text: String::with_capacity(bytes), names: Vec::with_capacity(members) }
    }

    /// Adds a member in place of an earlier one of that name.
    fn add<T>(&mut self, name: &'static str, value: impl FnOnce(&mut String) -> T) -> T {
        if self.names.contains(&name) {
            remove(&mut self.text, name);
        } else {
            self.names.push(name);
        }
        push_string(&mut self.text, name);
        self.text.push(':');
        let outcome = value(&mut self.text);
        self.text.push(END);
        outcome
    }

    fn add_text(&mut self, name: &'static str, value: &str) {
        self.add(name, |text| push_string(text, value));
    }

    /// For values whose `Display` is JSON.
    fn add_plain(&mut self, name: &'static str, value: impl fmt::Display) {
        self.add(name, |text| push_display(text, format_args!("{value}")));
    }

    /// Writes the object as a line.
    fn write_to(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let mut before = '{';
        for member in self.text.split_terminator(END) {
            writer.write_char(before)?;
            writer.write_str(member)?;
            before = ',';
        }
        writer.write_str("}\n")
    }
}

/// Numbers and truth values as such, all else as strings. A field without a value is not visited.
impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity, and nothing that is not a number (RFC 8259 §6).
        match Number::from_f64(value) {
            Some(number) => self.add_plain(field.name(), number),
            None => self.add_plain(field.name(), "null"),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add_plain(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add_plain(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add_plain(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add_text(field.name(), value);
    }

    // Also what is displayed, errors, numbers of 128 bits (few parsers keep all their digits) and bytes (in hexadecimal).
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field.name(), |text| {
            text.push('"');
            push_display(&mut Escaped(text), format_args!("{value:?}"));
            text.push('"');
        });
    }
}

/// Removes the member of that name, if there is one.
fn remove(members: &mut String, name: &str) {
    let mut key = String::with_capacity(name.len().saturating_add(3));
    push_string(&mut key, name);
    key.push(':');
    let mut start = 0_usize;
    for member in members.split_inclusive(END) {
        let end = start.saturating_add(member.len());
        if member.starts_with(&key) {
            members.replace_range(start..end, "");
            return;
        }
        start = end;
    }
}

/// What a value's own `Display` or `Debug` fails to write is missing; the line stays whole.
fn push_display(text: &mut impl fmt::Write, value: fmt::Arguments<'_>) {
    let _ = text.write_fmt(value);
}

fn push_string(text: &mut String, value: &str) {
    text.push('"');
    push_escaped(text, value);
    text.push('"');
}

/// The inside of a string (RFC 8259 §7), with the short escapes where there are any.
fn push_escaped(text: &mut String, value: &str) {
    let special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // Nearly every text has nothing to escape; without an early end, that is found out many bytes at a time.
    if !value.bytes().fold(false, |found, byte| found | special(byte)) {
        text.push_str(value);
        return;
    }
    let mut rest = value;
    while let Some(at) = rest.bytes().position(special) {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.push_str(plain);
        let mut tail = tail.chars();
        match tail.next() {
            Some('"') => text.push_str("\\\""),
            Some('\\') => text.push_str("\\\\"),
            Some('\u{8}') => text.push_str("\\b"),
            Some('\t') => text.push_str("\\t"),
            Some('\n') => text.push_str("\\n"),
            Some('\u{c}') => text.push_str("\\f"),
            Some('\r') => text.push_str("\\r"),
            Some(control) => push_display(text, format_args!("\\u{:04x}", u32::from(control))),
            None => {}
        }
        rest = tail.as_str();
    }
    text.push_str(rest);
}

/// Takes text in pieces, and escapes it.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        push_escaped(self.0, piece);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
