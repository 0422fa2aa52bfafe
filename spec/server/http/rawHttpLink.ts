import { randomBytes } from 'node:crypto';
import { concatBytes } from '../../../lib/message/bytes.js';
import { decodeRecords, encodeRecord, type Item } from '../../../lib/io/http/recordFormat.js';
import type { Frame } from '../../../lib/io/link.js';

export const EVENTS = 'text/event-stream';
export const RECORDS = 'application/octet-stream';

export const linkName = (): string => randomBytes(33).toString('base64url').slice(0, 43);

export const bodyOf = (...items: readonly Item[]): Uint8Array<ArrayBuffer> =>
  concatBytes(items.map(encodeRecord)) as Uint8Array<ArrayBuffer>;

/** A client that makes each request of a link itself. */
export function rawLink(url: string, name = linkName(), common: Readonly<Record<string, string>> = {}) {
  const address = url.replace(/^ws/, 'http');
  const request = (method: string, headers: Readonly<Record<string, string>>, body?: Uint8Array<ArrayBuffer>, signal?: AbortSignal) =>
    fetch(address, { method, headers: { 'rxwire-link': name, ...common, ...headers }, ...(body && { body }), ...(signal && { signal }) });
  return {
    name,
    request,
    post: (number: number | string, frames: readonly Frame[] = [], accept = RECORDS, signal?: AbortSignal) =>
      request('POST', { 'rxwire-number': String(number), accept, 'content-type': RECORDS }, bodyOf(...frames), signal),
    poll: (number: number | string, signal?: AbortSignal) =>
      request('GET', { 'rxwire-number': String(number), accept: RECORDS }, undefined, signal),
    leave: (code: number | string = 1_000, reason = '') => request('DELETE', { 'rxwire-code': String(code), 'rxwire-reason': reason }),
  };
}

/** What an answer holds. */
export async function itemsOf(response: Response): Promise<readonly Item[]> {
  return decodeRecords(new Uint8Array(await response.arrayBuffer()), 1024 * 1024);
}

/** The text of a stream, until it holds this. */
export async function textUntil(response: Response, wanted: string): Promise<string> {
  const reader = response.body!.getReader();
  let text = '';
  while (!text.includes(wanted)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return text;
}
