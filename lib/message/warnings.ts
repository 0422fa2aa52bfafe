import type { Observable } from 'rxjs';
import { noteSending } from './exitHook.js';
import { isProtocolType } from './isProtocolType.js';
import { later, warnOnce, WITHIN } from './warnOnce.js';

/** The sessions with a message that waits for a subscriber of the wire. */
const watchedSessions = new WeakSet();

/**
 * A message waits for a subscriber of the wire. Warns if it still does after 5 s. The messages of
 * protocols need no subscriber: a client that only sends receives them, too.
 */
export function watchHeld(session: object, isHeld: () => boolean, { type }: { readonly type: string }): void {
  if (isProtocolType(type) || watchedSessions.has(session)) return;
  watchedSessions.add(session);
  later(WITHIN, () => {
    if (isHeld())
      warnOnce('WARN_NO_SUBSCRIBER', `messages such as "${type}" wait, unacked, because the program has not subscribed to the wire`);
  });
}

/** Returns a stream that serves nothing without a subscriber: warns after 5 s if it has none. */
export function watchSubscribed<T extends Observable<unknown>>(name: string, stream: T): T {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- passes on the arguments of any caller
  const subscribe = stream.subscribe.bind(stream) as (...args: unknown[]) => unknown;
  let isSubscribed = false;
  Object.defineProperty(stream, 'subscribe', {
    configurable: true,
    writable: true,
    value(...args: unknown[]) {
      isSubscribed = true;
      return subscribe(...args);
    },
  });
  later(WITHIN, () => {
    if (!isSubscribed) warnOnce('WARN_NOT_SERVING', `${name}() serves no client, because the program has not subscribed to its result`);
  });
  return stream;
}

/** The ids of replies: an operator of the program may have replaced the message. */
const unsent = new Set<string>();

/** Warns if the first reply of an operator is not sent within 5 s. */
export function watchReply({ id }: { readonly id: string }): void {
  unsent.add(id);
  later(WITHIN, () => {
    if (unsent.delete(id))
      warnOnce('WARN_REPLY_NOT_SENT', 'reply() emits the answers, and the program does not send them: pass the wire to subscribe()');
  });
}

/** A wire sends a message. A batch contains others. */
export function noteSent({ id, payload }: { readonly id: string; readonly payload: unknown }, wire?: object): void {
  if (wire) noteSending(wire);
  if (unsent.size === 0) return;
  unsent.delete(id);
  const { messages } = Object(payload) as { readonly messages?: unknown };
  if (Array.isArray(messages)) for (const message of messages as unknown[]) unsent.delete((Object(message) as { id: string }).id);
}

/** A wire of a server, as a Subject. */
interface ServedWire {
  readonly principal?: { readonly id: string } | undefined;
  readonly closed: boolean;
  readonly isStopped?: boolean;
}

interface WireWithHub {
  readonly wire: WeakRef<ServedWire>;
  /** The number of open wires with a hub of the principal right before this one. */
  readonly others: number;
  hasHub: boolean;
}

/** The maximum number of principals whose latest wires are remembered. */
const MAX_PRINCIPALS = 1_000;
/** The maximum number of groups with a hub in which one principal may be, without a warning. */
const MAX_GROUPS = 3;

const latestWires = new Map<string, WireWithHub>();
/** The wire that a server is passing to the program. */
let beingServed: WireWithHub | undefined;

/** A server passes a wire to the program; without a wire: it has passed the wire. */
export function servingWire(wire?: ServedWire): void {
  beingServed = undefined;
  if (!wire) return;
  const { id = '' } = wire.principal ?? {};
  const previous = latestWires.get(id);
  const { closed = true, isStopped = true } = (previous?.hasHub && previous.wire.deref()) || {};
  const others = previous && !closed && !isStopped ? previous.others + 1 : 0;
  if (latestWires.size >= MAX_PRINCIPALS) latestWires.clear();
  latestWires.set(id, (beingServed = { wire: new WeakRef(wire), others, hasHub: false }));
}

/**
 * Warns if a hub is made for each wire: it would serve no other. A program may make the only hub
 * when the first wire needs it, or one for each group of clients: one principal has few.
 */
export function noteHub(): void {
  if (!beingServed) return;
  beingServed.hasHub = true;
  if (beingServed.others >= (beingServed.wire.deref()?.principal ? MAX_GROUPS : 1))
    warnOnce(
      'WARN_HUB_FOR_ONE_WIRE',
      'hub() was called for each wire: its channels connect nobody. Call it once, outside of the subscriber of listen()',
    );
}

/** Warns that a message was sent by a wire that the program has unsubscribed. */
export function noteAfterEnd(id: string): void {
  warnOnce('WARN_SENT_AFTER_END', `the message ${id} was not sent: the program has unsubscribed the wire before`);
}

const firstRetries = new WeakMap<object, number>();

/** A wire has a connection, or tries again: warns if its first connection takes more than 5 s. */
export function noteConnection(wire: { readonly endpoint: string }, failure?: { readonly error: unknown }): void {
  const first = firstRetries.get(wire);
  if (!failure) {
    firstRetries.set(wire, Infinity);
    return;
  }
  // eslint-disable-next-line no-restricted-globals -- a person sees the warning: virtual time has none
  const now = performance.now();
  if (first === undefined) firstRetries.set(wire, now);
  else if (now - first > WITHIN) {
    const { text, message = String(failure.error) } = Object(failure.error) as { readonly text?: string; readonly message?: string };
    warnOnce('WARN_NO_CONNECTION', `no connection to ${wire.endpoint || 'the server'} so far: ${text ?? message}`);
  }
}

/** Warns that a payload has a date, which the codec sends as a text. */
export function noteDate(): void {
  warnOnce('WARN_DATE', 'json() sends a Date as a text, and the other side receives the text. Send date.getTime(), or use msgpack()');
}

/** Warns that a link opens a connection of its own: the page cannot share one with other tabs. */
export function noteNotShared(name: string): void {
  warnOnce(
    'WARN_NOT_SHARED',
    `sharedLink("${name}") opens a connection for this tab alone: the page has no Web Locks or no BroadcastChannel, as without HTTPS`,
  );
}
