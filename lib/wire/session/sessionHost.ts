import { Subscription, type SchedulerLike } from 'rxjs';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { NONE, type CoreEvent } from '../../core/coreTypes.js';
import { lastOf } from '../../core/outgoingBatch.js';
import type { ReceiveProgress } from '../../core/receiveProgress.js';
import type { Rejection } from '../../core/rejection.js';
import type { SessionCore } from '../../core/sessionCore.js';
import type { Frame } from '../../io/link.js';
import { BAD_FRAMES } from '../../message/closeCode.js';
import { watchHeld } from '../../message/development.js';
import {
  DrainTimeoutError,
  HandlerError,
  MessagesMissedError,
  NotEncryptedError,
  OverflowError,
  ProtocolError,
  type RxwireError,
  SessionLostError,
  type UndeliveredMessages,
} from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { MAX_IDS } from '../../message/errors/undeliveredErrors.js';
import type { PendingStatus, Receipt, ReceiptStatus } from '../../message/receipt.js';
import { afterMicrotask, wallTime } from '../../message/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import { createCoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import { countFrame, sizeError } from './encoding.js';
import type { ConnectionEvent, HostConnection, HostOptions, HostUser } from './hostTypes.js';
import { deliver, type ClaimOutcome, type DeliverySession, type SessionCapabilities } from './messageClaim.js';
import { outcomeError } from './outcomeError.js';
import { type Wait, scopedWait } from './scopedWait.js';
import type { MessageStep, OutgoingMessages, SessionEvent } from './sessionEvents.js';
import { SessionLoop, type LoopTask } from './sessionLoop.js';
import type { StoreUser, StoreWrites } from './storeWrites.js';
import { storeUndecodable } from './undecodable.js';

type OutcomeEvent = Extract<CoreEvent, { readonly kind: 'outcome' }>;

/** How long the other side may take to close the connection after a drain, in ms. */
const CLOSE_TIMEOUT = 5_000;

/**
 * Runs one side of a session: takes inputs to the core, and handles its outputs. `ClientHost` and
 * `ServedHost` add how a connection begins.
 *
 * It has three lifetimes: that of the wire, of the session (until {@link end}), and of each
 * connection (from {@link attach} to {@link detach}).
 */
