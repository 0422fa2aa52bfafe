import { NODE_PATTERN } from '../io/http/httpHeaders.js';
import { anything, positive, readOptions, type OptionTable } from '../message/options/readOptions.js';
import { ADMISSION_OPTIONS, readAdmission, type AdmissionOptions } from './accept/admission.js';
import { POLL_HOLD } from './http/downlink.js';
import type { Transport } from './http/servedHttpLink.js';
import type { Principal } from './principal.js';
import { defaultCodecs } from './serve.js';
import { readServeOptions, SERVE_OPTIONS, type ServeOptions } from './serverOptions.js';

export interface ListenOptions<P extends Principal | undefined = undefined> extends ServeOptions<P>, AdmissionOptions {
  /** The path of the requests of clients. @default '/wire' */
  readonly path?: string;
  /** How clients may connect. @default ['websocket', 'sse', 'long-polling'] */
  readonly transports?: readonly Transport[];
  /**
   * How long the server holds a poll while there is nothing to send, in ms, at most 50_000.
   * @default 25_000
   */
  readonly pollHold?: number;
  /** Bytes that may wait for a slow client for longer than `stallTimeout`. @default 16 MiB */
  readonly maxBuffered?: number;
  /**
   * How long more than `maxBuffered` bytes may wait, in ms. After that, the next frame for the
   * client ends its connection with 4413.
   * @default 10_000
   */
  readonly stallTimeout?: number;
}

/** The rules and defaults of the options of `listen`. */
const LISTEN_OPTIONS = {
  ...SERVE_OPTIONS,
  ...ADMISSION_OPTIONS,
  path: [anything, '/wire'],
  transports: [anything, ['websocket', 'sse', 'long-polling']],
  pollHold: [positive, POLL_HOLD],
  maxBuffered: [positive],
  stallTimeout: [positive],
} as const satisfies OptionTable<ListenOptions<Principal | undefined> & { readonly endpoint?: string }>;

/**
 * Returns the options of a server for requests, with their defaults.
 *
 * @throws {RangeError} When a number is out of range.
 * @throws {TypeError} When an option is unknown or invalid.
 */
export function readListenOptions(owner: string, options: ListenOptions<Principal | undefined>) {
  const { codecs = defaultCodecs(), ...others } = readServeOptions(owner, options);
  const read = readOptions(owner, options, LISTEN_OPTIONS);
  const { path, pollHold, cluster } = read;
  if (!path.startsWith('/')) throw new TypeError(`${owner}: "path" must start with /, got ${path}`);
  if (pollHold > 50_000) throw new RangeError(`${owner}: "pollHold" must be <= 50000, got ${pollHold}`);
  if (cluster && !NODE_PATTERN.test(cluster.node))
    throw new TypeError(`${owner}: "cluster.node" must match ${NODE_PATTERN.source}, got ${cluster.node}`);
  return { served: { ...others, codecs }, read, admissionOptions: readAdmission(owner, options) };
}
