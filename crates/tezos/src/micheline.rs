//! Whether bytes are one Micheline expression. Nothing here looks at what an expression means.
//!
//! The walk is a loop with its own stack, so that a deeply nested expression cannot overflow the thread's stack.

use crate::codec::{Cursor, MAX_DEPTH, MessageError, MessageFault};
use crate::operation::Protocol;

/// A part that is still to be read.
enum Task {
    /// An expression, so many levels deep.
    Node { depth: usize },
    /// Expressions until so many bytes are left: those behind the frame.
    Nodes { behind: usize, depth: usize },
    /// The annotations of a primitive.
    Annotations,
}

/// Reads one expression and leaves the cursor behind it.
pub(crate) fn skip(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<(), MessageError> {
    let mut tasks = vec![Task::Node { depth: 0 }];
    while let Some(task) = tasks.pop() {
        match task {
            Task::Annotations => {
                cursor.frame()?;
            }
            Task::Node { depth } => node(cursor, protocol, depth, &mut tasks)?,
            Task::Nodes { behind, depth } => {
                let left = cursor.remaining();
                if left < behind {
                    // A member went on behind the end of its sequence.
                    return Err(cursor.fault(MessageFault::TooShort { expected: behind, had: left }));
                }
                if left > behind {
                    tasks.push(Task::Nodes { behind, depth });
                    tasks.push(Task::Node { depth });
                }
            }
        }
    }
    Ok(())
}

fn node(
    cursor: &mut Cursor<'_>,
    protocol: Protocol,
    depth: usize,
    tasks: &mut Vec<Task>,
) -> Result<(), MessageError> {
    if depth >= MAX_DEPTH {
        return Err(cursor.fault(MessageFault::TooDeep));
    }
    let inner = depth.saturating_add(1);
    let at = cursor.position();
    let tag = cursor.u8()?;
    // The stack is read from its end, so what comes first goes on last.
    match tag {
        0 => {
            cursor.micheline_integer()?;
        }
        1 | 10 => {
            cursor.frame()?;
        }
        2 => tasks.push(sequence(cursor, inner)?),
        3..=8 => {
            primitive(cursor, protocol)?;
            if matches!(tag, 4 | 6 | 8) {
                tasks.push(Task::Annotations);
            }
            if matches!(tag, 7 | 8) {
                tasks.push(Task::Node { depth: inner });
            }
            if matches!(tag, 5..=8) {
                tasks.push(Task::Node { depth: inner });
            }
        }
        9 => {
            primitive(cursor, protocol)?;
            tasks.push(Task::Annotations);
            tasks.push(sequence(cursor, inner)?);
        }
        _ => return Err(MessageError::new(MessageFault::UnknownTag(tag), at).within("expression")),
    }
    Ok(())
}

/// Reads the length of a frame of expressions; the frame itself is read by the loop.
fn sequence(cursor: &mut Cursor<'_>, depth: usize) -> Result<Task, MessageError> {
    let mut behind = cursor.clone();
    behind.frame()?;
    cursor.take(4)?;
    Ok(Task::Nodes { behind: behind.remaining(), depth })
}

fn primitive(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<(), MessageError> {
    let at = cursor.position();
    let tag = cursor.u8()?;
    if tag > protocol.last_primitive() {
        return Err(MessageError::new(MessageFault::UnknownTag(tag), at).within("primitive"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8]) -> Result<usize, MessageFault> {
        let mut cursor = Cursor::new(bytes);
        skip(&mut cursor, Protocol::Tallinn)
            .map(|()| cursor.remaining())
            .map_err(|error| error.fault().clone())
    }

    /// `depth` expressions, each the only argument of `tag 5`, and a Unit inside.
    fn nested(depth: usize) -> Vec<u8> {
        let mut bytes = [5, 0].repeat(depth - 1);
        bytes.extend([3, 0]);
        bytes
    }

    /// `depth` sequences in each other.
    fn sequences(depth: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for level in (0..depth).rev() {
            bytes.push(2);
            bytes.extend(u32::try_from(level * 5).unwrap().to_be_bytes());
        }
        bytes
    }

    #[test]
    fn expressions_by_name() {
        for (name, bytes, wanted) in [
            ("int", vec![0, 0x2a], Ok(0)),
            ("negative_int", vec![0, 0xea, 0x01], Ok(0)),
            ("int_with_a_second_spelling", vec![0, 0x80, 0x00], Err(MessageFault::NotCanonical)),
            ("string", vec![1, 0, 0, 0, 2, b'h', b'i'], Ok(0)),
            (
                "string_longer_than_the_message",
                vec![1, 0, 0, 0, 3, b'h', b'i'],
                Err(MessageFault::TooShort { expected: 3, had: 2 }),
            ),
            ("bytes", vec![10, 0, 0, 0, 1, 0xff], Ok(0)),
            ("empty_sequence", vec![2, 0, 0, 0, 0], Ok(0)),
            ("sequence_of_two", vec![2, 0, 0, 0, 4, 0, 1, 0, 2], Ok(0)),
            (
                "a_member_that_leaves_its_sequence",
                vec![2, 0, 0, 0, 3, 0, 1, 0, 2],
                Err(MessageFault::TooShort { expected: 1, had: 0 }),
            ),
            ("prim", vec![3, 0x0b], Ok(0)),
            ("prim_with_annotations", vec![4, 0x0b, 0, 0, 0, 2, b'%', b'a'], Ok(0)),
            ("prim_1", vec![5, 0x05, 3, 0x0b], Ok(0)),
            ("prim_1_with_annotations", vec![6, 0x05, 3, 0x0b, 0, 0, 0, 0], Ok(0)),
            ("prim_2", vec![7, 0x07, 0, 1, 0, 2], Ok(0)),
            ("prim_2_with_annotations", vec![8, 0x07, 0, 1, 0, 2, 0, 0, 0, 1, b'%'], Ok(0)),
            ("prim_n", vec![9, 0x07, 0, 0, 0, 6, 0, 1, 0, 2, 0, 3, 0, 0, 0, 0], Ok(0)),
            ("what_follows_is_not_read", vec![3, 0x0b, 9, 9], Ok(2)),
            ("unknown_node", vec![11], Err(MessageFault::UnknownTag(11))),
            ("unknown_primitive", vec![3, 161], Err(MessageFault::UnknownTag(161))),
            ("nothing", vec![], Err(MessageFault::TooShort { expected: 1, had: 0 })),
            ("as_deep_as_allowed", nested(MAX_DEPTH), Ok(0)),
            ("too_deep", nested(MAX_DEPTH + 1), Err(MessageFault::TooDeep)),
            ("sequences_as_deep_as_allowed", sequences(MAX_DEPTH), Ok(0)),
            ("sequences_too_deep", sequences(MAX_DEPTH + 1), Err(MessageFault::TooDeep)),
        ] {
            assert_eq!(walk(&bytes), wanted, "{name}");
        }
    }
}
