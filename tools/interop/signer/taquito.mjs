// Taquito as a client of a running jwtis: `node taquito.mjs OPEN_URL KEYS_URL TOKENS_URL` prints what held as JSON.
//
// OPEN_URL, KEYS_URL and TOKENS_URL are the signers of open.yaml, keys.yaml and tokens.yaml.

import { createRequire } from 'node:module';
import {
  CURVES, Checks, LocalForger, PrefixV2, authenticationBytes, b58Encode, consensus, local, plain, refused, same, sign, verifySignature,
} from './support.mjs';

const require = createRequire(import.meta.url);
const { RemoteSigner, VERSION } = require('@taquito/remote-signer');
const { HttpBackend } = require('@taquito/http-utils');

const [open, withKeys, withTokens] = process.argv.slice(2);
const checks = new Checks();
const GENERIC = Uint8Array.of(3);

// `@taquito/remote-signer` 21 does not know tz4; its requests are made by hand.
const KNOWN = CURVES.filter((curve) => curve !== 'tz4');

async function transaction(source, amount) {
  return new LocalForger().forge({
    branch: b58Encode(new Uint8Array(32), PrefixV2.BlockHash),
    contents: [
      { kind: 'transaction', source, fee: '374', counter: '8', gas_limit: '1420', storage_limit: '0', amount, destination: source },
    ],
  });
}

for (const curve of KNOWN) {
  const { signer, pkh, pk } = await local(curve);
  const remote = new RemoteSigner(pkh, open);
  await checks.that(`${curve}: RemoteSigner has the key`, async () => {
    same(await remote.publicKeyHash(), pkh);
    same(await remote.publicKey(), pk);
  });
  await checks.that(`${curve}: RemoteSigner signs a transaction and verifies the signature`, async () => {
    const bytes = await transaction(pkh, '1000');
    const signed = await remote.sign(bytes, GENERIC);
    same(signed, await signer.sign(bytes, GENERIC));
  });
  await checks.that(`${curve}: a kind that the policy lacks is Taquito's OperationNotAuthorized`, async () => {
    const bytes = await new LocalForger().forge({
      branch: b58Encode(new Uint8Array(32), PrefixV2.BlockHash),
      contents: [{ kind: 'delegation', source: pkh, fee: '374', counter: '8', gas_limit: '1420', storage_limit: '0', delegate: pkh }],
    });
    const text = "operation `delegation' is not allowed";
    await refused(() => remote.sign(bytes, GENERIC), { name: 'OperationNotAuthorized', status: 403, text });
  });
}

await checks.that('tz4: a transaction is signed as Taquito signs it, and verifies', async () => {
  const { signer, pkh, pk } = await local('tz4');
  const message = `03${await transaction(pkh, '1000')}`;
  const signature = await sign(open, pkh, message);
  same(signature, (await signer.sign(message)).prefixSig);
  same(verifySignature(message, pk, signature), true);
  same(JSON.parse((await plain(`${open}/keys/${pkh}`)).text), { public_key: pk });
});
await checks.that('tz4: the proof of possession is the one that Taquito makes', async () => {
  const { signer, pkh } = await local('tz4');
  const answer = await plain(`${open}/bls_prove_possession/${pkh}`);
  same(JSON.parse(answer.text), { bls_prove_possession: (await signer.provePossession()).prefixSig });
});

const { signer: client, pkh } = await local('tz1');
await checks.that('a message that is none is Taquito\'s BadSigningData', async () => {
  const remote = new RemoteSigner(pkh, open);
  await refused(() => remote.sign('ffff', GENERIC), { name: 'BadSigningData', status: 400, text: 'the message ends too early' });
});
await checks.that('a key that is nowhere is Taquito\'s PublicKeyNotFoundError', async () => {
  const remote = new RemoteSigner('tz1burnburnburnburnburnburnburjAYjjX', open);
  await refused(() => remote.publicKey(), { name: 'PublicKeyNotFoundError', status: 404, text: 'this key not found in any vault' });
});
await checks.that('a key that is not listed can be read and signs nothing', async () => {
  const unlisted = await local('unlisted');
  const remote = new RemoteSigner(unlisted.pkh, open);
  same(await remote.publicKey(), unlisted.pk);
  const bytes = await transaction(unlisted.pkh, '1');
  const text = `${unlisted.pkh} is not listed in config`;
  await refused(() => remote.sign(bytes, GENERIC), { name: 'OperationNotAuthorized', status: 403, text });
});
await checks.that('the same attestation is signed again, another one of its level and round is not', async () => {
  const remote = new RemoteSigner(pkh, open);
  const first = await remote.sign(consensus('13', 'tz1', 5, 0));
  same(await remote.sign(consensus('13', 'tz1', 5, 0)), first);
  await refused(() => remote.sign(consensus('13', 'tz1', 5, 0, '12')), { status: 409, text: 'watermark validation failed' });
});

