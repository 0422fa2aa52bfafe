import { inspect } from 'node:util';
import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  asapScheduler,
  catchError,
  concat,
  distinctUntilKeyChanged,
  filter,
  firstValueFrom,
  ignoreElements,
  last,
  merge,
  mergeMap,
  NEVER,
  observeOn,
  of,
  pairwise,
  race,
  throwError,
  timer,
  type Observable,
  type ObservableInput,
} from 'rxjs';
import { WebSocket } from 'ws';
import type { Codec } from '../../codec/codec.js';
import { json } from '../../codec/json.js';
import { msgpack } from '../../codec/msgpack.js';
import { RxwireError } from '../../message/errors.js';
import { textOf } from '../../message/errors/rxwireError.js';
import { fallback } from '../../io/fallback.js';
import type { WebSocketConstructor } from '../../io/webSocketLike.js';
import type { DescribedLink, Frame, Link } from '../../io/link.js';
import { longPolling } from '../../io/longPolling.js';
import { serverSentEvents } from '../../io/serverSentEvents.js';
import { webSocket } from '../../io/webSocket.js';
import type { Delivery } from '../../message/types.js';
import { inspected, type InspectOptions } from '../../wire/session/inspected.js';
import { connect } from '../../wire/connect.js';
import type { Wire } from '../../wire/wire.js';
import { type CommandContext, UsageError } from './commandContext.js';

type OnFrame = InspectOptions['onFrame'];
type ClientLink = Link<Frame> & DescribedLink;

/** A link that uses the `ws` that is part of the command. */
const wsLink = (url: string): ClientLink => webSocket(url, { WebSocket: WebSocket as unknown as WebSocketConstructor });

/** The links by the name of their transport, the best first. */
export const LINKS = { websocket: wsLink, sse: serverSentEvents, 'long-polling': longPolling } as const satisfies Readonly<
  Record<string, (url: string) => ClientLink>
>;

export type TransportName = keyof typeof LINKS;

const CODECS = { json, msgpack } as const satisfies Readonly<Record<string, () => Codec>>;

export interface ConnectionFlags {
  readonly transport?: TransportName;
  readonly codec?: keyof typeof CODECS;
  readonly token?: string;
  readonly delivery?: Delivery;
  readonly reconnect: boolean;
  readonly retries: number;
  readonly drain: number;
}

/** Adds a command that connects, with its url and the options of a connection. */
export function addClient(program: Command, name: string, description: string, url = 'the address of the server'): Command {
  return program
    .command(name)
    .description(description)
    .argument('<url>', url)
    .addOption(
      new Option('--transport <name>', 'use this transport only (default: the first of these that works)').choices(Object.keys(LINKS)),
    )
    .addOption(new Option('--codec <name>', 'use this codec (default: json, or what the server has)').choices(Object.keys(CODECS)))
    .addOption(tokenOption('what shows the server who you are'))
    .addOption(
      new Option('--delivery <level>', 'the delivery guarantee (default: at-least-once)').choices([
        'at-most-once',
        'at-least-once',
        'exactly-once',
      ]),
    )
    .option('--no-reconnect', 'end when the connection is lost')
    .option('--retries <n>', 'attempts to connect again before the command gives up', wholeNumberOption, 10)
    .option('--drain <ms>', 'how long the end may wait for acks', wholeNumberOption, 5_000);
}

export function tokenOption(description: string): Option {
  return new Option('--token <text>', description).env('RXWIRE_TOKEN');
}

