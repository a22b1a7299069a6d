//! The two forms of a page of metrics: Prometheus' text format 0.0.4 and OpenMetrics 1.0. A scraper gets the first unless it asks for the
//! second (`Accept`, RFC 9110 §12.5.1), as Prometheus' own libraries do it.

/// How a page of metrics is written.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Exposition {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Exposition {
    /// What the lines of `Accept` ask for: the one with the higher weight, the text format where neither is named.
    pub fn asked_for<'a>(accept: impl Iterator<Item = &'a str>) -> Self {
        let mut best = (0.0, Self::Text);
        for range in accept.flat_map(|line| line.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next() {
                Some(name) if name.eq_ignore_ascii_case("text/plain") => Self::Text,
                Some(name) if name.eq_ignore_ascii_case("application/openmetrics-text") => Self::OpenMetrics,
                _ => continue,
            };
            let (mut weight, mut known) = (1.0, true);
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                if name.eq_ignore_ascii_case("q") {
                    weight = value.parse().unwrap_or(0.0);
                } else if name.eq_ignore_ascii_case("version") && form == Self::OpenMetrics {
                    known = value == "1.0.0";
                }
            }
            if known && weight > best.0 {
                best = (weight, form);
            }
        }
        best.1
    }

    /// `Content-Type` of the page.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// `openmetrics`, a page in OpenMetrics 1.0, in this form.
    #[must_use]
    pub fn page(self, openmetrics: String) -> String {
        match self {
            Self::OpenMetrics => openmetrics,
            Self::Text => text(&openmetrics),
        }
    }
}

/// The page in the text format. OpenMetrics names a family without the suffix that its samples have, and its help comes before the type
/// that tells the suffix.
fn text(openmetrics: &str) -> String {
    let mut page = String::with_capacity(openmetrics.len());
    let mut help = None;
    for line in openmetrics.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            page.extend([line, "\n"]);
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("HELP"), Some(_), Some(text)) => help = Some(text),
            (Some("TYPE"), Some(family), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    kind => ("", kind),
                };
                if let Some(help) = help.take() {
                    page.extend(["# HELP ", family, suffix, " ", help, "\n"]);
                }
                page.extend(["# TYPE ", family, suffix, " ", kind, "\n"]);
            }
            // `# UNIT` and `# EOF` are OpenMetrics' own.
            _ => {}
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (accept, form) in [
            (&[][..], Exposition::Text),
            (&["*/*"], Exposition::Text),
            (&["text/plain;version=0.0.4"], Exposition::Text),
            (&["application/json"], Exposition::Text),
            (&["application/openmetrics-text"], Exposition::OpenMetrics),
            (&["Application/OpenMetrics-Text; version=1.0.0"], Exposition::OpenMetrics),
            (&["application/openmetrics-text; version=2.0.0"], Exposition::Text),
            (&["application/openmetrics-text;q=0.1, text/plain;q=0.9"], Exposition::Text),
            (&["text/plain;q=0.1", "application/openmetrics-text;q=0.9"], Exposition::OpenMetrics),
            (&["application/openmetrics-text;q=0"], Exposition::Text),
            (&["application/openmetrics-text;q=much"], Exposition::Text),
            (&[prometheus], Exposition::OpenMetrics),
        ] {
            assert_eq!(Exposition::asked_for(accept.iter().copied()), form, "{accept:?}");
        }
    }

    #[test]
    fn the_text_format_names_each_family_as_its_samples() {
        let page = "# HELP a Requests.\n# TYPE a counter\na_total{b=\"# x\"} 1\n# TYPE c histogram\n# UNIT c seconds\nc_bucket{le=\"+Inf\"} 0\n# TYPE d info\nd_info 1\n# TYPE e gauge\ne 2\n# EOF\n";
        assert_eq!(
            Exposition::Text.page(page.to_owned()),
            "# HELP a_total Requests.\n# TYPE a_total counter\na_total{b=\"# x\"} 1\n# TYPE c histogram\nc_bucket{le=\"+Inf\"} 0\n# TYPE d_info gauge\nd_info 1\n# TYPE e gauge\ne 2\n"
        );
        assert_eq!(Exposition::OpenMetrics.page(page.to_owned()), page);
    }
}
