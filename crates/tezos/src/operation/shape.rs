//! The building blocks of operation layouts.
//!
//! A layout is data ([`super::layout`]), so that people can compare it with the protocol's row by row. Layouts are constants of finite
//! depth. Only Micheline nests freely, and a loop reads it.

use crate::base58check::Prefix;

/// A named part of a layout.
pub(crate) type Field = (&'static str, Shape);

/// The shape of one field.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Shape {
    /// Nothing: a variant without fields.
    Unit,
    U8,
    U16,
    I32,
    /// `I32` of 31 bits, sign included.
    Int31,
    I64,
    /// A level or round: `I32`, not negative.
    Counter,
    Bool,
    Natural,
    /// `Natural` of at most ten bytes: a counter, or a limit of gas or storage.
    ShortNatural,
    /// `Natural`, and not zero.
    Positive,
    Integer,
    /// `Natural`, of at most 63 bits.
    Mutez,
    /// So many bytes.
    Bytes(usize),
    /// As many bytes as the prefix says, written in base58check by people.
    Hash(Prefix),
    /// Four bytes of length, then bytes.
    DynBytes,
    /// Two bytes of length, then at most so many bytes.
    ShortBytes(u16),
    /// A number below the order of BLS12-381, in 32 bytes.
    Scalar,
    /// An implicit account, tagged.
    Account,
    /// A contract id.
    Contract,
    /// A contract id that must be originated.
    Originated,
    /// A public key, tagged.
    PublicKey,
    /// The signature that fills its frame.
    Signature,
    /// The BLS signature that fills its frame.
    BlsSignature,
    Vote,
    /// An entrypoint by tag.
    Entrypoint,
    /// Four bytes of length, then the name of an entrypoint.
    EntrypointText,
    /// One Micheline expression.
    Micheline,
    /// An inlined consensus operation with one of these tags and, perhaps, its signature, to the end of the frame.
    Inlined(&'static [u8]),
    /// A block header with its signature, to the end of the frame.
    SignedHeader,
    /// A boolean, then perhaps the value.
    Opt(&'static Shape),
    /// Four bytes of length, then the value, which must fill them.
    Dyn(&'static Shape),
    /// Values to the end of the frame.
    List(&'static Shape),
    /// At most so many values, to the end of the frame.
    ShortList(usize, &'static Shape),
    Record(&'static [Field]),
    /// One byte that says which.
    Tagged(&'static [(u8, &'static str, Shape)]),
}
