//! Tezos for a remote signer.
