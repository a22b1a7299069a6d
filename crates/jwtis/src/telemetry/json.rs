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
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.push_str(plain);
        let mut special = special.chars();
        match special.next() {
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
        rest = special.as_str();
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
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::field::{Empty, display};
    use tracing::{debug, error, error_span, info, info_span, trace, warn};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// Collects lines; each must come in one write.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// What `work` logs in our format.
    fn ours(work: impl Fn()) -> Vec<String> {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(log.clone())
            .fmt_fields(SpanFields)
            .event_format(JsonLine)
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        log.0.lock().unwrap().clone()
    }

    /// What `work` logs in the format that users' parsers know.
    fn theirs(work: impl Fn()) -> Vec<String> {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(log.clone())
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        log.0.lock().unwrap().clone()
    }

    /// A line of its own that is JSON without a member twice: what a parser forgets would be missing in the copy.
    fn parse(line: &str) -> Value {
        let object = line.strip_suffix('\n').unwrap_or_else(|| panic!("{line:?} does not end"));
        let mut value: Value =
            serde_json::from_str(object).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert_eq!(value.to_string(), object);
        let told = value["timestamp"].as_str().unwrap();
        if told.starts_with('2') {
            let shape: String = told.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
            value["timestamp"] = Value::Null;
        }
        value
    }

    /// Both formats, parsed; theirs may hold a member twice, of which parsers take the last.
    fn agree(name: &str, work: impl Fn()) -> Vec<Value> {
        let seen: Vec<Value> = ours(&work).iter().map(|line| parse(line)).collect();
        let mut wanted: Vec<Value> =
            theirs(work).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &mut wanted {
            if line["timestamp"].as_str().unwrap().starts_with('2') {
                line["timestamp"] = Value::Null;
            }
        }
        assert_eq!(seen, wanted, "{name}");
        assert!(!seen.is_empty(), "{name}");
        seen
    }

    /// Texts that have broken log formats before.
    const HOSTILE: [&str; 12] = [
        "",
        "plain",
        "a \"quoted\" \\ back/slash",
        "line\nfeed\r\n\ttab",
        "\u{0}\u{1}\u{7}\u{8}\u{b}\u{c}\u{1b}[31m\u{1f} \u{7f}\u{80}\u{9f}",
        "\u{2028}\u{2029}\u{feff}\u{202e}",
        "ä 漢字 🔑 \u{fffd}",
        "\"}\n{\"level\":\"ERROR\"}",
        "\\u0022,\"client\":\"mallory\"",
        "ends in a comma,",
        "ends in a backslash\\",
        "\"client\":",
    ];

    #[test]
    fn every_kind_of_value_is_as_it_was() {
        agree("values", || {
            let none: Option<&str> = None;
            info!(none, some = Some("text"), some_number = Some(3_u64), "message {} of {}", 1, 2);
            info!(yes = true, no = false, small = i64::MIN, large = u64::MAX, i = -1_i32, u = 7_u8);
            info!(
                zero = 0.0,
                minus = -0.0,
                third = 1.0 / 3.0,
                tiny = 5e-324,
                huge = 1.7e308,
                e = 1e-7,
                half = 0.5_f32
            );
            info!(nan = f64::NAN, up = f64::INFINITY, down = f64::NEG_INFINITY);
            info!(wide = u128::MAX, wider = i128::MIN);
            let error = io::Error::other("outer \"quoted\"\n");
            error!(error = &error as &(dyn std::error::Error + 'static), shown = %error, debugged = ?error);
            info!(bytes = &[0_u8, 1, 255][..], boxed = Box::new("b").as_ref(), string = String::from("s"));
            info!(r#type = "raw", r#match = %"raw", dotted.name.of = 1, "quoted name" = 2, "a\"b\n" = 3);
            info!(target: "a \"target\"\n", "no fields but this");
            debug!("{}", "d");
            trace!(empty = Empty, "t");
            warn!(invalid = ?std::ffi::OsStr::new("ok"), "w");
        });
    }

    #[test]
    fn hostile_text_stays_inside_its_string() {
        for text in HOSTILE {
            let lines = agree(text, || {
                let span = error_span!("request", id = text, shown = %text, debugged = ?text, client = Empty);
                span.in_scope(|| info!(text, shown = %text, debugged = ?text, "{text}"));
                span.record("client", text);
                span.in_scope(|| warn!(target: "x", text));
            });
            assert_eq!(lines[0]["text"], text);
            assert_eq!(lines[1]["span"]["client"], text);
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt as _;
            let path = std::path::Path::new(std::ffi::OsStr::from_bytes(b"/a\xff\x00\"\n"));
            agree("invalid UTF-8", || info!(path = ?path, shown = %path.display()));
        }
    }

    #[test]
    fn a_value_recorded_again_replaces_the_first() {
        let lines = agree("records", || {
            let span = error_span!("request", id = "1", client = Empty, client_key = Empty, route = Empty);
            let _inside = span.enter();
            info!("before");
            span.record("client", "first");
            span.record("client_key", "\"client\":\"x\",");
            span.record("route", 7);
            info!("first");
            span.record("client", "second").record("route", display("r"));
            info!("second");
            span.record("client", display("third\n")).record("id", false).record("unknown", 1);
            info!("third");
        });
        assert_eq!(lines[2]["span"]["client"], "second");
        assert_eq!(
            lines[3]["span"],
            json!({ "id": false, "client": "third\n", "client_key": "\"client\":\"x\",", "route": "r", "name": "request" })
        );
    }

    #[test]
    fn the_innermost_span_is_shown_and_none_outside() {
        let lines = agree("spans", || {
            info!("outside");
            let outer = error_span!("outer", a = 1);
            let inner = info_span!(parent: &outer, "inner");
            let aside = info_span!("aside \"quoted\"", b = Empty);
            outer.in_scope(|| {
                info!("outer");
                inner.in_scope(|| info!("inner"));
                info!(parent: &aside, "aside");
                info!(parent: None, "none");
                aside.record("b", 2);
                info!(parent: &aside, "aside");
            });
            info!("outside");
        });
        let names: Vec<_> = lines.iter().map(|line| line["span"]["name"].as_str()).collect();
        let aside = Some("aside \"quoted\"");
        assert_eq!(names, [None, Some("outer"), Some("inner"), aside, Some("outer"), aside, None]);
    }

    #[test]
    fn of_members_of_one_name_the_one_that_parsers_believe_is_written() {
        let lines = agree("names", || {
            // The level of a block, in the signer's decisions.
            let none: Option<u64> = None;
            info!(event = "signed", level = 120, message = "m");
            info!(event = "signed", level = none);
            info!(timestamp = "never", target = "mine", span = "mine", name = "mine", fields = "mine");
            info!(twin = 1, other = 2, twin = "two");
            info!(message = "field", "text");
            let span =
                error_span!("request", name = "field", level = 1, target = 2, span = 3, twin = 4, twin = 5);
            span.in_scope(|| info!(span = "mine", level = "mine"));
            span.record("name", "again");
            span.in_scope(|| info!("named"));
        });
        assert_eq!((&lines[0]["level"], &lines[1]["level"]), (&json!(120), &json!("INFO")));
        assert_eq!(lines[2]["span"], "mine");
        assert_eq!(lines[3]["twin"], "two");
        assert_eq!(lines[5]["span"]["name"], "request");
    }

    #[test]
    fn a_value_that_cannot_be_written_leaves_a_whole_line() {
        struct Broken;
        impl Debug for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half\"")?;
                Err(fmt::Error)
            }
        }
        let lines = ours(|| {
            let span = error_span!("request", broken = ?Broken, after = 1);
            span.in_scope(|| info!(broken = ?Broken, after = 1));
        });
        let lines: Vec<Value> = lines.iter().map(|line| parse(line)).collect();
        assert_eq!(lines.len(), 1);
        assert_eq!((&lines[0]["broken"], &lines[0]["after"]), (&json!("half\""), &json!(1)));
        assert_eq!(lines[0]["span"], json!({ "broken": "half\"", "after": 1, "name": "request" }));
    }
}