export abstract class SessionHost<Core extends SessionCore = SessionCore>
  implements LoopTask, DeliverySession, OutgoingMessages, StoreUser
{
  readonly core: Core;
  readonly canWrite: boolean;
  readonly user: HostUser;
  isScheduled = false;
  wakesAt = Infinity;
  /** Whether the session has ended: then it delivers, acks and writes nothing more. */
  isOver = false;
  protected readonly options: HostOptions;
  protected readonly stores: StoreWrites | undefined;
  readonly #scheduler: SchedulerLike;
  readonly #loop: SessionLoop;
  /** Ends with the session. Created when the session waits for the first time. */
  #life: Subscription | undefined;
  protected connection: HostConnection | undefined;
  /** The messages that wait, unacked, until the application subscribes; undefined from then on. */
  #held: (readonly [message: Message, number: number, progress: ReceiveProgress | undefined])[] | undefined = [];
  /** The number of messages without a number that are not processed. */
  #unnumbered = 0;
  /** Called once, when all messages have their outcomes. */
  #onEmpty: (() => void) | undefined;
  /** Whether an effect was answered during the loop. */
  #hasAnswer = false;
  /** Whether a loop over the events runs. */
  #isHandling = false;

  /** @param loop Runs the host. @default a loop of its own */
  constructor(core: Core, options: HostOptions, user: HostUser, stores?: StoreWrites, loop?: SessionLoop) {
    const { scheduler, microtask } = options;
    this.core = core;
    this.options = options;
    this.user = user;
    this.stores = stores;
    this.canWrite = options.inbox !== undefined;
    this.#scheduler = scheduler;
    this.#loop = loop ?? new SessionLoop(scheduler, microtask);
    core.outgoing.interest = user;
    this.report({ kind: 'started', session: this });
    if (stores?.core.inbox) stores.core.inbox.onCommitted = (...committed) => this.settled(...committed);
  }
  /** Handles the faults of the outbox, which may come at once. */
  watchStores(): void {
    if (this.stores) this.life.add(this.stores.watch(this));
  }

  /** Ends with the session. */
  protected get life(): Subscription {
    return (this.#life ??= new Subscription());
  }
  get wait(): Wait {
    return scopedWait(this.life);
  }
  get now(): number {
    return this.#scheduler.now();
  }
  get isConnected(): boolean {
    return this.connection !== undefined;
  }
  /** The name of the codec that both sides have agreed on, or the best one. */
  get codecName(): string {
    return (this.core.outgoing.codec ?? this.options.codecs[0])?.name ?? '';
  }
  report(event: SessionEvent): void {
    this.user.report?.(event);
  }
  reportError(error: RxwireError): void {
    this.report({ kind: 'error', error });
  }

  // ---- For the sides of a session

  /** Takes a message for the application. */
  protected abstract emit(message: Message): void;
  /** After `close`, the connection is closed already. */
  protected abstract onConnectionEvent(event: ConnectionEvent): void;
  /** Returns whether a message without a number is delivered. */
  protected allows(): boolean {
    return true;
  }
  /** Called with each new `system.ping`, before the application. */
  protected onPing?(message: Message, isNumbered: boolean): void;
  onStoreFailing?(error: unknown): void;
  abstract onStoreFailed(error: unknown): void;

  // ---- The messages of this side

  /** Sends a message at the end of the microtask, together with all others until then. */
  send(message: Message): void {
    const { core } = this;
    const { outgoing } = core;
    if (message.metadata && isUnencrypted(message) && this.options.codecs[0]?.isSealed !== true) {
      if (!outgoing.pending.has(message.id)) this.#giveUp(message, new NotEncryptedError(message), 'dead');
      return;
    }
    if (!outgoing.send(message)) return;
    if (this.user.awaitsSteps()) this.#reportStep([message], 'queued');
    if (core.outputs.events !== NONE) this.#handleOutputs();
    if (!this.isScheduled) this.schedule();
  }
  get pending(): ReadonlyMap<string, Message> {
    return this.core.outgoing.pending;
  }
  steps(): readonly MessageStep[] {
    const { batches, sent, outbox } = this.core.outgoing;
    return batches.map((batch) => {
      const step = lastOf(batch) <= sent ? 'sent' : outbox?.mayKeep(batch.messages) ? 'stored' : 'queued';
      return [step, batch.messages];
    });
  }
  isKept(id: string): boolean {
    return this.core.outgoing.outbox?.keeps(id) === true;
  }
  queued(): number {
    const { queued, last, tail } = this.core.outgoing;
    return queued + last - tail;
  }
  room(): number {
    return this.options.maxQueued - this.core.outgoing.queued;
  }
  awaitAnswer(change: 1 | -1): void {
    this.answer(() => (this.core.outgoing.unanswered += change));
  }

  /** Reports a step of messages. One without room in the queue has its outcome already. */
  #reportStep(messages: readonly Message[], status: PendingStatus): void {
    for (const { id } of messages)
      if (status !== 'queued' || this.pending.has(id)) this.report({ kind: 'receipt', receipt: { id, status } });
  }
  /** Reports a failure always, another outcome if the application waits. */
  #reportOutcome(event: OutcomeEvent): void {
    const { message, outcome, latency = 0 } = event;
    const { id } = message;
    if (outcome === 'sent' || outcome === 'acked' || outcome === 'dead-lettered') {
      const processed = outcome === 'acked' ? 'processed' : outcome;
      const receipt: Receipt = processed === 'sent' ? { id, status: processed } : { id, status: 'acked', latency, outcome: processed };
      if (this.user.awaitsAcks()) this.report({ kind: 'receipt', receipt });
    } else {
      const error = outcomeError(event, this.codecName, this.core.outgoing, this.options.maxQueued);
      this.#giveUp(message, error, outcome === 'refused' || outcome === 'expired' ? outcome : 'dead');
    }
  }
  #giveUp(message: Message, error: RxwireError, status: ReceiptStatus): void {
    const { onDead } = this.options;
    this.report({ kind: 'receipt', receipt: { id: message.id, status, error } });
    this.reportError(error);
    if (!onDead) return;
    callSafely(
      () => onDead(message, error),
      (cause) => this.reportError(new HandlerError(message, 1, cause)),
    );
  }

  // ---- The messages of the other side

  /** The application has subscribed: delivers the messages that wait for it, and all others. */
  openMessages(): void {
    if (this.isOver) return;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [message, number, progress] of held) deliver(message, this.#emit, this, number, progress);
  }
  readonly #emit = (message: Message): void => this.emit(message);

  get deadLetter(): SessionCapabilities['deadLetter'] {
    const { inbox, deadLetters } = this.options;
    // An inbox may store dead letters together with its progress.
    if (inbox && (!deadLetters || deadLetters === inbox.deadLetters)) return undefined;
    return this.user.deadLetter?.bind(this.user);
  }
  /** Delivers a message that has arrived, or holds it. One without a number may be dropped. */
  #deliver(message: Message, number: number, current: ReceiveProgress): void {
    const { window } = this.options;
    if (this.isOver) return;
    if (number === 0) this.#unnumbered++;
    const progress = number > 0 ? current : undefined;
    if (!this.#held) deliver(message, this.#emit, this, number, progress);
    else if (progress || this.#unnumbered <= window) {
      watchHeld(this, () => this.#held !== undefined && !this.isOver, message);
      this.#held.push([message, number, progress]);
    } else {
      this.reportError(new OverflowError('messages before the first subscriber', window));
      this.settle(0, [], undefined);
    }
  }
  /** Marks a message as processed, or rejected. The first rejection of its outcomes counts. */
  settle(number: number, outcomes: readonly ClaimOutcome[], progress: ReceiveProgress | undefined, isAbandoned = false): void {
    if (number === 0) this.#unnumbered--;
    if (isAbandoned || this.isOver) {
      for (const { onAbandoned } of outcomes) onAbandoned?.();
      return;
    }
    const found = outcomes.find((outcome) => outcome.rejection)?.rejection;
    const rejection = found && { number, ...found };
    if (this.canWrite) {
      (this.stores as StoreWrites).commit(number, progress ?? this.core.incoming.progress, rejection, outcomes);
      this.schedule();
      return;
    }
    if (progress) this.settled(number, progress, rejection);
    for (const { onDone } of outcomes) onDone?.();
  }
  /** A message that has arrived is finished: its ack may be sent. */
  settled(number: number, progress: ReceiveProgress, rejection: Rejection | undefined): void {
    this.core.incoming.processed(number, progress, this.#scheduler.now(), rejection);
    if (!this.isScheduled) this.schedule();
  }

  // ---- The end

  /**
   * Waits until all messages are acked, for `drainTimeout` at most; gives up the others, closes the
   * connection, and calls `done` when the other side had time to answer.
   *
   * @param onTimeout Called when messages were given up.
   */
  drain(onTimeout: (error: DrainTimeoutError) => void, done: () => void): void {
    const { drainTimeout, microtask } = this.options;
    const { outgoing, keepalive, phase } = this.core;
    const timer = createCoalescedTimer(this.#scheduler, () => onDrained());
    const finish = (): void => {
      const left = this.giveUpRest();
      if (left) onTimeout(new DrainTimeoutError(left, drainTimeout));
      if (!this.isOver) this.life.add(this.#scheduler.schedule(done, this.close() ? CLOSE_TIMEOUT : 0));
    };
    const onDrained = (): void => {
      this.#onEmpty = undefined;
      timer.clear();
      // A message that is being delivered, whose handler has completed the wire, is acked at the
      // end of the microtask.
      afterMicrotask(() => this.isOver || finish(), microtask);
    };
    // From now on, the ack of each message is requested at once, and the acks that wait.
    outgoing.isDraining = true;
    if (!outgoing.isEmpty && phase === 'agreed') keepalive.isPingDue = true;
    this.schedule();
    if (this.core.isSettled) {
      onDrained();
      return;
    }
    this.#onEmpty = onDrained;
    if (drainTimeout < Infinity) timer.set(drainTimeout);
    this.life.add(() => timer.clear());
  }
  /** Whether messages are left that a drain waits for. */
  protected get isAwaitingAcks(): boolean {
    return this.#onEmpty !== undefined;
  }
  /**
   * Gives up the messages that no outbox keeps. Returns all that are left; `undefined` if none is.
   */
  giveUpRest(): UndeliveredMessages | undefined {
    const { outgoing } = this.core;
    const count = outgoing.pending.size;
    if (count === 0) return undefined;
    const ids = [...outgoing.pending.keys()].slice(0, MAX_IDS);
    outgoing.close();
    this.#handleEvents();
    return { count, ids, kept: outgoing.pending.size };
  }
  halt(): void {
    this.core.end();
    this.connection = undefined;
    this.#handleOutputs();
  }
  /** Ends the session: gives up its messages, and delivers, acks and sends nothing more. */
  end(): void {
    this.isOver = true;
    this.connection = undefined;
    this.core.closed();
    this.core.outgoing.close();
    this.#handleEvents();
    this.stores?.abandon();
    this.#loop.remove(this);
    this.#life?.unsubscribe();
  }

  // ---- The connection

  /** Uses a connection. The caller has told the core: by `opened` or `accept`. */
  attach(connection: HostConnection): void {
    this.connection = connection;
    this.run();
  }
  /** The connection has ended. Does nothing if another one has replaced it. */
  detach(connection: HostConnection): void {
    if (connection !== this.connection) return;
    this.connection = undefined;
    this.core.closed();
    this.run();
  }
  receive(frame: Frame): void {
    if (!this.connection) return;
    const { core } = this;
    const { outputs } = core;
    const { maxFrame } = this.options;
    const now = this.#scheduler.now();
    countFrame(this.user.traffic, 'bytesReceived', frame, now);
    const tooLarge = frame.length * 3 > maxFrame ? sizeError(frame, maxFrame) : undefined;
    if (tooLarge) {
      this.closeWith(tooLarge);
      return;
    }
    core.receive(frame, now);
    if (outputs.events !== NONE || outputs.effects !== NONE) this.#handleOutputs();
    if (!this.isScheduled && (core.mayTransmit || core.timeout < this.wakesAt)) this.schedule();
  }
  /** Closes the connection normally, behind the waiting acks. Returns false if there is none. */
  close(): boolean {
    const connection = this.connection;
    this.flushAcks();
    connection?.close();
    return connection !== undefined;
  }
  /** Reports an error of the other side, and closes the connection with 4400. */
  closeWith(error: RxwireError): void {
    this.reportError(error);
    this.#close(BAD_FRAMES, error instanceof ProtocolError ? error.reason : error.text);
  }
  #close(code: number, reason: string): void {
    const connection = this.connection;
    this.connection = undefined;
    this.core.closed();
    connection?.close(code, reason);
  }
  /** Sends a waiting ack, and nothing else. */
  flushAcks(): void {
    const { incoming, outgoing, mayAck } = this.core;
    while (this.connection && mayAck && incoming.isAckOwed)
      this.#send(this.connection, incoming.rejectFrame(outgoing.maxFrame) ?? incoming.ackFrame(this.now), this.now);
  }
  #send(connection: HostConnection, frame: Frame, now: number): void {
    countFrame(this.user.traffic, 'bytesSent', frame, now);
    connection.send(frame);
  }

  // ---- The loop

  schedule(): void {
    if (!this.isOver) this.#loop.schedule(this);
  }
  /** Runs the loop: handles the outputs of the core, and writes all frames that are due. */
  run(now = this.#scheduler.now(), date = wallTime(this.#scheduler)): void {
    if (this.isOver) return;
    const { core } = this;
    const { outputs } = core;
    if (now >= core.timeout) core.tick(now);
    if (date >= core.outgoing.nextExpiry) core.outgoing.expireWaiting(date);
    if (this.#isHandling) {
      this.schedule();
      return;
    }
    do {
      this.#hasAnswer = false;
      if (outputs.events !== NONE || outputs.effects !== NONE) this.#handleOutputs();
      this.#write(now, date);
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- an effect may be answered at once
    } while (outputs.events !== NONE || outputs.effects !== NONE || this.#hasAnswer);
    const at = Math.min(core.timeout, core.outgoing.nextExpiry - date + now);
    if (at < this.wakesAt) this.#loop.wake(this, at, now);
  }
  #write(now: number, date: number): void {
    const { core } = this;
    while (this.connection && this.connection.isFull !== true) {
      const frame = core.transmit(now, date);
      if (frame === undefined) return;
      this.#send(this.connection, frame, now);
    }
    // A slow connection must not keep the stores from writing.
    this.stores?.core.prepare(date);
  }

  /** Takes an answer to the core, and its effects. */
  answer(input: (core: SessionCore) => void): void {
    this.#hasAnswer = true;
    input(this.core);
    this.#handleOutputs();
    this.schedule();
  }
  /**
   * Handles all events and effects. A call during another one does nothing: the other one goes on.
   */
  #handleOutputs(): void {
    if (this.#isHandling) return;
    const { outputs } = this.core;
    this.#isHandling = true;
    try {
      do {
        this.#handleEvents();
        if (outputs.effects !== NONE)
          for (const effect of outputs.takeEffects())
            if (effect.kind === 'codec') effect.run(this);
            else this.stores?.run(effect, this);
      } while (outputs.events !== NONE || outputs.effects !== NONE);
    } finally {
      this.#isHandling = false;
    }
    if (this.core.isEnded) this.stores?.ended();
    if (this.#onEmpty && this.core.isSettled) {
      const onEmpty = this.#onEmpty;
      this.#onEmpty = undefined;
      onEmpty();
    }
  }
  /** Handles all events in order. A call during another one handles those that it has left. */
  #handleEvents(): void {
    const { outputs } = this.core;
    while (outputs.events !== NONE) this.#handle(outputs.takeEvent() as CoreEvent);
  }

  // ---- Events

  #handle(event: CoreEvent): void {
    switch (event.kind) {
      case 'message':
        if (event.number === 0 && !this.allows()) break;
        if (event.message.type === 'system.ping') this.onPing?.(event.message, event.number > 0);
        this.#deliver(event.message, event.number, event.progress);
        break;
      case 'undecodable':
        storeUndecodable(event, this, this.options.scheduler, this.wait);
        break;
      case 'queued':
      case 'sent':
      case 'stored':
        this.#reportStep(event.messages, event.kind);
        break;
      case 'outcome':
        this.#reportOutcome(event);
        break;
      case 'latency':
        this.report(event);
        break;
      case 'decode-failed':
        this.report({ kind: 'error', error: event.error });
        break;
      case 'missed':
        this.reportError(new MessagesMissedError(event.count));
        break;
      case 'forgotten':
        this.reportError(new SessionLostError());
        break;
      case 'close':
        if (event.code === BAD_FRAMES && !event.isReported) this.reportError(new ProtocolError(event.reason));
        this.#close(event.code, event.reason);
        this.onConnectionEvent(event);
        break;
      case 'agreed':
        this.report({ kind: 'open' });
        this.onConnectionEvent(event);
        break;
      case 'expires':
      case 'auth':
      case 'bye':
        this.onConnectionEvent(event);
        break;
      default:
        this.stores?.handle(event, this);
    }
  }
}
