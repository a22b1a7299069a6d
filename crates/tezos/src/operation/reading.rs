//! Reads the bytes of a message by its layout.

use crate::base58check::Prefix;
use crate::codec::{Cursor, MAX_LIST_ITEMS, MessageError, MessageFault};
use crate::micheline;
use crate::operation::shape::{Field, Shape};
use crate::operation::value::Number;
use crate::operation::{Address, Entrypoint, FieldValue, Protocol, Vote, layout};
use crate::request::block::BlockHeader;

/// The longest counter or limit, in bytes of seven bits each: octez gives these fields a size.
const SHORT_NUMBER_BYTES: usize = 10;

/// Reads fields one after the other.
pub(crate) fn record(
    cursor: &mut Cursor<'_>,
    protocol: Protocol,
    fields: &[Field],
) -> Result<Vec<(&'static str, FieldValue)>, MessageError> {
    let mut values = Vec::with_capacity(fields.len());
    for (name, shape) in fields {
        let value = shape.read(cursor, protocol).map_err(|error| error.within(name))?;
        values.push((*name, value));
    }
    Ok(values)
}

impl Shape {
    pub(crate) fn read(
        &self,
        cursor: &mut Cursor<'_>,
        protocol: Protocol,
    ) -> Result<FieldValue, MessageError> {
        let at = cursor.position();
        let fault = |fault| MessageError::new(fault, at);
        Ok(match *self {
            Self::Unit => FieldValue::Absent,
            Self::U8 => FieldValue::Int(cursor.u8()?.into()),
            Self::U16 => FieldValue::Int(cursor.u16()?.into()),
            Self::I32 => FieldValue::Int(cursor.i32()?.into()),
            Self::Int31 => match cursor.i32()? {
                value @ -0x4000_0000..=0x3fff_ffff => FieldValue::Int(value.into()),
                _ => return Err(fault(MessageFault::NumberTooLarge)),
            },
            Self::I64 => FieldValue::Int(cursor.i64()?),
            Self::Counter => FieldValue::Int(cursor.counter()?.into()),
            Self::Bool => FieldValue::Flag(cursor.boolean()?),
            Self::Natural => FieldValue::Number(Number::natural(cursor.natural()?)),
            Self::ShortNatural => match cursor.natural()? {
                groups if groups.len() > SHORT_NUMBER_BYTES => {
                    return Err(fault(MessageFault::NumberTooLarge));
                }
                groups => FieldValue::Number(Number::natural(groups)),
            },
            Self::Positive => match cursor.natural()? {
                [0] => return Err(fault(MessageFault::Zero)),
                groups => FieldValue::Number(Number::natural(groups)),
            },
            Self::Integer => FieldValue::Number(Number::integer(cursor.integer()?)),
            Self::Mutez => {
                let amount = Number::natural(cursor.natural()?).to_mutez();
                FieldValue::Mutez(amount.ok_or_else(|| fault(MessageFault::NumberTooLarge))?)
            }
            Self::Bytes(count) => FieldValue::Bytes(cursor.take(count)?.to_vec()),
            Self::Hash(prefix) => FieldValue::Hash(prefix, cursor.take(prefix.payload_len())?.to_vec()),
            Self::DynBytes => FieldValue::Bytes(cursor.frame()?.rest()?.to_vec()),
            Self::ShortBytes(most) => match cursor.u16()? {
                count if count > most => return Err(fault(MessageFault::Length(count.into()))),
                count => FieldValue::Bytes(cursor.take(count.into())?.to_vec()),
            },
            Self::Scalar => match cursor.array()? {
                bytes if is_scalar(&bytes) => FieldValue::Bytes(bytes.to_vec()),
                _ => return Err(fault(MessageFault::NumberTooLarge)),
            },
            Self::Account => FieldValue::Address(Address::decode_implicit(cursor, protocol)?),
            Self::Contract => FieldValue::Address(Address::decode_contract(cursor, protocol)?),
            Self::Originated => FieldValue::Address(Address::decode_originated(cursor)?),
            Self::PublicKey => public_key(cursor, protocol)?,
            Self::Signature => signature(cursor, protocol)?,
            Self::BlsSignature => match cursor.rest()? {
                bytes if bytes.len() == 96 => FieldValue::Hash(Prefix::Blsig, bytes.to_vec()),
                bytes => return Err(fault(MessageFault::Length(bytes.len()))),
            },
            Self::Vote => {
                let tag = cursor.u8()?;
                FieldValue::Vote(Vote::from_byte(tag).ok_or_else(|| fault(MessageFault::UnknownTag(tag)))?)
            }
            Self::Entrypoint => FieldValue::Entrypoint(entrypoint(cursor)?),
            Self::EntrypointText => {
                let mut frame = cursor.frame()?;
                FieldValue::Entrypoint(Entrypoint::named(entrypoint_name(frame.rest()?, at)?))
            }
            Self::Micheline => {
                micheline::skip(cursor, protocol)?;
                FieldValue::Micheline(cursor.since(at).to_vec())
            }
            Self::Inlined(tags) => inlined(cursor, protocol, tags)?,
            Self::SignedHeader => signed_header(cursor, protocol)?,
            Self::Opt(shape) => match cursor.boolean()? {
                true => shape.read(cursor, protocol)?,
                false => FieldValue::Absent,
            },
            Self::Dyn(shape) => {
                let mut frame = cursor.frame()?;
                let value = shape.read(&mut frame, protocol)?;
                frame.finish()?;
                value
            }
            Self::List(shape) => list(cursor, protocol, *shape, MAX_LIST_ITEMS)?,
            Self::ShortList(most, shape) => list(cursor, protocol, *shape, most)?,
            Self::Record(fields) => FieldValue::Record(record(cursor, protocol, fields)?),
            Self::Tagged(variants) => {
                let tag = cursor.u8()?;
                let Some((_, name, shape)) = variants.iter().find(|(known, ..)| *known == tag) else {
                    return Err(fault(MessageFault::UnknownTag(tag)));
                };
                FieldValue::Variant(name, Box::new(shape.read(cursor, protocol)?))
            }
        })
    }
}

