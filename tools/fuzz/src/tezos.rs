//! Sign requests, texts in base58check, and Signatory's watermark files.

use jwtis_tezos::base58check::{self, Prefix};
use jwtis_tezos::policy::{Allow, Circumstances, Mutez, OperationPermission, Usage};
use jwtis_tezos::secret_key::parse_secret_keys;
use jwtis_tezos::watermark::{
    ChainWatermarks, Judgement, JumpRule, Need, Printer, Watermark, WatermarkKind, judge,
};
use jwtis_tezos::{
    BlockHash, Caller, ChainId, Curve, OperationKind, Policy, ProtocolHash, PublicKey, PublicKeyHash,
    RequestKind, SignRequest, Signature, SigningVersion, StoredSecretKey, Verdict,
};

use super::seeds;

const VERSIONS: [SigningVersion; 3] = [SigningVersion::V0, SigningVersion::V1, SigningVersion::V2];

fn allows(policy: &Policy, request: &SignRequest) -> bool {
    let (key, usage) = (PublicKeyHash::new(Curve::Ed25519, [1; 20]), Usage::default());
    let at = Circumstances { key: &key, caller: &Caller::Anonymous, usage: &usage, now_ms: 0 };
    matches!(policy.evaluate(request, &at), Verdict::Allow(_))
}

/// Everything but the requests and operations that `request` consists of.
fn all_but(request: &SignRequest) -> Policy {
    let kinds: Vec<&str> = request.operations().iter().map(|operation| operation.kind().name()).collect();
    let operations = OperationKind::ALL.iter().filter(|kind| !kinds.contains(&kind.name()));
    let requests =
        RequestKind::ALL.into_iter().filter(|kind| kinds.is_empty().then_some(request.kind()) != Some(*kind));
    Policy {
        allow: Allow::new(requests, operations.map(|kind| OperationPermission::kind(*kind))),
        ..Policy::default()
    }
}

/// What a message says, without what its length and digest say.
fn shown(request: &SignRequest) -> serde_json::Value {
    let mut json = request.to_json();
    json.as_object_mut().unwrap().retain(|name, _| !["bytes", "digest"].contains(&name.as_str()));
    json
}

/// A message that decodes is shown whole; its kind follows from its bytes; the empty policy refuses it, and so does one that allows all
/// but what it says; and cut or made longer it is another message.
pub fn request(data: &[u8]) {
    for version in VERSIONS {
        let request = match SignRequest::decode(data, version) {
            Ok(request) => request,
            Err(error) => {
                assert!(error.offset() <= data.len() && error.detail().starts_with(&error.to_string()));
                continue;
            }
        };
        assert_eq!(request.message(), data);
        let kinds: &[RequestKind] = match data[0] {
            0x03 => &[RequestKind::Generic],
            0x05 => &[RequestKind::Pack],
            0x11 => &[RequestKind::Block],
            0x12 => &[RequestKind::Preattestation],
            _ => &[RequestKind::Attestation, RequestKind::AttestationWithDal],
        };
        assert!(kinds.contains(&request.kind()) && !request.in_words().is_empty());
        assert_eq!(SignRequest::decode(data, version).as_ref(), Ok(&request));
        for operation in request.operations() {
            assert!(operation.span().end <= data.len() && !operation.in_words().contains('\n'));
        }
        // Every byte of a batch belongs to an operation, in order.
        let mut at = 33;
        for operation in request.operations() {
            assert_eq!(operation.span().start, at);
            at = operation.span().end;
        }
        assert!(request.operations().is_empty() || at == data.len());

        let consensus = matches!(data[0], 0x11..=0x13);
        match request.watermark() {
            Need::Watermark(asked) => {
                assert!(consensus && asked.watermark.level() >= 0 && asked.watermark.round() >= 0);
                assert_eq!(
                    request.level_and_round(),
                    Some((asked.watermark.level(), asked.watermark.round()))
                );
                assert_eq!(request.chain(), Some(&asked.chain));
                assert_eq!(
                    judge(Some(&asked.watermark), &asked.watermark, &JumpRule::Off, 0),
                    Judgement::Repeat(asked.watermark),
                    "the same message again"
                );
            }
            Need::Nothing => assert!(!consensus, "a consensus message without a watermark"),
            Need::CannotTell => panic!("a message that is understood, and whose watermark nobody can tell"),
        }
        for curve in Curve::ALL {
            let _ = SignRequest::decode_for(data, version, curve);
        }

        let empty = Policy::default();
        assert!(!allows(&empty, &request), "the empty policy allows");
        assert!(!allows(&all_but(&request), &request), "allowed without a reason");
        assert!(!allows(&Policy::baker(), &request) || consensus, "a baker signs consensus messages only");
        assert!(!empty.explain(&request).is_empty());

        if version == SigningVersion::LATEST {
            let before = shown(&request);
            let longer = [data, &[0]].concat();
            let cut = &data[..data.len() - 1];
            for other in [cut, &longer] {
                if let Ok(other) = SignRequest::decode(other, version) {
                    assert_ne!(shown(&other), before, "an invisible change");
                    assert!(!allows(&empty, &other));
                }
            }
        }
    }
}

