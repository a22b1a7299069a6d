// octez-client and octez-baker as clients of a running jwtis: their calls, in their order, and what must come back.
//
//   node octez.mjs record > octez.json             signatures are those of @taquito/signer
//   node octez.mjs replay OPEN_URL KEYS_URL        prints what held as JSON
//
// The order is that of Octez' `http` signer backend: the public key when a key is imported; for each signature first
// `GET /authorized_keys`, then `POST /keys/{pkh}` with `authentication` where keys were listed, and with `version` where a baker asks for one.

import { readFileSync } from 'node:fs';
import { CURVES, Checks, authenticationBytes, block, consensus, keys, local, plain, same, withDal } from './support.mjs';

const HEADERS = { accept: 'application/json', 'content-type': 'application/json' };
const NOOP = `03${'00'.repeat(32)}1100000003616263`;

function get(path, body) {
  return { method: 'GET', path, status: 200, answer: body };
}

function post(path, message, expected) {
  return { method: 'POST', path, body: message, ...expected };
}

const REFUSED = { status: 409, text: 'watermark validation failed' };

// The call before each signature, and the signature.
async function signed(who, message, query = '') {
  const { prefixSig } = await who.signer.sign(message);
  return [get('/authorized_keys', {}), post(`/keys/${who.pkh}${query}`, message, { status: 200, answer: { signature: prefixSig } })];
}

async function refused(who, message, query = '') {
  return [get('/authorized_keys', {}), post(`/keys/${who.pkh}${query}`, message, REFUSED)];
}

async function imported(curve) {
  const who = await local(curve);
  const steps = [get(`/keys/${who.pkh}`, { public_key: who.pk }), ...(await signed(who, NOOP))];
  steps.at(-1).chunked = true;
  return { name: `octez-client imports a ${curve} key and signs`, signer: 'open', steps };
}

async function authenticated(curve) {
  const [who, client] = [await local('tz1'), await local(curve)];
  const listed = [];
  for (const name of CURVES) listed.push((await local(name)).pkh);
  const authentication = (await client.signer.sign(authenticationBytes(who.pkh, NOOP))).prefixSig;
  const steps = [
    get(`/keys/${who.pkh}`, { public_key: who.pk }),
    get('/authorized_keys', { authorized_keys: listed }),
    post(`/keys/${who.pkh}`, NOOP, { status: 401, text: 'missing authentication signature field' }),
    post(`/keys/${who.pkh}?authentication=${authentication}`, NOOP, {
      status: 200,
      answer: { signature: (await who.signer.sign(NOOP)).prefixSig },
    }),
  ];
  return { name: `octez-client authenticates itself with a ${curve} key`, signer: 'keys', steps };
}

async function baker(curve, query) {
  const who = await local(curve);
  const steps = [get(`/keys/${who.pkh}`, { public_key: who.pk })];
  if (curve === 'tz4') {
    steps.push(get(`/bls_prove_possession/${who.pkh}`, { bls_prove_possession: (await who.signer.provePossession()).prefixSig }));
  }
  const say = async (message) => steps.push(...(await signed(who, message, query)));
  const hear = async (message) => steps.push(...(await refused(who, message, query)));
  // Odd levels of tz1 to tz3 attest with DAL: another tag, and the same watermark.
  const attestation = (level, round) =>
    curve !== 'tz4' && level % 2 === 1 ? withDal(level, round) : consensus('13', curve, level, round);

  for (let level = 100; level < 104; level++) {
    await say(block(level, 0));
    await say(consensus('12', curve, level, 0));
    await say(attestation(level, 0));
  }
  // Nobody attested: the next round of the same level.
  await say(block(103, 1));
  await say(consensus('12', curve, 103, 1));
  await say(attestation(103, 1));
  // A restart of the baker asks for the same once more.
  await say(block(103, 1));
  await say(consensus('12', curve, 103, 1));
  await say(attestation(103, 1));
  // Another message of the same level and round; a lower round; a lower level, though it was signed once.
  await hear(block(103, 1, '23'));
  await hear(consensus('12', curve, 103, 1, '12'));
  await hear(consensus('13', curve, 103, 1, '12'));
  await hear(block(103, 0));
  await hear(consensus('12', curve, 103, 0));
  await hear(attestation(100, 0));
  if (curve !== 'tz4') {
    // With and without DAL is one watermark: here Signatory signs twice.
    await hear(consensus('13', curve, 103, 1));
    await say(consensus('13', curve, 104, 0));
    await hear(withDal(104, 0));
  }
  return { name: `octez-baker with a ${curve} key${query}`, signer: 'open', steps };
}

async function record() {
  const sequences = [];
  for (const curve of CURVES) sequences.push(await imported(curve));
  for (const curve of CURVES) sequences.push(await authenticated(curve));
  sequences.push(await baker('tz1', ''), await baker('tz2', '?version=2'), await baker('tz3', ''), await baker('tz4', '?version=2'));
  console.log(JSON.stringify({ made_by: 'node octez.mjs record', keys: keys.note, headers: HEADERS, sequences }, null, 1));
}

async function step(url, headers, { method, path, body, chunked, status, answer, text }) {
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const whole = chunked ? new Blob([sent]).stream() : sent;
  const got = await plain(`${url}${path}`, { method, headers, body: whole, chunked });
  const at = `${method} ${path.slice(0, 60)} ${String(body).slice(0, 100)}`;
  if (got.status !== status) throw new Error(`${at}: ${got.status} ${got.text}, not ${status}`);
  if (answer !== undefined) same(got.text, `${JSON.stringify(answer)}\n`);
  if (text !== undefined && !JSON.parse(got.text)[0].msg.includes(text)) throw new Error(`${at}: ${got.text}, not ${text}`);
  same(got.headers.get('content-type'), 'application/json; charset=utf-8');
}

async function replay(open, withKeys) {
  const recorded = JSON.parse(readFileSync(new URL('octez.json', import.meta.url)));
  const checks = new Checks();
  for (const { name, signer, steps } of recorded.sequences) {
    await checks.that(name, async () => {
      for (const each of steps) await step(signer === 'open' ? open : withKeys, recorded.headers, each);
    });
  }
  checks.print({ client: 'calls of octez-client and octez-baker' });
}

await (process.argv[2] === 'record' ? record() : replay(...process.argv.slice(3)));
