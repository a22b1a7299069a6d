// Forges one operation of every kind that @taquito/local-forging 24.2.0 knows, several batches, and batches of 200.
//
//   npm install @taquito/local-forging@24.2.0
//   node record-operations.mjs > operations-taquito.json
//
// `contents` is what was given to the forger; a test holds what we decode against it, field by field.
import { createRequire } from "node:module";

// Modules are looked for where the command runs, not beside this file.
const require = createRequire(`${process.cwd()}/`);
const { LocalForger } = require("@taquito/local-forging");
const { b58Encode, PrefixV2 } = require("@taquito/utils");

const forger = new LocalForger();
const fill = (byte, length) => Uint8Array.from({ length }, (_, index) => (byte + index) % 256);
const text = (prefix, byte, length) => b58Encode(fill(byte, length), prefix);

const branch = text(PrefixV2.BlockHash, 1, 32);
const tz = [
  text(PrefixV2.Ed25519PublicKeyHash, 10, 20),
  text(PrefixV2.Secp256k1PublicKeyHash, 20, 20),
  text(PrefixV2.P256PublicKeyHash, 30, 20),
  text(PrefixV2.BLS12_381PublicKeyHash, 40, 20),
];
const keys = [
  text(PrefixV2.Ed25519PublicKey, 50, 32),
  text(PrefixV2.Secp256k1PublicKey, 2, 33),
  text(PrefixV2.P256PublicKey, 3, 33),
  text(PrefixV2.BLS12_381PublicKey, 60, 48),
];
const kt = text(PrefixV2.ContractHash, 70, 20);
const rollup = text(PrefixV2.SmartRollupHash, 80, 20);
const commitment = text(PrefixV2.SmartRollupCommitmentHash, 90, 32);
const proposal = text(PrefixV2.ProtocolHash, 100, 32);
const payload = text(PrefixV2.ValueHash, 110, 32);
const blsSignature = text(PrefixV2.BLS12_381Signature, 120, 96);
const hex = (byte, length) => Buffer.from(fill(byte, length)).toString("hex");

const manager = (source, n = 1) => ({
  source,
  fee: String(374 * n),
  counter: String(1_000_000 * n + 7),
  gas_limit: String(1420 * n),
  storage_limit: String(257 * (n - 1)),
});
const pair = { prim: "Pair", args: [{ string: tz[0] }, { prim: "Pair", args: [{ int: "-1234567890123456789012345678901234567890" }, { bytes: "00ff" }] }] };
const type = { prim: "pair", args: [{ prim: "address", annots: ["%to"] }, { prim: "nat" }] };
const script = {
  code: [
    { prim: "parameter", args: [{ prim: "or", args: [{ prim: "int", annots: ["%increment"] }, { prim: "unit", annots: ["%reset"] }] }] },
    { prim: "storage", args: [{ prim: "int" }] },
    { prim: "code", args: [[{ prim: "CDR" }, { prim: "NIL", args: [{ prim: "operation" }] }, { prim: "PAIR" }]] },
  ],
  storage: { int: "42" },
};

const one = [];
const add = (name, ...contents) => one.push({ name, contents });
const transaction = (source, destination, amount, parameters, n) => ({
  kind: "transaction", ...manager(source, n), amount, destination, ...(parameters ? { parameters } : {}),
});