pub fn request_seeds() -> Vec<Vec<u8>> {
    let is_message = |text: &str| {
        text.len() > 8 && text.len() < 2000 && matches!(text.get(..2), Some("03" | "05" | "11" | "12" | "13"))
    };
    let mut found: Vec<Vec<u8>> =
        seeds::texts(is_message).iter().filter_map(|text| seeds::hex(text)).collect();
    found.extend([
        block(),
        consensus(0x12, 20),
        consensus(0x12, 40),
        consensus(0x13, 21),
        consensus(0x13, 23),
        consensus(0x13, 41),
    ]);
    found.push(vec![0x05, 0x07, 0x07, 0x03, 0x0b, 0x00, 0x2a]);
    found.push(vec![0x05, 0x02, 0, 0, 0, 4, 0x03, 0x0b, 0x00, 0x01]);
    found
}

/// A block in the layout of Octez, level 120, round 0.
pub fn block() -> Vec<u8> {
    let mut message = vec![0x11, 0xb3, 0xd7, 0x9f, 0x99];
    message.extend(120_i32.to_be_bytes());
    message.push(24);
    message.extend([0x21; 32]);
    message.extend(1_700_000_000_i64.to_be_bytes());
    message.push(4);
    message.extend([0x22; 32]);
    let fitness: [&[u8]; 5] =
        [&[2], &120_i32.to_be_bytes(), &[], &(-1_i32).to_be_bytes(), &0_i32.to_be_bytes()];
    let fitness: Vec<u8> = fitness
        .iter()
        .flat_map(|part| [&u32::try_from(part.len()).unwrap().to_be_bytes(), *part].concat())
        .collect();
    message.extend(u32::try_from(fitness.len()).unwrap().to_be_bytes());
    message.extend(fitness);
    message.extend([0x23; 32]);
    message.extend([0x24; 32]);
    message.extend(0_i32.to_be_bytes());
    message.extend([0x25; 8]);
    message.extend([0, 0]);
    message
}

/// A consensus message of this magic byte and tag, level 120, round 0.
pub fn consensus(magic: u8, tag: u8) -> Vec<u8> {
    let mut message = vec![magic, 0xb3, 0xd7, 0x9f, 0x99];
    message.extend([0x31; 32]);
    message.push(tag);
    if tag < 40 {
        message.extend([0, 7]);
    }
    message.extend(120_i32.to_be_bytes());
    message.extend(0_i32.to_be_bytes());
    message.extend([0x32; 32]);
    if tag == 23 {
        message.push(1);
    }
    message
}

/// What is decoded is encoded as it was, and what is encoded is decoded as it was. Each kind of text prints back the same.
pub fn base58(data: &[u8]) {
    // Behind a byte ff: the number of a prefix, then a payload.
    if let [0xff, number, payload @ ..] = data {
        let prefix = Prefix::ALL[usize::from(*number) % Prefix::ALL.len()];
        if payload.len() > 200 {
            return;
        }
        let text = base58check::encode(prefix, payload);
        match base58check::decode(&text) {
            Ok((found, bytes)) => {
                assert_eq!(base58check::encode(found, &bytes), text);
                assert!(
                    payload.len() != prefix.payload_len() || (found == prefix && bytes.as_slice() == payload)
                );
            }
            Err(_) => assert_ne!(payload.len(), prefix.payload_len()),
        }
        texts(&text);
        return;
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok((prefix, payload)) = base58check::decode(text) {
        assert_eq!(base58check::encode(prefix, &payload), text);
        assert_eq!((payload.len(), text.len()), (prefix.payload_len(), prefix.text_len()));
        assert!(text.starts_with(prefix.text()));
    }
    texts(text);
    if let Ok(found) = parse_secret_keys(data) {
        for named in &found.keys {
            let _ = named.key.curve();
        }
    }
}

macro_rules! prints_back {
    ($text:expr, $($kind:ty),+) => {
        [$($text.parse::<$kind>().is_ok_and(|value| {
            assert_eq!(value.to_string(), $text, "another text of the same {}", stringify!($kind));
            true
        })),+]
    };
}

fn texts(text: &str) {
    let kinds = prints_back!(text, PublicKeyHash, PublicKey, Signature, ChainId, BlockHash, ProtocolHash);
    let secret = text.parse::<StoredSecretKey>();
    match &secret {
        Ok(StoredSecretKey::Encrypted(key)) => assert_eq!(key.to_base58(), text),
        Ok(StoredSecretKey::Plain(key)) => {
            let printed = key.danger_to_base58().unwrap();
            let again: jwtis_tezos::SecretKey = printed.parse().unwrap();
            assert_eq!(again.public_key(), key.public_key());
            let signature = key.sign(b"\x05x", SigningVersion::LATEST).unwrap();
            key.public_key().verify_strictly(b"\x05x", &signature, SigningVersion::LATEST).unwrap();
        }
        Err(_) => {}
    }
    let meanings = kinds.into_iter().chain([secret.is_ok()]).filter(|yes| *yes).count();
    assert!(meanings <= 1, "one text, {meanings} meanings");
    if let Ok(signature) = text.parse::<Signature>() {
        assert_eq!(signature.with_low_s().with_low_s(), signature.with_low_s());
        assert_eq!(signature.to_generic().as_bytes(), signature.as_bytes());
    }
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(PublicKey::from_bytes(key.curve(), key.as_bytes()).as_ref(), Ok(&key));
        assert_eq!(PublicKeyHash::from_tagged(&key.hash().to_tagged()), Some(key.hash()));
    }
}

