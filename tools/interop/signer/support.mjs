// What the scripts share: keys, a list of checks that is printed as JSON, and plain requests.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
export const { InMemorySigner } = require('@taquito/signer');
export const { LocalForger } = require('@taquito/local-forging');
export const { b58DecodePublicKeyHash, b58Encode, PrefixV2, verifySignature } = require('@taquito/utils');

export const keys = JSON.parse(readFileSync(new URL('keys.json', import.meta.url)));
export const CURVES = ['tz1', 'tz2', 'tz3', 'tz4'];

export async function local(name) {
  const signer = new InMemorySigner(keys[name]);
  return { signer, pkh: await signer.publicKeyHash(), pk: await signer.publicKey() };
}

// Names what holds; the first thing that does not is reported with what came instead, and the rest still runs.
export class Checks {
  #list = [];

  async that(name, work) {
    try {
      await work();
      this.#list.push({ name, ok: true });
    } catch (error) {
      this.#list.push({ name, ok: false, why: String(error?.stack ?? error) });
    }
  }

  print(more = {}) {
    console.log(JSON.stringify({ checks: this.#list, ...more }, null, 1));
  }
}

export function same(got, wanted) {
  const [left, right] = [got, wanted].map((value) => JSON.stringify(value));
  if (left !== right) throw new Error(`got ${left}, not ${right}`);
}

export async function refused(work, { name, status, text }) {
  let answer;
  try {
    answer = await work();
  } catch (error) {
    if (name !== undefined) same(error.name, name);
    // Taquito keeps the answer in `cause` where it has a class of its own for it.
    const response = error.status === undefined ? error.cause : error;
    same(response.status, status);
    if (!response.body.includes(text)) throw new Error(`got ${response.body}, not ${text}`);
    return;
  }
  throw new Error(`was not refused: ${JSON.stringify(answer)}`);
}

// Status, headers and body, without any client in between. A connection for each, so that a script never waits for one to end.
export async function plain(url, { method = 'GET', headers = {}, body, chunked } = {}) {
  const duplex = chunked ? { duplex: 'half' } : {};
  const response = await fetch(url, { method, headers: { connection: 'close', ...headers }, body, ...duplex });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

export async function sign(url, pkh, message, query = '', headers = {}) {
  const answer = await plain(`${url}/keys/${pkh}${query}`, { method: 'POST', headers, body: JSON.stringify(message) });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return JSON.parse(answer.text).signature;
}

// The bytes that a client signs so that a signer knows him: 04 01, the tagged hash of the key asked for, the message.
export function authenticationBytes(pkh, message) {
  return `0401${b58DecodePublicKeyHash(pkh, 'hex')}${message}`;
}

const i32 = (number) => Buffer.from(Int32Array.of(number).buffer).swap32().toString('hex');
const CHAIN = 'b3d79f99'; // NetXo5iVw1vBoxM

// tz4 keys sign operations without a slot.
export function consensus(magic, curve, level, round, payload = '11') {
  const tags = curve === 'tz4' ? { 12: '28', 13: '29' } : { 12: '14', 13: '15' };
  const slot = curve === 'tz4' ? '' : '0007';
  return `${magic}${CHAIN}${'00'.repeat(32)}${tags[magic]}${slot}${i32(level)}${i32(round)}${payload.repeat(32)}`;
}

export function withDal(level, round) {
  return `13${CHAIN}${'00'.repeat(32)}170007${i32(level)}${i32(round)}${'11'.repeat(32)}05`;
}

export function block(level, round, predecessor = '22') {
  const fitness = `0000000102${'00000004'}${i32(level)}${'00000000'}${'00000004'}${i32(-1)}${'00000004'}${i32(round)}`;
  const header = [
    `11${CHAIN}${i32(level)}15${predecessor.repeat(32)}0000000066aa0000${'04'}${'33'.repeat(32)}`,
    `${i32(fitness.length / 2)}${fitness}${'44'.repeat(32)}${'55'.repeat(32)}${i32(round)}${'66'.repeat(8)}0000`,
  ];
  return header.join('');
}
