//! Our lines beside those of tracing-subscriber: the same events in both formats, compared as parsed JSON.

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
    let mut value: Value = serde_json::from_str(object).unwrap_or_else(|error| panic!("{error}: {line:?}"));
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