export function wholeNumberOption(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

export function positiveNumberOption(text: string): number {
  const number = wholeNumberOption(text);
  if (number === 0) throw new InvalidArgumentError('It must be at least 1.');
  return number;
}

/** Connects, and reports the losses of the connection on stderr. */
function openWire(url: string, flags: ConnectionFlags, { note }: Pick<CommandContext, 'note'>, onFrame?: OnFrame): Wire {
  const { transport, codec, token, delivery, reconnect, retries, drain } = flags;
  const address = addressOf(url);
  const codecs = codec === undefined ? [json(), msgpack()] : [CODECS[codec]()];
  const links = (transport === undefined ? Object.values(LINKS) : [LINKS[transport]]).map((create) => create(address));
  const link = links.length === 1 ? (links[0] as ClientLink) : fallback(...links);
  const wire = connect({
    link: onFrame ? inspected(link, { codec: codecs, onFrame }) : link,
    codec: codecs,
    drainTimeout: Math.max(1, drain),
    reconnect: reconnect && retries > 0 && { initialInterval: 200, maxInterval: 5_000, maxRetries: retries },
    ...(token !== undefined && { token }),
    ...(delivery !== undefined && { delivery }),
  });
  reportLosses(wire, note);
  return wire;
}

/** Returns the address of the wires of a server, without a path at `/wire`. @throws {UsageError} */
function addressOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^(ws|wss|http|https):$/.test(url.protocol))
    throw new UsageError(`the url must begin with ws:, wss:, http: or https:, got ${text}`);
  if (url.username !== '' || url.password !== '')
    throw new UsageError('the url must not contain credentials, because urls appear in logs: pass the token with --token or RXWIRE_TOKEN');
  if (url.pathname === '/') url.pathname = '/wire';
  return url.href.replace(/^http/, 'ws');
}

function reportLosses(wire: Wire, note: CommandContext['note']): void {
  let wasConnected = false;
  wire.state$.pipe(distinctUntilKeyChanged('status'), pairwise()).subscribe(([before, { status, error, protocol }]) => {
    wasConnected ||= before.status === 'connected';
    const failure = wasConnected ? 'the connection is lost, and is being opened again' : 'the server cannot be reached, trying again';
    if (status === 'reconnecting') note(`${failure}: ${reasonOf(error)}`);
    else if (status === 'connected' && before.status === 'reconnecting') note(`connected again, over ${protocol}`);
  });
  // The command reports an error that ends the wire, and those of its messages and its channel.
  const survived$ = wire.errors$.pipe(
    observeOn(asapScheduler),
    filter((error) => !wire.state.isFinal && error.code !== 'ERR_CONNECTION_LOST' && !('id' in error || 'channel' in error)),
  );
  survived$.subscribe(({ message }) => note(message));
}

/** Returns the sentence of an error, and what the system has reported as its root cause. */
export function reasonOf(error: unknown): string {
  if (error === undefined) return 'the server has ended it';
  if (!(error instanceof Error)) return inspect(error);
  let root = error;
  while (root.cause instanceof Error) root = root.cause;
  const text = textOf(error);
  return root instanceof RxwireError || text.includes(root.message) ? text : `${text}: ${root.message}`;
}

/**
 * Runs `work` over a new wire, and returns its first value. Rejects with the error of `work`, or
 * that of the wire.
 * @param onFrame Called with each frame, decoded.
 */
export async function withWire<T>(
  url: string,
  flags: ConnectionFlags,
  context: Pick<CommandContext, 'note'>,
  work: (wire: Wire) => ObservableInput<T>,
  onFrame?: OnFrame,
): Promise<T> {
  const wire = openWire(url, flags, context, onFrame);
  try {
    const value = await firstValueFrom(merge(work(wire), failureOf(wire)));
    // Messages may be given up because the wire has failed, before its failure is reported.
    if (wire.state.status === 'error') throw wire.state.error;
    return value;
  } catch (error) {
    throw wire.state.status === 'error' ? wire.state.error : error;
  } finally {
    await leave(wire);
  }
}

/** Fails when the wire fails. Never emits, and never completes. */
function failureOf(wire: Wire): Observable<never> {
  return wire.state$.pipe(
    last(),
    mergeMap(({ status, error }) => (status === 'error' ? throwError(() => error) : NEVER)),
  );
}

/** The maximum time that a finished command waits until its session has ended, in ms. */
const GOODBYE = 500;

/** Ends the session of a connected wire, so that the server does not wait for it, and closes it. */
async function leave(wire: Wire): Promise<void> {
  if (wire.state.status === 'connected') {
    const ended$ = concat(wire.pipe(ignoreElements()), of(undefined)).pipe(catchError(() => of(undefined)));
    const left = firstValueFrom(race(ended$, timer(GOODBYE)));
    wire.complete();
    await left;
  }
  wire.unsubscribe();
}
