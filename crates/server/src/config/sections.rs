//! Signatory's sections of the file, in the notation of the model.

use jwtis_base::{ClientId, RegistrationId, Ttl};
use jwtis_tezos::policy::{LimitsMode, Mutez};
use jwtis_tezos::{Address, PublicKey};
use schemars::JsonSchema;
use serde::Deserialize;

use super::placed::{FlatList, ListOf, NamedMap, OnOff, Placed, PrivateText, Setting, TextOf, Words};
use super::texts::{BlockTimeText, JumpText, KeyOrHash, Minutes, Operations};

/// `server.jwt`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct JwtSection {
    /// Who may log in at `POST /login`, by name.
    #[schemars(extend("takes" = "mapping", "default" = "nobody"))]
    pub(super) users: Placed<NamedMap<UserSection>>,
    /// Clients of our issuer whose tokens open the signer too. Their claims `keys`, `roles` and `permissions` narrow what the file allows.
    #[schemars(extend("takes" = "list of mappings", "default" = "none"))]
    pub(super) issuers: Placed<ListOf<IssuerEntry>>,
}

/// A user.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("takes" = "mapping", "default" = "required", "name" = "NAME"))]
pub(super) struct UserSection {
    /// 16 bytes or more with upper case, lower case, a digit and a special character; or an Argon2id PHC string (`jwtis hash-password`); or `$VAR`, the whole value, to take it from the environment.
    #[schemars(extend("takes" = "text", "default" = "required"))]
    pub(super) password: Setting<PrivateText>,
    /// Instead of `password`: its first line.
    #[schemars(extend("takes" = "FILE"))]
    pub(super) password_file: Setting<String>,
    /// The key of this user's tokens: 32 bytes or more, of the same four kinds of characters; or `$VAR`.
    #[schemars(extend("takes" = "text", "default" = "required"))]
    pub(super) secret: Setting<PrivateText>,
    /// Instead of `secret`: its first line.
    #[schemars(extend("takes" = "FILE"))]
    pub(super) secret_file: Setting<String>,
    /// How long a token lives.
    #[schemars(extend("takes" = "minutes", "default" = "60"))]
    pub(super) jwt_exp: Setting<Minutes>,
    /// Until when the present credentials hold beside `new_data`. Nothing without that.
    #[schemars(extend("takes" = "`YYYY-MM-DD hh:mm:ss`, UTC", "default" = "at once"))]
    pub(super) old_cred_exp: Setting<String>,
    /// The next credentials: `password`, `password_file`, `secret`, `secret_file`, `jwt_exp`. Both differ from the present ones.
    #[schemars(extend("takes" = "mapping", "default" = "no rotation"))]
    pub(super) new_data: Placed<NewCredentials>,
}

/// The next credentials of a user.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct NewCredentials {
    /// As above.
    #[schemars(extend("takes" = "text", "default" = "required"))]
    pub(super) password: Setting<PrivateText>,
    /// As above.
    #[schemars(extend("takes" = "FILE"))]
    pub(super) password_file: Setting<String>,
    /// As above.
    #[schemars(extend("takes" = "text", "default" = "required"))]
    pub(super) secret: Setting<PrivateText>,
    /// As above.
    #[schemars(extend("takes" = "FILE"))]
    pub(super) secret_file: Setting<String>,
    /// As above.
    #[schemars(extend("takes" = "minutes", "default" = "60"))]
    pub(super) jwt_exp: Setting<Minutes>,
}

/// A client of our issuer.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct IssuerEntry {
    /// The client's kid.
    #[schemars(extend("takes" = "client", "default" = "required", "guard" = true))]
    pub(super) client: Setting<ClientId>,
    /// The registration of that name that is trusted, as `jwtis client show` prints it. With open registration it is required.
    #[schemars(extend("takes" = "UUID", "default" = "whoever has the name", "guard" = true))]
    pub(super) registration: Setting<RegistrationId>,
    /// What `aud` of a token must contain. Without it tokens that name an audience are refused: they are for somebody else.
    #[schemars(extend("takes" = "text", "default" = "none", "guard" = true))]
    pub(super) audience: Setting<String>,
}