pub fn base58_seeds() -> Vec<Vec<u8>> {
    let alphabet = |text: &str| (15..200).contains(&text.len()) && base58check::decode(text).is_ok();
    let texts = seeds::texts(alphabet);
    let mut found = Vec::new();
    for text in &texts {
        if let Ok((prefix, payload)) = base58check::decode(text) {
            let number = Prefix::ALL.iter().position(|other| *other == prefix).unwrap();
            found.push([&[0xff, u8::try_from(number).unwrap()], payload.as_slice()].concat());
        }
    }
    found.extend(seeds::bytes(texts));
    found.push(
        br#"[{"name":"a","value":"unencrypted:edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd"}]"#
            .to_vec(),
    );
    found
}

/// Watermarks are printed as they were read, and joining forgets none.
pub fn watermarks(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read =
        [ChainWatermarks::parse_v2(text), ChainWatermarks::parse_v1(text), ChainWatermarks::parse_v0(text)];
    let mut all = ChainWatermarks::default();
    for watermarks in read.iter().flatten() {
        let printed = Printer::default().print_v2(watermarks);
        let again = ChainWatermarks::parse_v2(&printed).unwrap();
        assert!(again == *watermarks && Printer::default().print_v2(&again) == printed, "{printed}");
        let mut joined = watermarks.clone();
        joined.join(watermarks);
        assert!(joined == *watermarks, "joined with itself it is another");
        all.join(watermarks);
    }
    for watermarks in read.iter().flatten() {
        for (key, kinds) in watermarks.iter() {
            for kind in WatermarkKind::ALL {
                let Some(watermark) = kinds.get(kind) else { continue };
                let kept = all.get(key).and_then(|kept| kept.get(kind)).unwrap();
                assert!(
                    (kept.level(), kept.round()) >= (watermark.level(), watermark.round()),
                    "a watermark was lowered"
                );
            }
        }
    }
}

pub fn watermarks_seeds() -> Vec<Vec<u8>> {
    let (a, b) = (PublicKeyHash::new(Curve::Ed25519, [1; 20]), PublicKeyHash::new(Curve::Bls12381, [2; 20]));
    let hash = "vh2MHqgJtw8v7CDrZKYWtLmqGJtjzkRs9yUeHzQqDdnk3rbjQMPX";
    let printed = {
        let mut watermarks = ChainWatermarks::default();
        for key in [a, b] {
            for (level, kind) in (1..).zip(WatermarkKind::ALL) {
                let digest = (level == 1).then_some([7; 32]);
                watermarks.entry(key).set(kind, Watermark::new(level, 3, digest).unwrap());
            }
        }
        Printer::default().print_v2(&watermarks)
    };
    let real = printed
        .split("\"vh")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .map_or(hash.to_owned(), |rest| format!("vh{rest}"));
    seeds::bytes([
        printed.clone(),
        "{}".to_owned(),
        format!(
            r#"{{"{a}":{{"round":1,"level":7,"order":2,"hash":"{real}"}},"{b}":{{"round":0,"level":9,"order":0}}}}"#
        ),
        format!(
            r#"{{"block":{{"{a}":{{"level":7,"round":1,"hash":"{real}"}}}},"attestation":{{"{b}":{{"level":9}}}}}}"#
        ),
        format!(r#"{{"endorsement":{{"{a}":{{"level":7}}}},"generic":{{"{b}":{{"level":9}}}}}}"#),
    ])
}

/// An amount prints back to itself.
pub fn mutez(text: &str) {
    if let Ok(amount) = text.parse::<Mutez>() {
        assert_eq!(amount.to_string().parse(), Ok(amount));
        assert_eq!(amount.get().to_string().parse(), Ok(amount));
    }
}
