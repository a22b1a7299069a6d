//! The keys of Signatory's sections that are no settings of their own: what the signer's reader knows, once.
//!
//! The file is checked against this table, and a test compares `docs/reference/configuration.md` with it. `NAME`, `PKH` and `N` in a path are
//! for the operator to choose. Sections (§) are those of the signer's behaviour specification.

/// One key of the file.
#[derive(Debug)]
pub struct Key {
    /// Its path from the left edge of the file.
    pub path: &'static str,
    /// What it takes.
    pub value: &'static str,
    /// What holds where it is absent or null.
    pub default: &'static str,
    /// Whether a reload applies a change.
    pub reloaded: bool,
    /// What it means.
    pub meaning: &'static str,
}

const fn key(path: &'static str, value: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { path, value, default, reloaded: true, meaning }
}

const fn at_start(
    path: &'static str,
    value: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { path, value, default, reloaded: false, meaning }
}

/// Every key, in the order of the documents (§3.1, §3.2).
pub static KEYS: [Key; 61] = [
    key("server", "mapping", "", "The signer's listener and who may ask."),
    key(
        "server.authorized_keys",
        "public key, or list",
        "anybody may ask",
        "Requests for signatures must be signed by one of these keys (octez-client's `authentication`). Not together with `jwt`. An empty list, or none behind the name, refuses everybody.",
    ),
    key(
        "server.jwt",
        "mapping",
        "no tokens",
        "Every request carries a token. Not together with `authorized_keys`. Without users and issuers, nobody can sign.",
    ),
    key("server.jwt.users", "mapping", "nobody", "Who may log in at `POST /login`, by name."),
    key("server.jwt.users.NAME", "mapping", "required", "A user."),
    key(
        "server.jwt.users.NAME.password",
        "text",
        "required",
        "16 bytes or more with upper case, lower case, a digit and a special character; or an Argon2id PHC string (`jwtis hash-password`); or `$VAR`, the whole value, to take it from the environment.",
    ),
    key("server.jwt.users.NAME.password_file", "FILE", "", "Instead of `password`: its first line."),
    key(
        "server.jwt.users.NAME.secret",
        "text",
        "required",
        "The key of this user's tokens: 32 bytes or more, of the same four kinds of characters; or `$VAR`.",
    ),
    key("server.jwt.users.NAME.secret_file", "FILE", "", "Instead of `secret`: its first line."),
    key("server.jwt.users.NAME.jwt_exp", "minutes", "60", "How long a token lives."),
    key(
        "server.jwt.users.NAME.old_cred_exp",
        "`YYYY-MM-DD hh:mm:ss`, UTC",
        "at once",
        "Until when the present credentials hold beside `new_data`. Nothing without that.",
    ),
    key(
        "server.jwt.users.NAME.new_data",
        "mapping",
        "no rotation",
        "The next credentials: `password`, `password_file`, `secret`, `secret_file`, `jwt_exp`. Both differ from the present ones.",
    ),
    key("server.jwt.users.NAME.new_data.password", "text", "required", "As above."),
    key("server.jwt.users.NAME.new_data.password_file", "FILE", "", "As above."),
    key("server.jwt.users.NAME.new_data.secret", "text", "required", "As above."),
    key("server.jwt.users.NAME.new_data.secret_file", "FILE", "", "As above."),
    key("server.jwt.users.NAME.new_data.jwt_exp", "minutes", "60", "As above."),
    key(
        "server.jwt.issuers",
        "list of mappings",
        "none",
        "Clients of our issuer whose tokens open the signer too. Their claims `keys`, `roles` and `permissions` narrow what the file allows.",
    ),
    key("server.jwt.issuers.N.client", "client", "required", "The client's kid."),
    key(
        "server.jwt.issuers.N.registration",
        "UUID",
        "whoever has the name",
        "The registration of that name that is trusted, as `jwtis client show` prints it. With open registration it is required.",
    ),
    key(
        "server.jwt.issuers.N.audience",
        "text",
        "none",
        "What `aud` of a token must contain. Without it tokens that name an audience are refused: they are for somebody else.",
    ),
    key(
        "vaults",
        "mapping",
        "none",
        "Who holds the keys, by name, asked in this order. A reload reads their files again.",
    ),
    key("vaults.NAME", "mapping", "required", "A vault."),
    key(
        "vaults.NAME.driver",
        "`file`, `mem`, `store`",
        "required",
        "octez-client's `secret_keys`; keys in this file; keys sealed in our store. Signatory's other drivers are skipped with a warning, refused with `strict_vaults`.",
    ),
    key(
        "vaults.NAME.config",
        "of the driver",
        "",
        "`file`: a path, or a mapping; `mem`: a list of secret keys, or a mapping; `store`: nothing.",
    ),
    key("vaults.NAME.config.file", "FILE", "required", "`file`: the path."),
    key("vaults.NAME.config.keys", "list of secret keys", "required", "`mem`: the keys, plain or encrypted."),
    key(
        "vaults.NAME.config.password_file",
        "FILE",
        "asked for",
        "`file`, `mem`: its first line opens the encrypted keys.",
    ),
    at_start("watermark", "mapping", "", "Where watermarks are kept. They stop double signing."),
    at_start(
        "watermark.driver",
        "`store`, `file`, `mem`",
        "`store`",
        "Our store; a file of their own under `base_dir`, with a copy for Signatory; memory, which forgets them.",
    ),
    at_start("watermark.config", "nothing", "", "Signatory's cloud drivers need it, which are not here."),
    key(
        "watermark.max_jump",
        "number of levels",
        "a week of blocks",
        "How far a level may rise from a watermark whose time is unknown: an imported one. Where the time is known, time alone counts.",
    ),
    key(
        "watermark.chains",
        "mapping",
        "none",
        "Chains by their id. A key always has room for a watermark on them.",
    ),
    key("watermark.chains.NAME", "mapping", "required", "A chain, like `NetXdQprcVkpaWU`."),
    key(
        "watermark.chains.NAME.block_time",
        "DURATION",
        "6s",
        "The shortest time between two blocks, from 100ms to 1h. Levels may rise twice as fast. The default is mainnet's since Tallinn.",
    ),
    key(
        "watermark.chains.NAME.max_jump",
        "number of levels, or `off`",
        "`watermark.max_jump`",
        "As above. `off`: nothing bounds the levels of this chain. For sandboxes.",
    ),
    key("policy_hook", "mapping", "nobody", "A service that is asked before each signature."),
    key("policy_hook.address", "URL", "required", "`http` or `https`, whole. Redirects are not followed."),
    key(
        "policy_hook.authorized_keys",
        "public key, or list",
        "replies are not signed",
        "Who signs its replies. An empty list: no reply counts.",
    ),
    key("policy_hook.timeout", "DURATION", "5s", "How long it may take: less than 15s."),
    key(
        "tezos",
        "mapping",
        "no signer",
        "The keys that sign, by their hash. This section starts the signer, even empty.",
    ),
    key(
        "tezos.PKH",
        "mapping",
        "blocks, preattestations, attestations",
        "What the key may sign. A mapping without `allow`, even `{}`, allows nothing.",
    ),
    key(
        "tezos.PKH.allow",
        "mapping",
        "nothing",
        "Request kinds, each with nothing or, for `generic`, a list of operation kinds: `{block: , generic: [reveal, transaction]}`.",
    ),
    key("tezos.PKH.allowed_operations", "list", "", "Deprecated: request kinds, used without `allow`."),
    key("tezos.PKH.allowed_kinds", "list", "", "Deprecated: operation kinds, used without `allow`."),
    key(
        "tezos.PKH.allowed_chains",
        "list of chain ids",
        "any",
        "The chains of consensus requests. Others do not name theirs. An empty list: none.",
    ),
    key(
        "tezos.PKH.allow_proof_of_possession",
        "true or false",
        "`false`",
        "Give proofs of possession; tz4 only.",
    ),
    key("tezos.PKH.log_payloads", "true or false", "`false`", "Log messages at level info."),
    key(
        "tezos.PKH.authorized_keys",
        "public key, or list",
        "all",
        "Which of `server.authorized_keys` may use this key; hashes do too. An empty list: nobody.",
    ),
    key(
        "tezos.PKH.jwt_users",
        "list of names",
        "all",
        "Which users may use this key; needs `server.jwt`. An empty list: nobody.",
    ),
    key(
        "tezos.PKH.jwt_roles",
        "list of names",
        "any",
        "The token must have one of these roles, so it is one of our issuer; needs `server.jwt`. An empty list: nobody.",
    ),
    key("tezos.PKH.limits", "mapping", "none", "What generic requests may spend."),
    key(
        "tezos.PKH.limits.mode",
        "enforce or observe",
        "`enforce`",
        "With `observe` the limits count and report, and refuse nothing.",
    ),
    key(
        "tezos.PKH.limits.max_amount",
        "AMOUNT",
        "",
        "The most that one request spends, burns and bonds included: mutez, or `1.5tz`.",
    ),
    key("tezos.PKH.limits.max_fee", "AMOUNT", "", "The most that one request pays in fees."),
    key(
        "tezos.PKH.limits.destinations",
        "list of addresses",
        "",
        "Who may be paid or called, or hold a new consensus key.",
    ),
    key(
        "tezos.PKH.limits.entrypoints",
        "list of names",
        "",
        "What may be called; `default` is a plain transfer.",
    ),
    key(
        "tezos.PKH.limits.per",
        "mapping",
        "",
        "What all requests within a window may ask for. Counted in our store.",
    ),
    key("tezos.PKH.limits.per.window", "DURATION", "required", "The length of the window."),
    key(
        "tezos.PKH.limits.per.amount",
        "AMOUNT",
        "",
        "The most that is spent in it, burns and bonds included.",
    ),
    key("tezos.PKH.limits.per.count", "number", "", "The most operations in it."),
];

/// The sections: keys at the left edge of the file.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.path).filter(|path| !path.contains('.'))
}

/// Whether `name` is one of them.
pub(super) fn is_section(name: &str) -> bool {
    sections().any(|section| section == name)
}

/// Mappings inside Signatory's sections that Signatory does not have, so that no file of it has a stray there.
const OURS: [&str; 3] = ["server.jwt.issuers.N", "tezos.PKH.limits", "tezos.PKH.limits.per"];

/// Whether the mapping at `path` is ours alone.
pub(super) fn is_ours(path: &str) -> bool {
    OURS.contains(&path)
}

/// The keys that may stand directly below `path`.
pub(super) fn below(path: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(move |key| {
        let rest = key.path.strip_prefix(path)?.strip_prefix('.')?;
        (!rest.contains('.')).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_path_is_listed_once_and_below_one_that_is() {
        let paths: BTreeSet<&str> = KEYS.iter().map(|key| key.path).collect();
        assert_eq!(paths.len(), KEYS.len());
        for path in &paths {
            if let Some((above, _)) = path.rsplit_once('.') {
                let above = above.trim_end_matches(".N");
                assert!(paths.contains(above), "{path}");
            }
        }
    }
}
