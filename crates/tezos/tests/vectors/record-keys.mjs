// Makes keys-taquito.json: what @taquito/signer does with fixed secrets, and the texts of every prefix it knows.
//
//   mkdir /tmp/tz-npm && cd /tmp/tz-npm && npm init -y && npm i @taquito/signer
//   NODE_PATH=/tmp/tz-npm/node_modules node record-keys.mjs          writes keys-taquito.json
//   … record-keys.py …                                               reads it, writes keys-pytezos.json
//   NODE_PATH=/tmp/tz-npm/node_modules node record-keys.mjs check    checks keys-pytezos.json with Taquito
//
// Secrets are digests of fixed words, so every run gives the same file.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.NODE_PATH}/`);
const { InMemorySigner, VERSION } = require('@taquito/signer');
const { b58Encode, payloadLength, PrefixV2, verifySignature } = require('@taquito/utils');

const here = (name) => new URL(name, import.meta.url);
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const digest = (words) => createHash('sha256').update(words).digest();

const MESSAGES = {
  failing_noop: '03' + '00'.repeat(32) + '1100000003616263',
  attestation: '13b3d79f99' + '00'.repeat(32) + '1500070000007800000000' + '11'.repeat(32),
  block: '11' + hex(digest('chain')).slice(0, 8) + hex(Buffer.alloc(150, 0x5a)),
  packed: '05' + '0100000005' + hex(Buffer.from('hello')),
  long: '03' + hex(Buffer.alloc(2_000, 0xa5)),
  one_byte: '00',
};

const CURVES = {
  Ed25519: (secret) => b58Encode(secret, PrefixV2.Ed25519Seed),
  Secp256k1: (secret) => b58Encode(secret, PrefixV2.Secp256k1SecretKey),
  P256: (secret) => b58Encode(secret, PrefixV2.P256SecretKey),
  // Little-endian: the top byte is made small so that the number is below the order.
  Bls12381: (secret) => b58Encode(Buffer.concat([secret.subarray(0, 31), Buffer.from([secret[31] & 0x3f])]), PrefixV2.BLS12_381SecretKey),
};

async function record() {
  const keys = [];
  for (const [curve, encode] of Object.entries(CURVES)) {
    for (let number = 0; number < 6; number++) {
      const secret_key = encode(digest(`jwtis ${curve} ${number}`));
      const signer = new InMemorySigner(secret_key);
      const signatures = {};
      for (const [name, message] of Object.entries(MESSAGES)) {
        const { prefixSig, sig } = await signer.sign(Buffer.from(message, 'hex'));
        signatures[name] = curve === 'Bls12381' ? [prefixSig] : [prefixSig, sig];
      }
      const key = { curve, secret_key, public_key: await signer.publicKey(), pkh: await signer.publicKeyHash(), signatures };
      if (signer.canProvePossession) key.possession = (await signer.provePossession()).prefixSig;
      keys.push(key);
    }
  }
  // Taquito has no way to write the 64-byte form other than to be told the bytes.
  const seed = digest('jwtis Ed25519 0');
  const full = b58Encode(Buffer.concat([seed, publicPoint(keys[0].public_key)]), PrefixV2.Ed25519SecretKey);
  const full_key = { secret_key: full, pkh: await new InMemorySigner(full).publicKeyHash() };

  const texts = Object.entries(PrefixV2).map(([name, prefix]) => {
    const bytes = Buffer.alloc(payloadLength[prefix], 0).map((_, index) => (index * 37 + 11) & 0xff);
    return { name, payload: hex(bytes), text: b58Encode(bytes, prefix) };
  });
  const made_by = `@taquito/signer ${VERSION.version}`;
  writeFileSync(here('keys-taquito.json'), JSON.stringify({ made_by, messages: MESSAGES, keys, full_key, texts }, null, 1) + '\n');
}

function publicPoint(text) {
  const { b58DecodeAndCheckPrefix } = require('@taquito/utils');
  return Buffer.from(b58DecodeAndCheckPrefix(text)[0]);
}

async function check() {
  const recorded = JSON.parse(readFileSync(here('keys-pytezos.json')));
  for (const key of recorded.keys) {
    for (const { password, text } of key.encrypted) {
      const signer = new InMemorySigner(text, password);
      if ((await signer.publicKeyHash()) !== key.pkh) throw new Error(`${text} opens to another key`);
    }
    // pytezos signs with tz4 keys as version 1 does, which Taquito does not know.
    if (key.curve === 'Bls12381') continue;
    for (const [name, signature] of Object.entries(key.signatures)) {
      if (!verifySignature(MESSAGES[name], key.public_key, signature)) throw new Error(`${key.pkh} ${name}`);
    }
  }
  console.log(`${recorded.keys.length} keys of pytezos checked`);
}

await (process.argv[2] === 'check' ? check() : record());
