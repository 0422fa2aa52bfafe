import { catchError, EMPTY, finalize, isObservable, noop, Observable, type Observer, type SchedulerLike, Subscription, tap } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import { ConnectionLostError, UnsupportedError, OverflowError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { attempt, chain, type MaybeAsync } from '../../message/maybeAsync.js';
import { afterMicrotask, wallTime } from '../../message/steadyScheduler.js';
import { CloseCode } from '../../message/closeCode.js';
import { createCoalescedTimer, type CoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import type { Frame, Link } from '../../io/link.js';
import { createMessage } from '../../message/createMessage.js';
import type { HelloPayload, Message } from '../../message/types.js';
import { changedCodec } from '../changedCodec.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import type { ConnectionProgress } from '../limits/floodGuard.js';
import { type AnyWire, type Principal, PrincipalWire } from '../principal.js';
import { refuseWithoutHub } from '../hub/hubMessages.js';
import { randomName } from '../nodePlatform.js';
import { ServedClient, type EndReason } from '../session/servedClient.js';
import type { AcceptedWires } from '../session/servedSessions.js';
import { pongFor } from '../session/systemMessages.js';
import type { Report, SessionEvent } from '../../wire/session/sessionEvents.js';
import { scopedWait } from '../../wire/session/scopedWait.js';
import type { WireParts } from '../../wire/wire.js';
import { envelopeLink } from '../../wire/envelope/envelopeProtocol.js';
import type { Bucket, Rates } from '../limits/rateLimit.js';
import type { WiresOptions } from '../serverOptions.js';

/**
 * Creates the registry of the clients of a server that speak envelopes, by the secret of each
 * client.
 */
export function createEnvelopeWires(options: AcceptedWires) {
  const { emit, codecs, endpoint, system, scheduler, quota, rates } = options;
  const clients = new Map<string | symbol, EnvelopeClient>();
  const life = new Subscription();
  const wait = scopedWait(life);
  const open = (connection: IncomingConnection, { codec, hello }: Introduction): AnyWire => {
    const client = new EnvelopeClient(connection, options, codec, hello !== undefined);
    const key = hello?.session ?? Symbol();
    const release = quota.take(client.owner);
    const limit = rates?.enter(client.owner);
    const { id } = client;
    clients.set(key, client);

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
      protocol: () => client.latest.protocol,
      open: (parts: WireParts) => {
        const report = (event: SessionEvent): void => client.report(event);
        const onFlood = (): void => client.latest.close(CloseCode.FLOOD, 'the client sent too many messages');
        const reader = rates && limit ? throttledCodec(codec, limit.bucket, rates, report, onFlood) : codec;
        const messages = envelopeLink(client.link(parts), reader, settings, parts, report);
        const refusing: Link<Message> = (outgoing) => messages(outgoing).pipe(tap((message) => refusePublish(wire, message)));
        return completeOnError(refusing, client, leave);
      },
    };
    const wire: PrincipalWire<Principal | undefined> = new PrincipalWire(setup, client, options, hello?.session);
    return wire;
  };

  return {
    /**
     * Makes the wire of a new client. A client that has its wire already continues with it. A
     * client is refused if the session belongs to another principal, or the principal has too many
     * wires.
     */
    accept(connection: IncomingConnection): void {
      const failed = (error: unknown): void => connection.refuse(error);
      const enter = (introduction: Introduction): void => {
        const client = introduction.hello && clients.get(introduction.hello.session);
        if (!client) emit(open(connection, introduction));
        else if (client.owner === connection.principal?.id) client.takeOver(connection);
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
      for (const client of clients.values()) {
        const encoded = attempt(
          () => client.codec.encode([{ ...message, source: client.id }]),
          (frame) => client.send(frame),
          noop,
        );
        if (isObservable(encoded)) encoded.subscribe();
      }
    },
    /** Ends all wires; the clients may look for another server. */
    close: (): void => {
      for (const client of [...clients.values()]) client.end('stopped');
      life.unsubscribe();
    },
  };
}

/** A client that speaks envelopes: its connections are one link. */
class EnvelopeClient extends ServedClient {
  readonly codec: Codec;
  readonly id = randomName();
  /** Without a hello, each connection is a new client. */
  protected readonly returns: boolean;
  protected readonly host = { receive: (frame: Frame): void => this.#to.next(frame) };
  #to!: Observer<Frame>;
  #outgoing!: Observable<Frame>;
  #sending: Subscription | undefined;
  #expiry: CoalescedTimer | undefined;
  #parts!: WireParts;
  /** The number of messages that the client has acked. */
  #acked = 0;

  constructor(connection: IncomingConnection, options: WiresOptions, codec: Codec, returns: boolean) {
    super(connection, options);
    this.codec = codec;
    this.returns = returns;
  }

  /** Returns the connections as a link that outlives them, for one subscriber. */
  link(parts: WireParts): Link<Frame> {
    this.#parts = parts;
    return (outgoing) =>
      new Observable((to) => {
        this.#to = to;
        this.#outgoing = outgoing;
        to.add(() => this.leave(() => this.#stop()));
        this.attach();
      });
  }
  send(frame: Frame): void {
    if (this.#sending) this.latest.send(frame);
  }
  report(event: SessionEvent): void {
    if (event.kind === 'receipt' && event.receipt.status === 'acked') this.#acked++;
    this.#parts.report(event);
  }
  /** Ends the wire with an error, and reports it. */
  fail(error: unknown): void {
    const [closeCode, reason] = this.failWith(error);
    this.report({ kind: 'closed', closeCode, reason });
    this.report({ kind: 'error', error });
  }
  protected moved(): ConnectionProgress {
    const { messagesReceived, errors } = this.#parts.traffic;
    return { steps: 2 * (messagesReceived + this.#acked) + errors, open: this.options.window };
  }
  protected attached(connection: IncomingConnection): void {
    const sending = (this.#sending = new Subscription());
    sending.add(
      this.#outgoing.subscribe({
        next: (frame) => connection.send(frame),
        error: (error: unknown) => connection.end(error),
        complete: () => connection.close(),
      }),
    );
    if (this.#sending !== sending) return;
    this.#watchExpiry(connection);
    this.receive(connection.first);
  }
  protected detached(): void {
    this.#stop();
  }
  protected ended(reason: EndReason): void {
    if (typeof reason === 'object') this.#to.error(reason.error);
    else this.#to.complete();
  }
  #stop(): void {
    this.#sending?.unsubscribe();
    this.#sending = undefined;
    this.#expiry?.clear();
  }
  #watchExpiry(connection: IncomingConnection): void {
    const { scheduler } = this.options;
    const { expiresAt = Infinity } = connection.principal ?? {};
    if (!(expiresAt < Infinity)) return;
    this.#expiry = createCoalescedTimer(scheduler, () => {
      // A timer fires too early when its delay had to be limited.
      if (wallTime(scheduler) < expiresAt) this.#watchExpiry(connection);
      else connection.close(CloseCode.EXPIRED, 'the credentials have expired');
    });
    this.#expiry.set(expiresAt - wallTime(scheduler));
  }
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

/**
 * Completes the link instead of failing it, and reports the error: a client that leaves is no
 * failure of the server.
 */
function completeOnError(link: Link<Message>, client: EnvelopeClient, onEnded: () => void): Link<Message> {
  return (outgoing) =>
    link(outgoing).pipe(
      catchError((error: unknown) => {
        client.fail(error);
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
  const decode: Codec['decode'] = (frame, context) => chain(codec.decode(frame, context), (batch) => batch.filter(accept));
  return changedCodec(codec, { decode });
}
