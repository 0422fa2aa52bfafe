import { NAME_PATTERN } from '../messageLimits.js';
import { ReliabilityLevel } from '../reliabilityLevel.js';

/** @throws {TypeError} When `link` is no link, `delivery` is no level, or `id` is no name. */
export function checkConnect(link: unknown, delivery: string, id: string): void {
  if (typeof link !== 'function') throw new TypeError('connect: "link" must be a link, such as webSocket(url)');
  const levels: readonly string[] = Object.values(ReliabilityLevel);
  if (!levels.includes(delivery)) throw new TypeError(`connect: "delivery" must be one of ${levels.join(', ')}, got ${delivery}`);
  if (!NAME_PATTERN.test(id)) throw new TypeError(`connect: "id" must match ${NAME_PATTERN.source}, got ${id}`);
}

/** @throws {TypeError} When a text is not the address of a WebSocket. */
export function checkAddress(owner: string, address: string): void {
  if (!/^wss?:\/\/./i.test(address)) throw new TypeError(`${owner}: "url" must start with ws:// or wss://, got ${address}`);
}

/** @throws {TypeError} When `deadLetters` is no store. */
export function checkDeadLetters(owner: string, { deadLetters }: { readonly deadLetters?: object | undefined }): void {
  if (deadLetters && typeof (deadLetters as { readonly add?: unknown }).add !== 'function')
    throw new TypeError(`${owner}: "deadLetters" must be a store, as memoryDeadLetters() returns it`);
}

/** The maximum number of codecs in a hello. */
const MAX_CODECS = 16;

/** @throws {TypeError} When an attacker could select an unsealed codec, or names repeat. */
export function checkCodecs(owner: string, codecs: readonly { readonly name: string; readonly isSealed?: boolean }[]): void {
  const { length } = codecs;
  const sealed = codecs.filter(({ isSealed }) => isSealed).length;
  if (!length || length > MAX_CODECS || new Set(codecs.map(({ name }) => name)).size < length || (sealed && sealed < length))
    throw new TypeError(`${owner}: expected 1 to ${MAX_CODECS} codecs with different names, all sealed or none`);
}
