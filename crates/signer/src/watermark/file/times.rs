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

    #[test]
    fn times_are_read_and_nothing_shorter_or_longer_is() {
        let (one, other) = (format!("00{}", "07".repeat(20)), format!("03{}", "08".repeat(20)));
        let text = format!(
            "{FIRST_LINE}\n{one} block 7 2 1 {} 3\n{other} attestation {} 0 0 0 0\nend 2\n",
            u64::MAX,
            i32::MAX
        );
        let timed = |level, round, pace| Watermark::new(level, round, None).unwrap().with_pace(Some(pace));
        let mut watermarks = ChainWatermarks::default();
        let block = timed(7, 2, Pace::kept(1, u64::MAX, 3));
        watermarks.entry(PublicKeyHash::new(Curve::Ed25519, [7; 20])).set(WatermarkKind::Block, block);
        let attestation = timed(i32::MAX, 0, Pace::kept(0, 0, 0));
        let bls = PublicKeyHash::new(Curve::Bls12381, [8; 20]);
        watermarks.entry(bls).set(WatermarkKind::Attestation, attestation);
        assert_eq!(parse(&text).unwrap(), watermarks);
        for length in 0..text.len() {
            assert!(parse(&text[..length]).is_err(), "{length} bytes");
        }
        assert!(parse(&format!("{text}\n")).is_err());
        assert_eq!(parse(&format!("{FIRST_LINE}\nend 0\n")).unwrap(), ChainWatermarks::default());
        for line in [
            format!("{one} block 7 0 1 1"),
            format!("{one} block 7 0 1 1 1 1"),
            format!("{one} block -7 0 1 1 1"),
            format!("{one} block 7 0 1 1 -1"),
            format!("{one} stake 7 0 1 1 1"),
            format!("{} block 7 0 1 1 1", "09".repeat(21)),
            format!("{} block 7 0 1 1 1", "é".repeat(21)),
            format!("{} block 7 0 1 1 1", &one[2..]),
            String::new(),
        ] {
            assert!(parse(&format!("{FIRST_LINE}\n{line}\nend 1\n")).is_err(), "{line}");
        }
    }
}
