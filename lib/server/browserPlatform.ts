import type { IncomingMessage } from 'node:http';
import { toBase64 } from '../message/bytes.js';
import { sha256 } from '../message/sha256.js';

/**
 * The platform functions of a server in a browser or a worker. This file replaces `nodePlatform.ts`
 * in bundles for both.
 */
export function randomName(bytes = 16): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}

/** Returns the SHA-256 of a text, as base64url. */
export function digestOf(text: string): string {
  return toBase64Url(sha256(new TextEncoder().encode(text)));
}

/** Compares two texts of the same length, in a time that does not depend on where they differ. */
export function isSameText(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}

/** Returns whether a text is an IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  return text.includes(':') ? URL.canParse(`http://[${text}]`) : /^\d+(\.\d+){3}$/.test(text) && URL.canParse(`http://${text}`);
}

/** Returns a request without content, for a link that no request has opened. */
export function emptyRequest(): IncomingMessage {
  return { headers: {}, rawHeaders: [], method: 'GET', url: '/' } as unknown as IncomingMessage;
}

/** Returns the request, which holds no socket here. */
export function keepRequest(request: IncomingMessage): IncomingMessage {
  return request;
}

function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