tz.forEach((source, index) => {
  add(`reveal of tz${index + 1}`, { kind: "reveal", ...manager(source), public_key: keys[index], ...(index === 3 ? { proof: blsSignature } : {}) });
  add(`transaction of tz${index + 1}`, transaction(source, tz[(index + 1) % 4], "1500000"));
  add(`delegation of tz${index + 1}`, { kind: "delegation", ...manager(source), delegate: tz[(index + 1) % 4] });
  add(`update_consensus_key to tz${index + 1}`, { kind: "update_consensus_key", ...manager(source), pk: keys[index], ...(index === 3 ? { proof: blsSignature } : {}) });
});
add("withdrawn delegation", { kind: "delegation", ...manager(tz[0]) });
for (const [name, amount] of [["nothing", "0"], ["one mutez", "1"], ["127", "127"], ["128", "128"], ["the most there can be", "9223372036854775807"]]) {
  add(`transaction of ${name}`, transaction(tz[0], tz[1], amount, undefined, 3));
}
for (const entrypoint of ["default", "root", "do", "set_delegate", "remove_delegate", "deposit", "transfer", "a_name_that_is_31_characters_long"].map((name) => name.slice(0, 31))) {
  add(`transaction that calls ${entrypoint}`, transaction(tz[2], kt, "0", { entrypoint, value: pair }));
}
for (const entrypoint of ["stake", "unstake", "finalize_unstake", "set_delegate_parameters"]) {
  add(`${entrypoint} of the own account`, transaction(tz[0], tz[0], "2000000", { entrypoint, value: { prim: "Unit" } }));
  add(`${entrypoint} of another account`, transaction(tz[0], tz[1], "0", { entrypoint, value: { prim: "Unit" } }));
}
add("origination", { kind: "origination", ...manager(tz[1]), balance: "1000000", script });
add("origination with a delegate", { kind: "origination", ...manager(tz[1]), balance: "0", delegate: tz[2], script });
for (const ballot of ["yay", "nay", "pass"]) {
  add(`ballot ${ballot}`, { kind: "ballot", source: tz[0], period: 120, proposal, ballot });
}
add("proposals", { kind: "proposals", source: tz[3], period: 7, proposals: [proposal, text(PrefixV2.ProtocolHash, 101, 32)] });
add("seed_nonce_revelation", { kind: "seed_nonce_revelation", level: 25_550, nonce: hex(5, 32) });
add("activate_account", { kind: "activate_account", pkh: tz[0], secret: hex(6, 20) });
add("drain_delegate", { kind: "drain_delegate", consensus_key: tz[0], delegate: tz[1], destination: tz[3] });
add("failing_noop", { kind: "failing_noop", arbitrary: "48656c6c6f" });
add("failing_noop without data", { kind: "failing_noop", arbitrary: "" });
add("attestation", { kind: "attestation", slot: 7, level: 120, round: 3, block_payload_hash: payload });
add("attestation_with_dal", { kind: "attestation_with_dal", slot: 7, level: 120, round: 3, block_payload_hash: payload, dal_attestation: "5" });
add("register_global_constant", { kind: "register_global_constant", ...manager(tz[0]), value: pair });
add("transfer_ticket", { kind: "transfer_ticket", ...manager(tz[0]), ticket_contents: { string: "ticket" }, ticket_ty: { prim: "string" }, ticket_ticketer: kt, ticket_amount: "340282366920938463463374607431768211456000", destination: tz[1], entrypoint: "default" });
add("transfer_ticket to a contract", { kind: "transfer_ticket", ...manager(tz[0]), ticket_contents: pair, ticket_ty: type, ticket_ticketer: kt, ticket_amount: "2", destination: kt, entrypoint: "receive" });
add("increase_paid_storage", { kind: "increase_paid_storage", ...manager(tz[0]), amount: "5", destination: kt });
add("set_deposits_limit", { kind: "set_deposits_limit", ...manager(tz[0]), limit: "1000000000" });
add("set_deposits_limit lifted", { kind: "set_deposits_limit", ...manager(tz[0]) });
add("update_companion_key", { kind: "update_companion_key", ...manager(tz[3]), pk: keys[3], proof: blsSignature });
add("smart_rollup_originate", { kind: "smart_rollup_originate", ...manager(tz[0]), pvm_kind: "wasm_2_0_0", kernel: hex(7, 50), parameters_ty: { prim: "bytes" } });
add("smart_rollup_originate with a whitelist", { kind: "smart_rollup_originate", ...manager(tz[0]), pvm_kind: "arith", kernel: hex(7, 5), parameters_ty: type, whitelist: [tz[0], tz[1], tz[2]] });
add("smart_rollup_add_messages", { kind: "smart_rollup_add_messages", ...manager(tz[0]), message: ["00", hex(8, 40), ""] });
add("smart_rollup_execute_outbox_message", { kind: "smart_rollup_execute_outbox_message", ...manager(tz[0]), rollup, cemented_commitment: commitment, output_proof: hex(9, 70) });
add("dal_publish_commitment", { kind: "dal_publish_commitment", ...manager(tz[0]), slot_header: { slot_index: 19, commitment: text(PrefixV2.SlotHeader, 11, 48), commitment_proof: hex(12, 96) } });

add("reveal and transaction", { kind: "reveal", ...manager(tz[0]), public_key: keys[0] }, transaction(tz[0], tz[1], "1", undefined, 2));
add("reveal, delegation and stake", { kind: "reveal", ...manager(tz[0]), public_key: keys[0] }, { kind: "delegation", ...manager(tz[0], 2), delegate: tz[1] }, transaction(tz[0], tz[0], "3000000", { entrypoint: "stake", value: { prim: "Unit" } }, 3));
const everything = one.filter(({ contents }) => contents.length === 1).map(({ contents }) => contents[0]);
const wholes = [];
wholes.push({ name: "everything at once", of: one.filter(({ contents }) => contents.length === 1).map(({ name }) => name), contents: everything });
const payouts = Array.from({ length: 200 }, (_, n) => transaction(tz[0], tz[n % 4], String(1000 * n + 1), undefined, n + 1));
wholes.push({ name: "200 payouts", kinds: ["transaction"], contents: payouts });
const mixed = Array.from({ length: 200 }, (_, n) => [
  transaction(tz[1], kt, "0", { entrypoint: "transfer", value: { int: String(n) } }, n + 1),
  { kind: "delegation", ...manager(tz[1], n + 1) },
  transaction(tz[1], tz[1], "5", { entrypoint: "unstake", value: { prim: "Unit" } }, n + 1),
  { kind: "failing_noop", arbitrary: hex(n % 256, n % 7) },
][n % 4]);
wholes.push({ name: "200 of four kinds", kinds: ["transaction", "delegation", "unstake", "failing_noop"], contents: mixed });

const forge = async (contents) => `03${await forger.forge({ branch, contents })}`;
const rows = [];
for (const { name, contents } of one) {
  rows.push({ name, message: await forge(contents), contents });
}
// Of large batches only how many, and which kinds take turns in them.
for (const { name, kinds, of, contents } of wholes) {
  rows.push({ name, message: await forge(contents), count: contents.length, kinds, of });
}
console.log(`{"tool": "@taquito/local-forging 24.2.0", "branch": "${branch}", "operations": [`);
console.log(rows.map((row) => JSON.stringify(row)).join(",\n"));
console.log("]}");