/// A vault.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("takes" = "mapping", "default" = "required", "name" = "NAME"))]
pub(super) struct VaultSection {
    /// octez-client's `secret_keys`; keys in this file; keys sealed in our store. Signatory's other drivers are skipped with a warning, refused with `strict_vaults`.
    #[schemars(extend("takes" = "`file`, `mem`, `store`", "default" = "required"))]
    pub(super) driver: Setting<String>,
    /// `file`: a path, or a mapping; `mem`: a list of secret keys, or a mapping; `store`: nothing.
    #[schemars(extend("takes" = "of the driver"))]
    pub(super) config: Placed<VaultFiles>,
}

/// What the drivers `file` and `mem` are told.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct VaultFiles {
    /// `file`: the path.
    #[schemars(extend("takes" = "FILE", "default" = "required"))]
    pub(super) file: Setting<String>,
    /// `mem`: the keys, plain or encrypted.
    #[schemars(extend("takes" = "list of secret keys", "default" = "required"))]
    pub(super) keys: Placed<ListOf<TextOf<PrivateText>>>,
    /// `file`, `mem`: its first line opens the encrypted keys.
    #[schemars(extend("takes" = "FILE", "default" = "asked for"))]
    pub(super) password_file: Setting<String>,
}

/// `watermark:`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct WatermarkSection {
    /// Begin anew where the watermarks of the driver `file` are gone or have gone back. What they forbade can be signed again.
    #[schemars(extend("setting" = "true or false", "flag" = "--new-watermarks", "elsewhere" = true))]
    pub(super) new: Setting<OnOff>,
    /// Our store; a file of their own under `base_dir`, with a copy for Signatory; memory, which forgets them.
    #[schemars(extend("takes" = "`store`, `file`, `mem`", "default" = "`store`", "restart" = true))]
    pub(super) driver: Setting<String>,
    /// Signatory's cloud drivers need it, which are not here.
    #[schemars(extend("takes" = "nothing", "restart" = true))]
    pub(super) config: Setting<String>,
    /// How far a level may rise from a watermark whose time is unknown: an imported one. Where the time is known, time alone counts.
    #[schemars(extend("takes" = "number of levels", "default" = "a week of blocks", "guard" = true))]
    pub(super) max_jump: Setting<JumpText>,
    /// Chains by their id. A key always has room for a watermark on them.
    #[schemars(extend("takes" = "mapping", "default" = "none"))]
    pub(super) chains: Placed<NamedMap<ChainSection>>,
}

/// A chain, like `NetXdQprcVkpaWU`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("takes" = "mapping", "default" = "required", "name" = "NAME"))]
pub(super) struct ChainSection {
    /// The shortest time between two blocks, from 100ms to 1h. Levels may rise twice as fast. The default is mainnet's since Tallinn.
    #[schemars(extend("takes" = "DURATION", "default" = "6s", "guard" = true))]
    pub(super) block_time: Setting<BlockTimeText>,
    /// As above. `off`: nothing bounds the levels of this chain. For sandboxes.
    #[schemars(extend("takes" = "number of levels, or `off`", "default" = "`watermark.max_jump`", "guard" = true))]
    pub(super) max_jump: Setting<JumpText>,
}

/// `policy_hook:`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct HookSection {
    /// `http` or `https`, whole. Redirects are not followed.
    #[schemars(extend("takes" = "URL", "default" = "required"))]
    pub(super) address: Setting<String>,
    /// Who signs its replies. An empty list: no reply counts.
    #[schemars(extend("takes" = "public key, or list", "default" = "replies are not signed"))]
    pub(super) authorized_keys: Placed<FlatList<PublicKey>>,
    /// How long it may take: less than 15s.
    #[schemars(extend("takes" = "DURATION", "default" = "5s"))]
    pub(super) timeout: Setting<Ttl>,
}

