//! How the bytes of a message are read by its layout (specification 6.4).

use crate::base58check::Prefix;
use crate::codec::{Cursor, DecodeError, Fault, MAX_LIST_ITEMS};
use crate::micheline;
use crate::operation::shape::{Field, Shape};
use crate::operation::value::Number;
use crate::operation::{Address, Entrypoint, Protocol, Value, Vote, layout};
use crate::request::block;

/// The longest counter or limit, in bytes of seven bits each: octez gives these fields a size.
const SHORT_NUMBER_BYTES: usize = 10;

/// Reads fields one after the other.
pub(crate) fn record(
    cursor: &mut Cursor<'_>,
    protocol: Protocol,
    fields: &[Field],
) -> Result<Vec<(&'static str, Value)>, DecodeError> {
    let mut values = Vec::with_capacity(fields.len());
    for (name, shape) in fields {
        let value = shape.read(cursor, protocol).map_err(|error| error.within(name))?;
        values.push((*name, value));
    }
    Ok(values)
}

impl Shape {
    pub(crate) fn read(&self, cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<Value, DecodeError> {
        let at = cursor.position();
        let fault = |fault| DecodeError::new(fault, at);
        Ok(match *self {
            Self::Unit => Value::Absent,
            Self::U8 => Value::Int(cursor.u8()?.into()),
            Self::U16 => Value::Int(cursor.u16()?.into()),
            Self::I32 => Value::Int(cursor.i32()?.into()),
            Self::Int31 => match cursor.i32()? {
                value @ -0x4000_0000..=0x3fff_ffff => Value::Int(value.into()),
                _ => return Err(fault(Fault::NumberTooLarge)),
            },
            Self::I64 => Value::Int(cursor.i64()?),
            Self::Counter => Value::Int(cursor.counter()?.into()),
            Self::Bool => Value::Flag(cursor.boolean()?),
            Self::Natural => Value::Number(Number::natural(cursor.natural()?)),
            Self::ShortNatural => match cursor.natural()? {
                groups if groups.len() > SHORT_NUMBER_BYTES => return Err(fault(Fault::NumberTooLarge)),
                groups => Value::Number(Number::natural(groups)),
            },
            Self::Positive => match cursor.natural()? {
                [0] => return Err(fault(Fault::Zero)),
                groups => Value::Number(Number::natural(groups)),
            },
            Self::Integer => Value::Number(Number::integer(cursor.integer()?)),
            Self::Mutez => {
                let amount = Number::natural(cursor.natural()?).to_mutez();
                Value::Mutez(amount.ok_or_else(|| fault(Fault::NumberTooLarge))?)
            }
            Self::Bytes(count) => Value::Bytes(cursor.take(count)?.to_vec()),
            Self::Hash(prefix) => Value::Hash(prefix, cursor.take(prefix.payload_len())?.to_vec()),
            Self::DynBytes => Value::Bytes(cursor.frame()?.rest()?.to_vec()),
            Self::ShortBytes(most) => match cursor.u16()? {
                count if count > most => return Err(fault(Fault::Length { had: count.into() })),
                count => Value::Bytes(cursor.take(count.into())?.to_vec()),
            },
            Self::Scalar => match cursor.array()? {
                bytes if is_scalar(&bytes) => Value::Bytes(bytes.to_vec()),
                _ => return Err(fault(Fault::NumberTooLarge)),
            },
            Self::Account => Value::Address(Address::decode_implicit(cursor, protocol)?),
            Self::Contract => Value::Address(Address::decode_contract(cursor, protocol)?),
            Self::Originated => Value::Address(Address::decode_originated(cursor)?),
            Self::PublicKey => public_key(cursor, protocol)?,
            Self::Signature => signature(cursor, protocol)?,
            Self::BlsSignature => match cursor.rest()? {
                bytes if bytes.len() == 96 => Value::Hash(Prefix::Blsig, bytes.to_vec()),
                bytes => return Err(fault(Fault::Length { had: bytes.len() })),
            },
            Self::Vote => {
                let tag = cursor.u8()?;
                Value::Vote(Vote::from_byte(tag).ok_or_else(|| fault(Fault::UnknownTag { tag }))?)
            }
            Self::Entrypoint => Value::Entrypoint(entrypoint(cursor)?),
            Self::EntrypointText => {
                let mut frame = cursor.frame()?;
                Value::Entrypoint(Entrypoint::named(entrypoint_name(frame.rest()?, at)?))
            }
            Self::Micheline => {
                micheline::skip(cursor, protocol)?;
                Value::Micheline(cursor.since(at).to_vec())
            }
            Self::Inlined(tags) => inlined(cursor, protocol, tags)?,
            Self::SignedHeader => signed_header(cursor, protocol)?,
            Self::Opt(shape) => match cursor.boolean()? {
                true => shape.read(cursor, protocol)?,
                false => Value::Absent,
            },
            Self::Dyn(shape) => {
                let mut frame = cursor.frame()?;
                let value = shape.read(&mut frame, protocol)?;
                frame.finish()?;
                value
            }
            Self::List(shape) => list(cursor, protocol, *shape, MAX_LIST_ITEMS)?,
            Self::ShortList(most, shape) => list(cursor, protocol, *shape, most)?,
            Self::Record(fields) => Value::Record(record(cursor, protocol, fields)?),
            Self::Tagged(variants) => {
                let tag = cursor.u8()?;
                let Some((_, name, shape)) = variants.iter().find(|(known, ..)| *known == tag) else {
                    return Err(fault(Fault::UnknownTag { tag }));
                };
                Value::Variant(name, Box::new(shape.read(cursor, protocol)?))
            }
        })
    }
}

/// Members to the end of the frame. Each takes at least one byte, so this ends.
fn list(cursor: &mut Cursor<'_>, protocol: Protocol, of: Shape, most: usize) -> Result<Value, DecodeError> {
    let mut values = Vec::new();
    while !cursor.is_empty() {
        if values.len() >= most {
            return Err(cursor.fault(Fault::TooMany { most }));
        }
        let before = cursor.remaining();
        values.push(of.read(cursor, protocol)?);
        if cursor.remaining() >= before {
            return Err(cursor.fault(Fault::Length { had: 0 }));
        }
    }
    Ok(Value::List(values))
}

/// Whether little-endian bytes are below the order of the scalars of BLS12-381.
fn is_scalar(bytes: &[u8; 32]) -> bool {
    const ORDER: [u64; 4] =
        [0x73ed_a753_299d_7d48, 0x3339_d808_09a1_d805, 0x53bd_a402_fffe_5bfe, 0xffff_ffff_0000_0001];
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().map(|word| u64::from_le_bytes(*word)).lt(ORDER)
}

fn public_key(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<Value, DecodeError> {
    let at = cursor.position();
    let prefix = match cursor.u8()? {
        0 => Prefix::Edpk,
        1 => Prefix::Sppk,
        2 => Prefix::P2pk,
        3 => Prefix::Blpk,
        4 if protocol >= Protocol::Ushuaia => Prefix::Mdpk,
        tag => return Err(DecodeError::new(Fault::UnknownTag { tag }, at)),
    };
    Ok(Value::Hash(prefix, cursor.take(prefix.payload_len())?.to_vec()))
}

fn signature(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<Value, DecodeError> {
    let fault = cursor.fault(Fault::Length { had: cursor.remaining() });
    let bytes = cursor.rest()?;
    let prefix = match bytes.len() {
        64 => Prefix::Sig,
        96 => Prefix::Blsig,
        2420 if protocol >= Protocol::Ushuaia => Prefix::Mdsig,
        _ => return Err(fault),
    };
    Ok(Value::Hash(prefix, bytes.to_vec()))
}

fn entrypoint(cursor: &mut Cursor<'_>) -> Result<Entrypoint, DecodeError> {
    let at = cursor.position();
    let tag = cursor.u8()?;
    if tag == Entrypoint::NAMED {
        let length = cursor.u8()?;
        return entrypoint_name(cursor.take(length.into())?, at).map(Entrypoint::named);
    }
    Entrypoint::reserved(tag).ok_or(DecodeError::new(Fault::UnknownTag { tag }, at))
}

fn entrypoint_name(bytes: &[u8], at: usize) -> Result<String, DecodeError> {
    if bytes.is_empty() || bytes.len() > Entrypoint::MAX_BYTES {
        return Err(DecodeError::new(Fault::Length { had: bytes.len() }, at));
    }
    match std::str::from_utf8(bytes) {
        Ok(name) if name.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(name.to_owned()),
        _ => Err(DecodeError::new(Fault::Text, at)),
    }
}

/// Branch, one consensus operation, and the signature that takes the rest of the frame (6.6, ICO). An operation without a
/// signature can be inlined too: octez reads it, and finds the evidence invalid.
fn inlined(cursor: &mut Cursor<'_>, protocol: Protocol, tags: &[u8]) -> Result<Value, DecodeError> {
    let branch = Shape::Hash(Prefix::B).read(cursor, protocol)?;
    let at = cursor.position();
    let tag = cursor.u8()?;
    let row = layout::row(tag, protocol).filter(|_| tags.contains(&tag));
    let row = row.ok_or(DecodeError::new(Fault::UnknownTag { tag }, at))?;
    let operation = Value::Record(record(cursor, protocol, row.fields)?);
    let signature = if cursor.is_empty() { Value::Absent } else { signature(cursor, protocol)? };
    Ok(Value::Record(vec![
        ("branch", branch),
        ("operation", Value::Variant(row.kind.name(), Box::new(operation))),
        ("signature", signature),
    ]))
}

/// The header of a block message without magic byte and chain id, then its signature (6.7).
fn signed_header(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<Value, DecodeError> {
    let header = block::Header::decode(cursor, protocol)?;
    Ok(Value::Record(vec![
        ("header", Value::Record(header.fields())),
        ("signature", signature(cursor, protocol)?),
    ]))
}