/// Members to the end of the frame. Each takes at least one byte, so this ends.
fn list(
    cursor: &mut Cursor<'_>,
    protocol: Protocol,
    of: Shape,
    most: usize,
) -> Result<FieldValue, MessageError> {
    let mut values = Vec::new();
    while !cursor.is_empty() {
        if values.len() >= most {
            return Err(cursor.fault(MessageFault::TooMany(most)));
        }
        let before = cursor.remaining();
        values.push(of.read(cursor, protocol)?);
        if cursor.remaining() >= before {
            return Err(cursor.fault(MessageFault::Length(0)));
        }
    }
    Ok(FieldValue::List(values))
}

/// Whether little-endian bytes are below the order of the scalars of BLS12-381.
fn is_scalar(bytes: &[u8; 32]) -> bool {
    const ORDER: [u64; 4] =
        [0x73ed_a753_299d_7d48, 0x3339_d808_09a1_d805, 0x53bd_a402_fffe_5bfe, 0xffff_ffff_0000_0001];
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().map(|word| u64::from_le_bytes(*word)).lt(ORDER)
}

fn public_key(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<FieldValue, MessageError> {
    let at = cursor.position();
    let prefix = match cursor.u8()? {
        0 => Prefix::Edpk,
        1 => Prefix::Sppk,
        2 => Prefix::P2pk,
        3 => Prefix::Blpk,
        4 if protocol >= Protocol::Ushuaia => Prefix::Mdpk,
        tag => return Err(MessageError::new(MessageFault::UnknownTag(tag), at)),
    };
    Ok(FieldValue::Hash(prefix, cursor.take(prefix.payload_len())?.to_vec()))
}

fn signature(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<FieldValue, MessageError> {
    let fault = cursor.fault(MessageFault::Length(cursor.remaining()));
    let bytes = cursor.rest()?;
    let prefix = match bytes.len() {
        64 => Prefix::Sig,
        96 => Prefix::Blsig,
        2420 if protocol >= Protocol::Ushuaia => Prefix::Mdsig,
        _ => return Err(fault),
    };
    Ok(FieldValue::Hash(prefix, bytes.to_vec()))
}

fn entrypoint(cursor: &mut Cursor<'_>) -> Result<Entrypoint, MessageError> {
    let at = cursor.position();
    let tag = cursor.u8()?;
    if tag == Entrypoint::NAMED {
        let length = cursor.u8()?;
        return entrypoint_name(cursor.take(length.into())?, at).map(Entrypoint::named);
    }
    Entrypoint::reserved(tag).ok_or(MessageError::new(MessageFault::UnknownTag(tag), at))
}

fn entrypoint_name(bytes: &[u8], at: usize) -> Result<String, MessageError> {
    if bytes.is_empty() || bytes.len() > Entrypoint::MAX_BYTES {
        return Err(MessageError::new(MessageFault::Length(bytes.len()), at));
    }
    match std::str::from_utf8(bytes) {
        Ok(name) if name.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(name.to_owned()),
        _ => Err(MessageError::new(MessageFault::Text, at)),
    }
}

/// Branch, one consensus operation, and the signature that takes the rest of the frame. Octez also reads an operation without a
/// signature, and finds the evidence invalid.
fn inlined(cursor: &mut Cursor<'_>, protocol: Protocol, tags: &[u8]) -> Result<FieldValue, MessageError> {
    let branch = Shape::Hash(Prefix::B).read(cursor, protocol)?;
    let at = cursor.position();
    let tag = cursor.u8()?;
    let row = layout::row(tag, protocol).filter(|_| tags.contains(&tag));
    let row = row.ok_or(MessageError::new(MessageFault::UnknownTag(tag), at))?;
    let operation = FieldValue::Record(record(cursor, protocol, row.fields)?);
    let signature = if cursor.is_empty() { FieldValue::Absent } else { signature(cursor, protocol)? };
    Ok(FieldValue::Record(vec![
        ("branch", branch),
        ("operation", FieldValue::Variant(row.kind.name(), Box::new(operation))),
        ("signature", signature),
    ]))
}

/// The header of a block message without magic byte and chain id, then its signature.
fn signed_header(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<FieldValue, MessageError> {
    let header = BlockHeader::decode(cursor, protocol)?;
    Ok(FieldValue::Record(vec![
        ("header", FieldValue::Record(header.fields())),
        ("signature", signature(cursor, protocol)?),
    ]))
}