/// What the key may sign. A mapping without `allow`, even `{}`, allows nothing.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("takes" = "mapping", "default" = "blocks, preattestations, attestations", "name" = "PKH"))]
pub(super) struct KeySection {
    /// Request kinds, each with nothing or, for `generic`, a list of operation kinds: `{block: , generic: [reveal, transaction]}`.
    #[schemars(extend("takes" = "mapping", "default" = "nothing"))]
    pub(super) allow: Placed<NamedMap<ListOf<TextOf<String>>>>,
    /// Deprecated: request kinds, used without `allow`.
    #[schemars(extend("takes" = "list"))]
    pub(super) allowed_operations: Words,
    /// Deprecated: operation kinds, used without `allow`.
    #[schemars(extend("takes" = "list"))]
    pub(super) allowed_kinds: Words,
    /// The chains of consensus requests. Others do not name theirs. An empty list: none.
    #[schemars(extend("takes" = "list of chain ids", "default" = "any"))]
    pub(super) allowed_chains: Words,
    /// Give proofs of possession; tz4 only.
    #[schemars(extend("takes" = "true or false", "default" = "`false`"))]
    pub(super) allow_proof_of_possession: Setting<OnOff>,
    /// Log messages at level info.
    #[schemars(extend("takes" = "true or false", "default" = "`false`"))]
    pub(super) log_payloads: Setting<OnOff>,
    /// Which of `server.authorized_keys` may use this key; hashes do too. An empty list: nobody.
    #[schemars(extend("takes" = "public key, or list", "default" = "all"))]
    pub(super) authorized_keys: Placed<FlatList<KeyOrHash>>,
    /// Which users may use this key; needs `server.jwt`. An empty list: nobody.
    #[schemars(extend("takes" = "list of names", "default" = "all"))]
    pub(super) jwt_users: Words,
    /// The token must have one of these roles, so it is one of our issuer; needs `server.jwt`. An empty list: nobody.
    #[schemars(extend("takes" = "list of names", "default" = "any"))]
    pub(super) jwt_roles: Words,
    /// What generic requests may spend.
    #[schemars(extend("takes" = "mapping", "default" = "none"))]
    pub(super) limits: Placed<LimitsSection>,
}

/// `limits` of a key.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsSection {
    /// With `observe` the limits count and report, and refuse nothing.
    #[schemars(extend("takes" = "enforce or observe", "default" = "`enforce`", "guard" = true))]
    pub(super) mode: Setting<LimitsMode>,
    /// The most that one request spends, burns and bonds included: mutez, or `1.5tz`.
    #[schemars(extend("takes" = "AMOUNT", "guard" = true))]
    pub(super) max_amount: Setting<Mutez>,
    /// The most that one request pays in fees.
    #[schemars(extend("takes" = "AMOUNT", "guard" = true))]
    pub(super) max_fee: Setting<Mutez>,
    /// Who may be paid or called, or hold a new consensus key.
    #[schemars(extend("takes" = "list of addresses", "guard" = true))]
    pub(super) destinations: Placed<ListOf<TextOf<Address>>>,
    /// What may be called; `default` is a plain transfer.
    #[schemars(extend("takes" = "list of names", "guard" = true))]
    pub(super) entrypoints: Words,
    /// What all requests within a window may ask for. Counted in our store.
    #[schemars(extend("takes" = "mapping", "guard" = true))]
    pub(super) per: Placed<RateSection>,
}

/// `limits.per` of a key.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RateSection {
    /// The length of the window.
    #[schemars(extend("takes" = "DURATION", "default" = "required", "guard" = true))]
    pub(super) window: Setting<Ttl>,
    /// The most that is spent in it, burns and bonds included.
    #[schemars(extend("takes" = "AMOUNT", "guard" = true))]
    pub(super) amount: Setting<Mutez>,
    /// The most operations in it.
    #[schemars(extend("takes" = "number", "guard" = true))]
    pub(super) count: Setting<Operations>,
}
