import type { Observer, SchedulerLike, Unsubscribable } from 'rxjs';
import type { ReceiveProgress } from '../../core/receiveProgress.js';
import type { Rejection } from '../../core/rejection.js';
import { ServerCore } from '../../core/serverCore.js';
import type { ReceivedHello, ServerHandshake } from '../../core/serverHandshake.js';
import { DrainTimeoutError, type RxwireError } from '../../message/errors.js';
import { CloseCode } from '../../message/closeCode.js';
import type { Delivery, Message } from '../../message/types.js';
import { expiryOf, goodbyeOf } from '../accept/authentication.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import type { ConnectionProgress } from '../limits/floodGuard.js';
import { Bucket } from '../limits/rateLimit.js';
import type { Principal, PrincipalWire } from '../principal.js';
import type { WiresOptions } from '../serverOptions.js';
import { refuseWithoutHub } from '../hub/hubMessages.js';
import { pongFor } from './systemMessages.js';
import { ServedClient, type EndReason } from './servedClient.js';
import { ServedHost, type HostOwner } from './servedHost.js';
import { countFrame } from '../../wire/session/encoding.js';
import type { SessionEvent } from '../../wire/session/sessionEvents.js';
import type { InboxLease } from '../../stores/inbox.js';
import type { DeadLetterStore } from '../../stores/deadLetterStore.js';
import type { Traffic } from '../../wire/connectionState.js';
import type { WireParts, WireSetup } from '../../wire/wire.js';
import type { ConnectionEvent } from '../../wire/session/hostTypes.js';
import type { SessionLoop } from '../../wire/session/sessionLoop.js';
import { ClientThrottle, type ThrottledClient } from './clientThrottle.js';
import type { ServedStores } from './servedStores.js';
import type { SessionCodec } from '../../core/coreTypes.js';

/**
 * The limits of fresh tokens that a client may send, per second and at once: each token is work for
 * `authenticate`.
 */
const TOKENS_PER_SECOND = 10;
const TOKENS_AT_ONCE = 100;

/** A client whose session begins. */
export interface NewClient {
  readonly handshake: ServerHandshake;
  readonly codec: SessionCodec;
  /**
   * The frame of the welcome that the client has answered; undefined for a known client, whose
   * session sends the welcome.
   */
  readonly welcome: string | undefined;
  /** Undefined if the server has no stores. */
  readonly stores: ServedStores | undefined;
  /** Ends the count of the quota, and the lease of the inbox. */
  readonly release: () => void;
}

/**
 * The session of one client: its core with its host, and its wire.
 *
 * The end of a session is no failure of the server: the wire completes, and reports the reason in
 * its `errors$`.
 */
export class ServedSession extends ServedClient implements WireSetup, HostOwner, ThrottledClient, Observer<Message>, Unsubscribable {
  readonly pid: string;
  readonly id: string;
  readonly delivery: Delivery;
  /** Ends the count of the quota, and the lease of the inbox. */
  readonly releasePlace: () => void;
  /** The wire of the session, which does not exist yet while the session is made. */
  wire!: PrincipalWire<Principal | undefined>;
  protected readonly returns = true;
  protected host!: ServedHost;
  readonly #loop: SessionLoop;
  readonly #onEnded: (session: ServedSession) => void;
  readonly #stores: ServedStores | undefined;
  /** The first handshake, until the core has it. */
  #client: NewClient | undefined;
  #traffic!: Traffic;
  #to!: Observer<Message>;
  /** Set while the wire sends its last messages. */
  #isDraining = false;
  #throttle: ClientThrottle | undefined;
  /** Limits the fresh tokens of the client. Created at the first one. */
  #tokens: Bucket | undefined;
  /** The check of a fresh token. The core sees to it that there is one at a time. */
  #renewal: Unsubscribable | undefined;

  constructor(
    connection: IncomingConnection,
    client: NewClient,
    loop: SessionLoop,
    options: WiresOptions,
    onEnded: (session: ServedSession) => void,
  ) {
    super(connection, options);
    const { pid, delivery } = connection.hello as ReceivedHello;
    this.pid = pid;
    this.id = client.handshake.id;
    this.delivery = delivery;
    this.#loop = loop;
    this.#client = client;
    this.#stores = client.stores;
    this.releasePlace = client.release;
    this.#onEnded = onEnded;
  }

  // ---- The wire

