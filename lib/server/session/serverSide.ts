import { asyncScheduler, noop } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import type { Later } from '../../internal/later.js';
import type { Connection } from '../../session/connection.js';
import { createEndpoint, type Agreement, type Endpoint, type EndpointParts } from '../../session/endpoint.js';
import { controlFrame } from '../../session/frames.js';
import { credential, type Welcome } from '../../session/handshake.js';
import type { Negotiable } from '../../session/negotiable.js';
import type { EndpointOptions } from '../../session/options.js';
import type { Cursor } from '../../session/store/inbox.js';
import type { OutboxContents, OutboxStore } from '../../session/store/outboxStore.js';
import type { Attachment } from '../attachment.js';
import type { Drained } from '../draining.js';
import { expiryOf } from '../identified.js';
import { createFarewell } from './farewell.js';
import type { Peer } from './peer.js';
import { createRenewal } from './renewal.js';
import type { Throttle } from './throttle.js';

export interface ServerSideOptions extends EndpointOptions {
  /** How often each side must be heard, in ms. */
  readonly pingInterval: number;
}

/** What is there of a client before its wire is. */
export interface ServerSideSetup {
  readonly pid: string;
  readonly peer: Peer;
  readonly codec: Negotiable;
  /** The name of the one that both sides know. */
  readonly agreed: string;
  readonly store: OutboxStore;
  readonly contents: OutboxContents;
  /** How far its messages were processed, where that was stored. */
  readonly cursor: Cursor | undefined;
  /** The latest connection, which is open or about to be. */
  readonly attachment: () => Attachment;
  /** What slows it, where that is wanted. */
  readonly throttle: Throttle | undefined;
}

/** The server's side of a session. */
export type ServerSide = Endpoint & Drained;

/** The server's side of the handshake. The hello was read already: this answers it. */
export function createServerSide(
  setup: ServerSideSetup,
  parts: Pick<EndpointParts, 'emit' | 'fail' | 'wait'>,
  options: ServerSideOptions,
): ServerSide {
  const { pingInterval: ping, scheduler = asyncScheduler, inbox } = options;
  const { pid, peer, codec, store, contents, cursor, attachment, throttle, wait, fail } = { ...setup, ...parts };
  /** Of the connection there is, until it is agreed. */
  let pending: Agreement | undefined;
  let isHelloRead = false;
  const beginning = createBeginning();
  const remember = (then: () => void): void => wait(() => inbox?.remember(pid, peer.record), then, fail);
  const greet = (connection: Connection): void => {
    const { n, rx: theirs = 0, ...allowance } = attachment().hello();
    const { goesOn, ...greeting } = peer.greet(attachment().hello());
    const welcome: Welcome = { ...greeting, n, rx: endpoint.incoming.receiver.rx, id: endpoint.id, ...termsOf(setup, options) };
    pending = { rx: goesOn ? theirs : 0, isKnown: goesOn, allowance, ping };
    isHelloRead = false;
    farewell.over(connection);
    remember(() => beginning.wait(() => answer(connection, welcome, endpoint, setup)));
  };
  const renew = createRenewal(attachment, wait, scheduler);
  const endpoint = createEndpoint(
    {
      ...{ ...parts, ...throttle },
      ...{ codec, store, sends: 'to-client', pid: () => pid, source: () => attachment().hello().id, onOpen: greet },
      onHandshake({ kind, value }, connection) {
        if (kind === 'auth' && connection.isAgreed) renew(credential(value), connection);
        else if (kind === 'bye' && farewell.answer()) return;
        // The first one was read before there was a connection to speak of.
        else if (kind !== 'hello' || isHelloRead) throw new ProtocolError(`a ${kind} out of place`);
        else isHelloRead = true;
      },
      onEarly(connection) {
        if (!pending) return;
        const agreement = pending;
        pending = undefined;
        // It has got the welcome: what is sent from now on has somewhere to go.
        peer.confirm();
        remember(() => enter(connection, agreement, endpoint, setup, parts));
      },
    },
    options,
  );
  const farewell = createFarewell(endpoint, throttle?.release);
  endpoint.incoming.receiver.begin(pid, cursor);
  endpoint.outgoing.begin(contents, () => beginning.end());
  return { ...endpoint, bye: farewell.bye, isIdle: farewell.isIdle };
}

/** Who has not read yet what is to be sent would not understand acks of that. The latest task is done then, or at once. */
function createBeginning() {
  let isOver = false;
  let waiting: () => unknown = noop;
  return {
    wait(task: () => unknown): void {
      if (isOver) task();
      else waiting = task;
    },
    end(): void {
      isOver = true;
      waiting();
    },
  };
}

/** Both sides use the codec that they have agreed on, from here on. */
function answer(connection: Connection, welcome: Welcome, { outgoing, isCurrent }: Endpoint, { codec, agreed }: ServerSideSetup): void {
  if (!isCurrent(connection)) return;
  if (codec.choose(agreed)) outgoing.outdate();
  connection.welcome();
  connection.send(controlFrame('welcome', welcome));
}

/** What the server wants, whoever comes. */
function termsOf({ agreed, attachment }: ServerSideSetup, options: ServerSideOptions) {
  const { pingInterval: ping, scheduler = asyncScheduler, window = 1_024, windowBytes: bytes = 1024 * 1024 } = options;
  const expires = expiryOf(attachment().principal, scheduler);
  return { window, bytes, ping, codec: agreed, ...(expires !== undefined && { expires }) };
}

/** Both sides go on; in a new session with numbers of its own. */
function enter(
  connection: Connection,
  agreement: Agreement,
  endpoint: Endpoint,
  { peer, store }: ServerSideSetup,
  { wait, fail }: Pick<EndpointParts, 'fail' | 'wait'>,
): void {
  if (!endpoint.isCurrent(connection)) return;
  const { sid, tokens } = peer.record;
  const begin = (): void => {
    // Also when that connection has died meanwhile: the session is stored, and the client knows of it.
    if (peer.record.sid === sid) peer.begin();
    endpoint.agree(connection, agreement);
  };
  // First the numbers of a new session, then its name: who crashes in between must not take the old ones for those.
  const keepName = (): Later<void> => (agreement.isKnown ? undefined : store.remember({ sid, rt: tokens.join(' ') }));
  endpoint.resume(agreement, () => wait(keepName, begin, fail));
}