// What a client adds so that a signer with `server.authorized_keys` knows him.
class Authenticated extends HttpBackend {
  constructor(key) {
    super();
    this.key = key;
  }

  async createRequest(options, message) {
    if (options.method !== 'POST') return super.createRequest(options, message);
    const bytes = authenticationBytes(options.url.split('/').at(-1), message);
    const { prefixSig } = await this.key.sign(bytes);
    return super.createRequest({ ...options, query: { authentication: prefixSig } }, message);
  }
}

for (const curve of CURVES) {
  await checks.that(`authentication: RemoteSigner signs for a client with a ${curve} key`, async () => {
    const { signer } = await local(curve);
    const remote = new RemoteSigner(pkh, withKeys, {}, new Authenticated(signer));
    const bytes = await transaction(pkh, '7');
    same(await remote.sign(bytes, GENERIC), await client.sign(bytes, GENERIC));
  });
}
await checks.that('authentication: the generic form of a signature will do', async () => {
  const message = `03${await transaction(pkh, '7')}`;
  const { sig } = await client.sign(authenticationBytes(pkh, message));
  await sign(withKeys, pkh, message, `?authentication=${sig}`);
});
await checks.that('authentication: without it, by a stranger, and for another message', async () => {
  const bytes = await transaction(pkh, '7');
  const ask = (backend) => new RemoteSigner(pkh, withKeys, {}, backend).sign(bytes, GENERIC);
  await refused(() => ask(undefined), { status: 401, text: 'missing authentication signature field' });
  const { signer: stranger } = await local('unlisted');
  const invalid = { name: 'OperationNotAuthorized', status: 403, text: 'invalid authentication signature' };
  await refused(() => ask(new Authenticated(stranger)), invalid);
  const other = { sign: () => client.sign(authenticationBytes(pkh, `03${bytes}00`)) };
  await refused(() => ask(new Authenticated(other)), invalid);
});

const login = { username: 'payouts', password: 'Long-Enough-Pass-1' };
const answer = await plain(`${withTokens}/login`, { method: 'POST', headers: login });
await checks.that('tokens: a login gives one', async () => same(answer.status, 201));
const guards = {
  'Authorization and username': { Authorization: `Bearer ${answer.text}`, username: login.username },
  'a token without Bearer': { Authorization: answer.text, username: login.username },
  'X-Signatory-Token and X-Signatory-User': { 'X-Signatory-Token': answer.text, 'X-Signatory-User': login.username },
};
for (const [name, headers] of Object.entries(guards)) {
  await checks.that(`tokens: RemoteSigner signs with ${name}`, async () => {
    const remote = new RemoteSigner(pkh, withTokens, { headers });
    same(await remote.publicKey(), await client.publicKey());
    const bytes = await transaction(pkh, '9');
    same(await remote.sign(bytes, GENERIC), await client.sign(bytes, GENERIC));
  });
}
await checks.that('tokens: without one, with a wrong one, and of a user who may not use the key', async () => {
  const bytes = await transaction(pkh, '9');
  const ask = (headers, key = pkh) => new RemoteSigner(key, withTokens, { headers }).sign(bytes, GENERIC);
  await refused(() => ask({}), { status: 401, text: 'token required' });
  const forged = { Authorization: `Bearer ${answer.text.slice(0, -2)}AA`, username: login.username };
  await refused(() => ask(forged), { status: 401, text: 'the token is not valid' });
  const { pkh: others } = await local('tz2');
  const text = `user \`payouts' is not authorized to access ${others}`;
  await refused(() => ask(guards['Authorization and username'], others), { name: 'OperationNotAuthorized', status: 403, text });
});

// For pytezos, which looks at them with other eyes: both versions of tz4.
const signatures = [];
for (const curve of CURVES) {
  const { pkh: hash, pk } = await local(curve);
  const message = `03${await transaction(hash, '1000')}`;
  for (const version of ['1', '2']) {
    signatures.push({ curve, version, public_key: pk, message, signature: await sign(open, hash, message, `?version=${version}`) });
  }
}
checks.print({ client: `@taquito/remote-signer ${VERSION.version}`, signatures });
