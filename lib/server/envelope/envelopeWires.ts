import { catchError, EMPTY, finalize, isObservable, noop, Observable, type SchedulerLike, Subscription, tap } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import { ConnectionLostError, UnsupportedError, OverflowError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { attempt, chain, type MaybeAsync } from '../../message/maybeAsync.js';
import { afterMicrotask } from '../../message/steadyScheduler.js';
import { CloseCode } from '../../message/closeCode.js';
import type { Frame, Link } from '../../io/link.js';
import { createMessage } from '../../message/createMessage.js';
import type { HelloPayload, Message } from '../../message/types.js';
import type { AcceptedWires } from '../accept/incomingConnections.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import type { ConnectionProgress } from '../limits/floodGuard.js';
import { type AnyWire, type Principal, PrincipalWire } from '../principal.js';
import { refuseWithoutHub } from '../hub/hubMessages.js';
import { randomName } from '../nodePlatform.js';
import { ClientConnection, type ClientConnectionUser } from '../session/clientConnection.js';
import { pongFor } from '../session/systemMessages.js';
import type { Report, SessionEvent } from '../../wire/session/sessionEvents.js';
import { scopedWait } from '../../wire/session/scopedWait.js';
import type { WireParts } from '../../wire/wire.js';
import { envelopeLink } from '../../wire/envelope/envelopeProtocol.js';
import type { Bucket, Rates } from '../limits/rateLimit.js';

/**
 * Creates the registry of the clients of a server that speak envelopes, by the secret of each
 * client.
 */
export function createEnvelopeWires(options: AcceptedWires) {
  const { emit, refuse, codecs, endpoint, system, scheduler, quota, rates, window } = options;
  const clients = new Map<string | symbol, EnvelopeClient>();
  const life = new Subscription();
  const wait = scopedWait(life);
  const open = (connection: IncomingConnection, { codec, hello }: Introduction): AnyWire => {
    const clientConnection = new ClientConnection(connection, hello !== undefined, options);
    const key = hello?.session ?? Symbol();
    const release = quota.take(clientConnection.owner);
    const limit = rates?.enter(clientConnection.owner);
    const id = randomName();
    clients.set(key, { clientConnection, codec, id });

    const { delivery = 'at-least-once' } = hello ?? {};
    const onArrival = (message: Message): void => {
      const pong = pongFor(message, scheduler);
      // Later, as the first frame arrives while the wire is being made.
      if (!pong) return;
      afterMicrotask(() => wire.state.status === 'connected' && wire.next(pong), undefined);
    };
    const settings = {
      ...options,
      ...(hello && { firstMessage: welcome(id, scheduler) }),
      ...(system.pong && { onArrival }),
      ...({ id, delivery, reconnect: false } as const),
    };
    const leave = (): void => {
      clients.delete(key);
      release();
      limit?.leave();
    };
    const setup = {
      id,
      endpoint,
      delivery,
      scheduler,
      deadLetters: options.letters,
      protocol: () => clientConnection.latest.protocol,
      open: (parts: WireParts) => {
        const { report, moved } = progressOf(parts, window);
        const link = transportLink(clientConnection, report, moved);
        const onFlood = (): void => clientConnection.latest.close(CloseCode.FLOOD, 'the client sent too many messages');
        const reader = rates && limit ? throttledCodec(codec, limit.bucket, rates, report, onFlood) : codec;
        const messages = envelopeLink(link, reader, settings, parts, report);
        const refusing: Link<Message> = (outgoing) => messages(outgoing).pipe(tap((message) => refusePublish(wire, message)));
        return completeOnError(refusing, parts, clientConnection, leave);
      },
    };
    const wire: PrincipalWire<Principal | undefined> = new PrincipalWire(setup, clientConnection, options, hello?.session);
    return wire;
  };

  return {
    /**
     * Makes the wire of a new client. A client that has its wire already continues with it. A
     * client is refused if the session belongs to another principal, or the principal has too many
     * wires.
     */
    accept(connection: IncomingConnection): void {
      const failed = (error: unknown): void => refuse(connection, error);
      const enter = (introduction: Introduction): void => {
        const { clientConnection } = (introduction.hello && clients.get(introduction.hello.session)) ?? {};
        if (!clientConnection) emit(open(connection, introduction));
        else if (clientConnection.owner === connection.principal?.id) clientConnection.takeOver(connection);
        else throw new ConnectionLostError(CloseCode.FORBIDDEN, 'the session belongs to another client');
      };
      wait(
        () => readHello(connection.first, codecs),
        (introduction) => callSafely(() => enter(introduction), failed),
        failed,
      );
    },
    /** Sends a message to each connected client, once, without waiting for its ack. */
    announce(message: Message): void {
      for (const { clientConnection, codec, id } of clients.values()) {
        const encoded = attempt(
          () => codec.encode([{ ...message, source: id }]),
          (frame) => clientConnection.send(frame),
          noop,
        );
        if (isObservable(encoded)) encoded.subscribe();
      }
    },
    /** Ends all wires; the clients may look for another server. */
    close: (): void => {
      for (const { clientConnection } of [...clients.values()]) clientConnection.terminate();
      life.unsubscribe();
    },
  };
}

interface EnvelopeClient {
  readonly clientConnection: ClientConnection;
  readonly codec: Codec;
  readonly id: string;
}

/**
 * Returns a function that makes the welcome of each connection: the welcome says whether the wire
 * of the client still existed.
 */
function welcome(source: string, scheduler: SchedulerLike): () => Message {
  let resumed = false;
  return () => {
    const message = createMessage('system.welcome', { resumed }, { source, scheduler });
    resumed = true;
    return message;
  };
}

/** Refuses a message for a channel if no hub takes it. */
function refusePublish(wire: PrincipalWire<Principal | undefined>, message: Message): void {
  if (message.type !== 'channel.publish' || wire.servesChannels()) return;
  const send = (answer: Message): void => {
    if (wire.state.status === 'connected') wire.next(answer);
  };
  refuseWithoutHub(message, (error) => wire.report(error), send);
}

/** Counts the progress of a session by its events, for the flood guard. */
function progressOf(parts: WireParts, window: number) {
  let acked = 0;
  return {
    report: (event: SessionEvent): void => {
      if (event.kind === 'receipt' && event.receipt.status === 'acked') acked++;
      parts.report(event);
    },
    moved: (): ConnectionProgress => ({ steps: 2 * (parts.traffic.messagesReceived + acked) + parts.traffic.errors, open: window }),
  };
}

/**
 * Completes the link instead of failing it, and reports the error: a client that leaves is no
 * failure of the server.
 */
function completeOnError(link: Link<Message>, parts: WireParts, clientConnection: ClientConnection, onEnded: () => void): Link<Message> {
  return (outgoing) =>
    link(outgoing).pipe(
      catchError((error: unknown) => {
        const [closeCode, reason] = clientConnection.endWith(error);
        parts.report({ kind: 'closed', closeCode, reason });
        parts.report({ kind: 'error', error });
        return EMPTY;
      }),
      finalize(onEnded),
    );
}

/**
 * The first frame of a client: it begins with a `system.hello`, or, from a client that does not
 * support it, with any other message.
 */
interface Introduction {
  /** The codec of the client, for its whole life. */
  readonly codec: Codec;
  readonly hello: HelloPayload | undefined;
}

/** Secrets are random: 22 characters of 6 bits hold 128 bits. */
const MIN_SECRET = 22;
const MAX_SECRET = 256;

/**
 * @throws {DecodeError | InvalidMessageError | UnsupportedError} When no codec can read the frame,
 *   or its hello is invalid; also delivered.
 */
function readHello(frame: Frame, codecs: readonly Codec[]): MaybeAsync<Introduction> {
  const codec = codecs.find(({ binary, isSealed }) => !isSealed && binary === (typeof frame !== 'string'));
  if (!codec) throw new UnsupportedError(`the server has no codec for ${typeof frame === 'string' ? 'text' : 'binary'} frames`);
  return chain(codec.decode(frame), ([first]) => ({
    codec,
    hello: first?.type === 'system.hello' ? parseHello(first.payload) : undefined,
  }));
}

/** Validates the payload of a hello, which may be hostile. */
function parseHello(payload: unknown): HelloPayload {
  const { session, resume, delivery } = Object(payload) as { [K in keyof HelloPayload]?: unknown };
  if (typeof session !== 'string' || session.length < MIN_SECRET || session.length > MAX_SECRET) {
    throw new UnsupportedError(`system.hello: "session" must be a text of ${MIN_SECRET} to ${MAX_SECRET} characters`);
  }
  if (delivery !== 'at-most-once' && delivery !== 'at-least-once')
    throw new UnsupportedError('system.hello: "delivery" must be at-most-once or at-least-once');
  return { session, resume: resume === true, delivery };
}

/** Returns the client connection of a session as a link that outlives its connections. */
function transportLink(clientConnection: ClientConnection, report: Report, moved: ClientConnectionUser['moved']): Link<Frame> {
  return (outgoing) =>
    // eslint-disable-next-line no-restricted-syntax -- each connection subscribes to `outgoing`, and the client connection reports each connection
    new Observable((to) => {
      let sending = Subscription.EMPTY;
      const user: ClientConnectionUser = {
        report,
        moved,
        connected() {
          sending = new Subscription();
          sending.add(
            outgoing.subscribe({
              next: (frame) => clientConnection.send(frame),
              error: (error: unknown) => clientConnection.fail(error),
              complete: () => clientConnection.finish(),
            }),
          );
        },
        disconnected: () => sending.unsubscribe(),
        receive: (frame) => to.next(frame),
        failed: (error) => to.error(error),
        ended: () => to.complete(),
      };
      to.add(() => {
        sending.unsubscribe();
        clientConnection.leave();
      });
      clientConnection.use(user);
    });
}

/**
 * Returns a codec that drops the messages of a client above its rate limit. They are not acked, so
 * that an at-least-once client sends them again.
 *
 * @param onFlood Called when the client does not slow down.
 */
function throttledCodec(codec: Codec, bucket: Bucket, { window, perSecond }: Rates, report: Report, onFlood: () => void): Codec {
  let dropped = 0;
  const accept = ({ type }: Message): boolean => {
    // The server itself causes these messages.
    if (type === 'ack' || type === 'system.hello') return true;
    if (bucket.take(1) === 1) {
      dropped = 0;
      return true;
    }
    if (dropped++ === 0) report({ kind: 'error', error: new OverflowError('messages a second', perSecond) });
    if (dropped > window) onFlood();
    return false;
  };
  return { ...codec, decode: (frame, context) => chain(codec.decode(frame, context), (batch) => batch.filter(accept)) };
}
