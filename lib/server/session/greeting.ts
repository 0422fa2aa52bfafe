import { asyncScheduler, noop } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { Connection } from '../../session/connection.js';
import type { Agreement, Endpoint, EndpointParts } from '../../session/endpoint.js';
import { controlFrame } from '../../session/frames.js';
import type { Welcome } from '../../session/handshake.js';
import { expiryOf } from '../identified.js';
import type { Farewell } from './farewell.js';
import type { ServerSideOptions, ServerSideSetup } from './serverSideSetup.js';

type Parts = Pick<EndpointParts, 'fail' | 'wait'>;

/** How both sides get to know each other on a connection. The hello was read already: this answers it. */
export function createGreeting(
  setup: ServerSideSetup,
  parts: Parts,
  options: ServerSideOptions,
  known: () => readonly [Endpoint, Farewell],
) {
  const { pid, peer, attachment } = setup;
  const { pingInterval: ping, inbox } = options;
  /** Of the connection there is, until it is agreed. */
  let pending: Agreement | undefined;
  let isHelloRead = false;
  const beginning = createBeginning();
  const remember = (then: () => void): void => parts.wait(() => inbox?.remember(pid, peer.record), then, parts.fail);

  return {
    /** What is to be sent is read. */
    begin: () => beginning.end(),
    greet(connection: Connection): void {
      const [endpoint, farewell] = known();
      const { n, rx: theirs = 0, ...allowance } = attachment().hello();
      const { goesOn, ...greeting } = peer.greet(attachment().hello());
      const welcome: Welcome = { ...greeting, n, rx: endpoint.incoming.receiver.rx, id: endpoint.id, ...termsOf(setup, options) };
      pending = { rx: goesOn ? theirs : 0, isKnown: goesOn, allowance, ping };
      isHelloRead = false;
      farewell.over(connection);
      remember(() => beginning.wait(() => answer(connection, welcome, endpoint, setup)));
    },
    /** The first one was read before there was a connection to speak of. @throws {ProtocolError} When it is another. */
    readHello(): void {
      if (isHelloRead) throw new ProtocolError('a hello out of place');
      isHelloRead = true;
    },
    /** The client has got the welcome: what is sent from now on has somewhere to go. */
    agree(connection: Connection): void {
      if (!pending) return;
      const agreement = pending;
      pending = undefined;
      peer.confirm();
      remember(() => enter(connection, agreement, known()[0], setup, parts));
    },
  };
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
  { peer, store, onAgreed }: ServerSideSetup,
  { wait, fail }: Pick<EndpointParts, 'fail' | 'wait'>,
): void {
  if (!endpoint.isCurrent(connection)) return;
  const { sid, tokens } = peer.record;
  const begin = (): void => {
    // Also when that connection has died meanwhile: the session is stored, and the client knows of it.
    if (peer.record.sid === sid) peer.begin();
    endpoint.agree(connection, agreement);
    onAgreed();
  };
  // First the numbers of a new session, then its name: who crashes in between must not take the old ones for those.
  const keepName = (): MaybeAsync<void> => (agreement.isKnown ? undefined : store.remember({ sid, rt: tokens.join(' ') }));
  endpoint.resume(agreement, () => wait(keepName, begin, fail));
}
