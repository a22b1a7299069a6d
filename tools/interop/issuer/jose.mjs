// npm `jose` against a running jwtis: the task comes as JSON on standard input, what held goes out as JSON (see README.md).

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import * as jose from 'jose';

const { version } = createRequire(import.meta.url)('jose/package.json');
const task = JSON.parse(readFileSync(0, 'utf8'));
const [checks, made] = [[], []];

async function check(operation, algorithm, body) {
  try {
    await body();
    checks.push({ operation, algorithm, verdict: 'yes' });
  } catch (error) {
    checks.push({ operation, algorithm, verdict: 'no', why: String(error) });
  }
}

async function refused(what, error, body) {
  try {
    await body();
  } catch (thrown) {
    if (thrown instanceof error) return;
    throw new Error(`${what} is refused for the wrong reason: ${thrown}`);
  }
  throw new Error(`${what} is accepted`);
}

const get = async (path) => (await fetch(`${task.url}${path}`)).json();
const text = (message) => new TextEncoder().encode(message);

async function sign(key, header, payload) {
  const protectedHeader = { alg: key.alg, kid: key.kid, ...header };
  return new jose.CompactSign(text(payload)).setProtectedHeader(protectedHeader).sign(await jose.importJWK(key));
}

async function encrypt(key, enc, message) {
  const header = { alg: key.alg, enc, kid: key.kid, typ: 'JWT', cty: 'JWT' };
  return new jose.CompactEncrypt(text(message)).setProtectedHeader(header).encrypt(await jose.importJWK(key));
}

// Expired tokens come last: by then they are.
for (const { token, algorithm, client, issuer, changed, other, expired, expires } of task.signatures) {
  await check('verify', algorithm, async () => {
    const keys = jose.createRemoteJWKSet(new URL(`${task.url}/keys/${client}/jwks.json`));
    const verify = (token) => jose.jwtVerify(token, keys, { issuer, algorithms: [algorithm], typ: task.access_type });
    const { payload } = await verify(token);
    if (payload.sub !== task.subject) throw new Error(`sub is ${payload.sub}`);
    await refused('a changed payload', jose.errors.JWSSignatureVerificationFailed, () => verify(changed));
    await refused('another key', jose.errors.JWSSignatureVerificationFailed, () => verify(other));
    while (Date.now() < (expires + 1) * 1000) await new Promise((wake) => setTimeout(wake, 100));
    await refused('an expired token', jose.errors.JWTExpired, () => verify(expired));
  });
}
for (const key of task.keys) {
  await check('sign', key.alg, async () => {
    made.push({ operation: 'sign', algorithm: key.alg, token: await sign(key, {}, task.message) });
  });
}
for (const { private: key, public: recipient, tokens, signer, group } of task.recipients) {
  for (const [enc, { token, changed }] of Object.entries(tokens)) {
    await check('decrypt', group, async () => {
      const opened = await jose.compactDecrypt(token, await jose.importJWK(key));
      if (new TextDecoder().decode(opened.plaintext) !== task.message) throw new Error('another message');
      await refused('a changed token', jose.errors.JWEDecryptionFailed, async () => jose.compactDecrypt(changed, await jose.importJWK(key)));
    });
    await check('nest', group, async () => {
      const token = await encrypt(recipient, enc, await sign(task.keys[signer], {}, task.message));
      made.push({ operation: 'nest', algorithm: group, enc, recipient: recipient.kid, token });
    });
  }
}
for (const { algorithm, client, enc, token, kid, hostile } of task.clients) {
  await check('renew', algorithm, async () => {
    const { pub_enc_key: key } = await get(`/keys/${client}`);
    const forger = task.keys.find((each) => each.alg === hostile.alg);
    const forged = await sign({ ...forger, kid }, { typ: task.refresh_type }, hostile.payload);
    const [ours, theirs] = [await encrypt(key, enc, token), await encrypt(key, enc, forged)];
    made.push({ operation: 'renew', algorithm, client, ours, theirs });
  });
}
for (const { name, jwk, thumbprint } of task.thumbprints) {
  await check('thumbprint', name, async () => {
    const own = await jose.calculateJwkThumbprint(jwk);
    if (own !== thumbprint) throw new Error(`${own}, not ${thumbprint}`);
  });
}
console.log(JSON.stringify({ reports: [{ library: 'npm jose', version, checks, made }] }));
