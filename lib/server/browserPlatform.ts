import type { IncomingMessage } from 'node:http';
import { toBase64 } from '../message/bytes.js';
import { sha256 } from '../message/sha256.js';

/**
 * The platform functions of a server over memory links in a browser. This file replaces
 * `nodePlatform.ts` in bundles for browsers.
 */
export function randomName(bytes = 16): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}

/** Returns the SHA-256 of a text, as base64url. */
export function digestOf(text: string): string {
  return toBase64Url(sha256(new TextEncoder().encode(text)));
}

/**
 * Compares two texts. Both sides of a link in memory are the same page: no side can measure the
 * other.
 */
export function isSameText(one: string, other: string): boolean {
  return one === other;
}

/** Returns a request without content, for a link that no request has opened. */
export function emptyRequest(): IncomingMessage {
  return { headers: {}, rawHeaders: [], method: 'GET', url: '/' } as unknown as IncomingMessage;
}

function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
