//! `CHAIN.times`: when watermarks in files rose, and how much of their allowance was used up. Releases before the driver `file` used the
//! store's engine kept it beside Signatory's `CHAIN.json`. It is read, and written no more.

use jwtis_tezos::PublicKeyHash;
use jwtis_tezos::watermark::{ChainWatermarks, Pace, Watermark, WatermarkKind};

/// How names of these files end.
pub(super) const SUFFIX: &str = ".times";

const FIRST_LINE: &str = "jwtis watermark times 1";

/// Reads such a text.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<ChainWatermarks, String> {
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err(format!("the first line is not `{FIRST_LINE}`"));
    }
    let mut watermarks = ChainWatermarks::default();
    let mut count = 0_usize;
    for line in lines.by_ref() {
        if let Some(end) = line.strip_prefix("end ") {
            let whole = end.parse() == Ok(count) && lines.next().is_none() && text.ends_with('\n');
            return if whole { Ok(watermarks) } else { Err("the last line is not its end".to_owned()) };
        }
        let (key, kind, watermark) =
            row(line).ok_or_else(|| format!("`{line}` is no time of a watermark"))?;
        watermarks.entry(key).raise(kind, watermark);
        count = count.saturating_add(1);
    }
    Err("the end is missing".to_owned())
}

fn row(line: &str) -> Option<(PublicKeyHash, WatermarkKind, Watermark)> {
    let mut fields = line.split(' ');
    let key = tagged(fields.next()?)?;
    let name = fields.next()?;
    let kind = WatermarkKind::ALL.into_iter().find(|kind| kind.name() == name)?;
    let (level, round) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let mut number = || fields.next()?.parse::<u64>().ok();
    let pace = Pace::kept(number()?, number()?, number()?);
    if fields.next().is_some() {
        return None;
    }
    Some((key, kind, Watermark::new(level, round, None)?.with_pace(Some(pace))))
}

fn tagged(text: &str) -> Option<PublicKeyHash> {
    if text.len() != 2 * PublicKeyHash::TAGGED_LEN {
        return None;
    }
    let mut bytes = [0; PublicKeyHash::TAGGED_LEN];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    PublicKeyHash::from_tagged(&bytes)
}

#[cfg(test)]
mod tests {
    use jwtis_tezos::Curve;

    use super::*;
    use std::fmt::Write as _;

    /// The text of a file: a line for each watermark whose time is known, and a last one that shows that the file is whole. Hexadecimal keys,
    /// since base58check would cost more than all the rest.
    fn print(watermarks: &ChainWatermarks) -> String {
        let mut text = format!("{FIRST_LINE}\n");
        let mut count = 0_usize;
        for (key, watermarks) in watermarks.iter() {
            for kind in WatermarkKind::ALL {
                let Some((watermark, pace)) =
                    watermarks.get(kind).and_then(|watermark| Some((watermark, watermark.pace()?)))
                else {
                    continue;
                };
                for byte in key.to_tagged() {
                    // Writing to a String does not fail.
                    let _ = write!(text, "{byte:02x}");
                }
                let (last, latest, used) = pace.parts();
                let _ = writeln!(
                    text,
                    " {kind} {} {} {last} {latest} {used}",
                    watermark.level(),
                    watermark.round()
                );
                count = count.saturating_add(1);
            }
        }
        let _ = writeln!(text, "end {count}");
        text
    }

    fn watermarks() -> ChainWatermarks {
        let watermark = |level, pace| Watermark::new(level, 2, None).unwrap().with_pace(pace);
        let mut watermarks = ChainWatermarks::default();
        for (n, curve) in Curve::ALL.into_iter().enumerate() {
            let entry = watermarks.entry(PublicKeyHash::new(curve, [n as u8; 20]));
            entry.set(WatermarkKind::Block, watermark(7, Some(Pace::kept(1, u64::MAX, 3))));
            entry.set(WatermarkKind::Attestation, watermark(i32::MAX, Some(Pace::kept(0, 0, 0))));
        }
        watermarks
    }

    #[test]
    fn times_read_back_and_nothing_shorter_or_longer_does() {
        let text = print(&watermarks());
        assert_eq!(parse(&text).unwrap(), watermarks());
        for length in 0..text.len() {
            assert!(parse(&text[..length]).is_err(), "{length} bytes");
        }
        assert!(parse(&format!("{text}\n")).is_err());
        assert_eq!(parse(&print(&ChainWatermarks::default())).unwrap(), ChainWatermarks::default());
    }

    #[test]
    fn watermarks_of_an_unknown_time_have_no_line() {
        let mut one = ChainWatermarks::default();
        let key = PublicKeyHash::new(Curve::Ed25519, [7; 20]);
        one.entry(key).set(WatermarkKind::Block, Watermark::new(7, 2, None).unwrap());
        assert_eq!(print(&one), "jwtis watermark times 1\nend 0\n");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let key = format!("00{}", "07".repeat(20));
        for line in [
            format!("{key} block 7 0 1 1"),
            format!("{key} block 7 0 1 1 1 1"),
            format!("{key} block -7 0 1 1 1"),
            format!("{key} block 7 0 1 1 -1"),
            format!("{key} stake 7 0 1 1 1"),
            format!("{} block 7 0 1 1 1", "09".repeat(21)),
            format!("{} block 7 0 1 1 1", "é".repeat(21)),
            format!("{} block 7 0 1 1 1", &key[2..]),
            String::new(),
        ] {
            let text = format!("jwtis watermark times 1\n{line}\nend 1\n");
            assert!(parse(&text).is_err(), "{line}");
        }
    }
}