  get endpoint(): string {
    return this.options.endpoint;
  }
  get deadLetters(): DeadLetterStore {
    return this.options.letters;
  }
  get scheduler(): SchedulerLike {
    return this.options.scheduler;
  }
  get microtask(): SchedulerLike | undefined {
    return this.options.microtask;
  }
  protocol(): string {
    return this.latest.protocol;
  }

  open(parts: WireParts, to: Observer<Message>): this {
    const { handshake, welcome, stores } = this.#client as NewClient;
    const { rates, scheduler } = this.options;
    const { traffic } = parts;
    this.#traffic = traffic;
    this.#to = to;
    if (rates) this.#throttle = new ClientThrottle(this, rates, this.owner, scheduler);
    if (welcome !== undefined) countFrame(traffic, 'bytesSent', welcome, scheduler.now());
    const writes = stores?.writes;
    this.host = new ServedHost(this, new ServerCore(handshake, writes?.core), this.options, parts, writes, this.#loop);
    if (stores && welcome === undefined) stores.restore(this.host);
    this.attach();
    this.host.watchStores();
    parts.whenSubscribed(() => this.host.openMessages());
    return this;
  }

  next(message: Message): void {
    this.host.send(message);
  }
  /** Sends a message of the server at once, if the client is connected. */
  announce(message: Message): void {
    if (!this.host.isConnected) return;
    this.#traffic.messagesSent++;
    this.host.send(message);
    this.host.run();
  }
  error(error: unknown): void {
    this.end({ error });
  }
  /** Sends the remaining messages, then closes the connection and ends the session. */
  complete(): void {
    const [onTimeout, done] = [(error: RxwireError) => this.reportError(error), () => this.end('left')];
    this.#isDraining = true;
    this.host.drain(onTimeout, done);
  }
  /** The wire has ended. */
  unsubscribe(): void {
    this.leave(() => {
      // The client does not send messages again when it has received their delayed ack.
      this.host.flushAcks();
      this.host.end();
      this.#stores?.close();
      this.#throttle?.leave();
      this.#renewal?.unsubscribe();
      this.#onEnded(this);
    });
  }

  // ---- The connections

  /** The lease on the row of the client; undefined without an inbox. */
  get lease(): InboxLease | undefined {
    return this.#stores?.lease;
  }
  /** Whether the session ends when all writes of its outbox are answered. */
  get isEnding(): boolean {
    return this.host.core.phase === 'over';
  }
  /** Returns the code with which a hello is refused; undefined if it is welcome. */
  refusal({ principal }: IncomingConnection, hello: ReceivedHello): CloseCode | undefined {
    if (this.isEnding) return CloseCode.TRY_AGAIN_LATER;
    // Another principal must not learn that the session exists.
    return this.owner === principal?.id ? (this.host.core.refusal(hello) as CloseCode | undefined) : CloseCode.FORBIDDEN;
  }
  /** Takes the frames of a client that has answered its welcome, when its outbox is open. */
  proceed(connection: IncomingConnection): void {
    if (!this.#stores) connection.proceed();
    else if (!this.isOver) this.#stores.restore(this.host, () => connection.proceed());
  }
  protected attached(connection: IncomingConnection): void {
    const { core, now } = this.host;
    const client = this.#client;
    const hello = connection.hello as ReceivedHello;
    const expires = expiryOf(connection.principal, this.options.scheduler);
    if (client?.welcome !== undefined) core.welcomeSent(hello, client.codec, now, expires);
    else core.accept(hello, now, expires);
    this.#client = undefined;
    countFrame(this.#traffic, 'bytesReceived', connection.first, now);
    this.host.attach(connection);
  }
  protected detached(connection: IncomingConnection): void {
    if (this.#stores) this.#stores.isAgreed = false;
    this.#renewal?.unsubscribe();
    this.host.detach(connection);
  }
  /** Whether the client is connected, and the handshake is complete. */
  get #isHere(): boolean {
    const { phase } = this.host.core;
    return phase === 'agreed' || phase === 'leaving';
  }
  /** Completes the wire; with stores, when the outcomes of all messages are known. */
  protected ended(reason: EndReason): void {
    if (typeof reason === 'object') {
      if (this.#stores && this.isEnding) {
        this.failWith(reason.error);
        return;
      }
      this.onStoreFailing(reason.error);
    }
    if (!this.#stores) {
      this.#to.complete();
      return;
    }
    this.host.flushAcks();
    this.#stores.writes.end(this.host, () => this.#to.complete());
  }
  onStoreFailed(): void {
    this.#to.complete();
  }
  /** Tells the application and the client why the session ends. */
  onStoreFailing(error: unknown): void {
    const [closeCode, reason] = this.failWith(error, this.#stores?.isAgreed ?? this.#isHere);
    this.report({ kind: 'closed', closeCode, reason });
    this.report({ kind: 'error', error });
  }
  report(event: SessionEvent): void {
    // The connection may break while the session ends: that is no loss any more.
    if (!this.isOver) this.host.report(event);
  }
  /** Returns the progress of the session, for the guard against floods. */
  protected moved(): ConnectionProgress {
    const { window } = this.options;
    const { messagesReceived, errors } = this.#traffic;
    const { outgoing, incoming, reader } = this.host.core;
    // A throttled client makes progress only by the numbers that the server acks, also when it
    // skips numbers.
    const accepted = this.#throttle?.released ?? incoming.rx;
    const steps = messagesReceived + errors + accepted + 2 * outgoing.acked;
    return { steps, open: outgoing.sent - outgoing.acked + (reader?.unread ?? 0) + window };
  }

  // ---- The host

  emit(message: Message): void {
    const isRefused = message.type === 'channel.publish' && !this.wire.servesChannels();
    this.#to.next(message);
    if (!isRefused) return;
    const send = (answer: Message): void => {
      if (!this.#isDraining && !this.isOver) this.wire.next(answer);
    };
    refuseWithoutHub(message, (error) => this.reportError(error), send);
  }
  onPing(message: Message, isNumbered: boolean): void {
    const { system, scheduler } = this.options;
    const pong = system.pong && !this.#isDraining ? pongFor(message, scheduler) : undefined;
    if (!pong) return;
    this.#traffic.messagesSent++;
    this.host.send(isNumbered ? pong : { ...pong, delivery: 'at-most-once' });
  }
  onConnectionEvent(event: ConnectionEvent): void {
    if (event.kind === 'agreed' && this.#stores) this.#stores.isAgreed = true;
    else if (event.kind === 'auth') this.#renew(event.token);
  }
  #renew(token: string): void {
    const { scheduler } = this.options;
    const { latest } = this;
    this.#tokens ??= new Bucket(TOKENS_PER_SECOND, TOKENS_AT_ONCE, scheduler);
    if (this.#tokens.take(1) === 0) {
      latest.close(CloseCode.FLOOD, 'the client sent too many fresh tokens');
      return;
    }
    const renewed = (): void => {
      this.host.core.renewed(expiryOf(latest.principal, scheduler), this.host.now);
      this.host.schedule();
    };
    this.#renewal = latest.renew(token, renewed, (error) => latest.close(...goodbyeOf(error)));
  }

  // ---- The rate limit

  allows(): boolean {
    return this.#throttle?.allows() !== false;
  }
  delaysAck(number: number, progress: ReceiveProgress, rejection: Rejection | undefined): boolean {
    this.#throttle?.processed(number, progress, rejection);
    return this.#throttle !== undefined;
  }
  release(number: number, progress: ReceiveProgress, rejection: Rejection | undefined): void {
    this.host.release(number, progress, rejection);
  }
  reportError(error: RxwireError): void {
    this.report({ kind: 'error', error });
  }
  flooded(): void {
    this.latest.close(CloseCode.FLOOD, 'the client sent too many messages');
  }

  // ---- The end of the server

  /** Asks the client to send no more messages, and to reconnect in `retryAfter` ms. */
  bye(retryAfter: number): void {
    if (this.#isHere) this.host.core.leave(retryAfter);
    this.host.schedule();
    this.#throttle?.end();
  }
  /**
   * Returns whether the client has answered and both sides have processed all messages, or the
   * client is not connected.
   */
  isDrained(): boolean {
    const { hasLeft, outgoing, incoming } = this.host.core;
    const isIdle = this.#stores?.writes.core.isIdle !== false;
    return !this.#isHere || (hasLeft && isIdle && outgoing.isEmpty && incoming.progress.done === incoming.rx);
  }
  /** Gives up the messages that are left after `timeout` ms, and reports an error if any are. */
  endDrain(timeout: number): void {
    const left = this.host.giveUpRest();
    if (left) this.report({ kind: 'error', error: new DrainTimeoutError(left, timeout) });
  }
}
