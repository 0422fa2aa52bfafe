import { Subscription, type SchedulerLike } from 'rxjs';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import type { ReceiveProgress } from '../../core/receiveProgress.js';
import type { MessageRejection } from '../../core/rejection.js';
import type { SessionCore } from '../../core/sessionCore.js';
import { NONE, type CoreEvent } from '../../core/coreTypes.js';
import {
  MessagesMissedError,
  NotEncryptedError,
  ProtocolError,
  type RxwireError,
  SessionLostError,
  StoreError,
} from '../../message/errors.js';
import { wallTime } from '../../message/steadyScheduler.js';
import { BAD_FRAMES } from '../../message/closeCode.js';
import type { Frame } from '../../io/link.js';
import type { Message } from '../../message/types.js';
import { countFrame, sizeError } from './encoding.js';
import { type Wait, scopedWait } from './scopedWait.js';
import { notifyFailed, type ClaimOutcome } from './messageClaim.js';
import type { SessionEvent as ReportedEvent } from './sessionEvents.js';
import { callCodec } from './hostCodec.js';
import type { HostConnection, HostOptions, HostOwner, HostUser } from './hostTypes.js';
import { IncomingMessages } from './incomingMessages.js';
import { OutgoingReporter } from './outgoingReporter.js';
import { SessionLoop, type LoopTask } from './sessionLoop.js';
import type { StoreWrites } from './storeWrites.js';

/** Runs one side of a session: takes inputs to the core, and handles its outputs. */
export class SessionHost<Core extends SessionCore = SessionCore> implements LoopTask {
  readonly core: Core;
  readonly messages: IncomingMessages;
  /** Whether the session has ended: then it acks and writes nothing more. */
  isOver = false;
  /** Called once, when all messages have their outcomes. */
  onEmpty: (() => void) | undefined;
  readonly #owner: HostOwner;
  readonly #options: HostOptions;
  readonly #user: HostUser;
  readonly #scheduler: SchedulerLike;
  readonly #maxFrame: number;
  readonly #reporter: OutgoingReporter;
  readonly #loop: SessionLoop;
  isScheduled = false;
  wakesAt = Infinity;
  /** Ends with the session. Created when the session waits for the first time. */
  #life: Subscription | undefined;
  readonly #stores: StoreWrites | undefined;
  /** Called once, when the session has ended and all outcomes are known. */
  #onFinished: (() => void) | undefined;
  #connection: HostConnection | undefined;
  /** Whether an effect was answered during the loop. */
  #hasAnswer = false;
  /** Whether a loop over the events runs. */
  #isHandling = false;

  /** @param loop Runs the host. @default a loop of its own */
  constructor(owner: HostOwner, core: Core, options: HostOptions, user: HostUser, stores?: StoreWrites, loop?: SessionLoop) {
    const { scheduler, microtask, maxFrame } = options;
    this.core = core;
    this.#owner = owner;
    this.#options = options;
    this.#scheduler = scheduler;
    this.#loop = loop ?? new SessionLoop(scheduler, microtask);
    core.outgoing.interest = user;
    this.#maxFrame = maxFrame;
    this.#user = user;
    this.messages = new IncomingMessages(this, options, user, (message) => owner.emit(message));
    this.#stores = stores;
    if (stores) stores.core.onCommitted = (number, progress, _, rejection) => this.settled(number, progress, rejection);
    this.#reporter = new OutgoingReporter(core.outgoing, options, this);
    this.report(this.#reporter);
    if (stores) this.#lifetime().add(stores.watch(this));
  }

  #lifetime(): Subscription {
    return (this.#life ??= new Subscription());
  }
  get wait(): Wait {
    return scopedWait(this.#lifetime());
  }
  /** The name of the codec that both sides have agreed on, or the best one. */
  get codecName(): string {
    return (this.core.outgoing.codec ?? this.#options.codecs[0])?.name ?? '';
  }
  get now(): number {
    return this.#scheduler.now();
  }
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }
  report(event: ReportedEvent): void {
    this.#user.report?.(event);
  }

  reportError(error: RxwireError): void {
    this.report({ kind: 'error', error });
  }

  // ---- The application

  /** Sends a message at the end of the microtask, together with all others until then. */
  send(message: Message): void {
    const { core } = this;
    if (message.metadata && isUnencrypted(message) && this.#options.codecs[0]?.isSealed !== true) {
      this.#reporter.refuse(message, new NotEncryptedError(message));
      return;
    }
    if (!core.outgoing.send(message)) return;
    if (this.#user.awaitsSteps()) this.#reporter.reportStep([message], 'queued');
    if (core.outputs.events !== NONE) this.#handleOutputs();
    if (!this.isScheduled) this.schedule();
  }

  /** From now on, requests the ack of each message at once, and the acks that wait. */
  drain(): void {
    const { outgoing, incoming, keepalive, phase } = this.core;
    outgoing.isDraining = true;
    if (!outgoing.isEmpty && incoming.lazyAcks && phase === 'agreed') keepalive.isPingDue = true;
    this.schedule();
  }
  giveUp(): void {
    this.core.outgoing.close();
    this.#handleEvents();
  }
  /** Ends the session: gives up its messages, and delivers, acks and sends nothing more. */
  end(): void {
    this.isOver = true;
    this.#connection = undefined;
    this.core.closed();
    this.giveUp();
    this.#stores?.abandon();
    this.#loop.remove(this);
    this.#lifetime().unsubscribe();
  }

  // ---- The connection

  /** Uses a connection. The caller has told the core: by `opened` or `accept`. */
  attach(connection: HostConnection): void {
    this.#connection = connection;
    this.run();
  }
  /** The connection has ended. Does nothing if another one has replaced it. */
  detach(connection: HostConnection): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.core.closed();
    this.run();
  }
  receive(frame: Frame): void {
    if (!this.#connection) return;
    const { core } = this;
    const now = this.#scheduler.now();
    countFrame(this.#user.traffic, 'bytesReceived', frame, now);
    const tooLarge = frame.length * 3 > this.#maxFrame ? sizeError(frame, this.#maxFrame) : undefined;
    if (tooLarge) {
      this.closeWith(tooLarge);
      return;
    }
    core.receive(frame, now);
    const { outputs } = core;
    if (outputs.events !== NONE || outputs.effects !== NONE) this.#handleOutputs();
    if (!this.isScheduled && (core.mayTransmit || core.timeout < this.wakesAt)) this.schedule();
  }
  /** Closes the connection normally, behind the waiting acks. Returns false if there is none. */
  close(): boolean {
    const connection = this.#connection;
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
    const connection = this.#connection;
    this.#connection = undefined;
    this.core.closed();
    connection?.close(code, reason);
  }
  /** Sends a waiting ack, and nothing else. */
  flushAcks(): void {
    const { incoming, outgoing, mayAck } = this.core;
    while (this.#connection && mayAck && incoming.isAckOwed)
      this.#send(this.#connection, incoming.rejectFrame(outgoing.maxFrame) ?? incoming.ackFrame(this.now), this.now);
  }
  #send(connection: HostConnection, frame: Frame, now: number): void {
    countFrame(this.#user.traffic, 'bytesSent', frame, now);
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
    while (this.#connection && this.#connection.isFull !== true) {
      const frame = core.transmit(now, date);
      if (frame === undefined) return;
      this.#send(this.#connection, frame, now);
    }
    // A slow connection must not keep the stores from writing.
    if (this.#stores) core.prepare(date);
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
            if ('codec' in effect) callCodec(effect, this, this.wait);
            else this.#stores?.run(effect, this, this.wait);
      } while (outputs.events !== NONE || outputs.effects !== NONE);
    } finally {
      this.#isHandling = false;
    }
    if (this.#onFinished && this.core.isEnded) {
      const onFinished = this.#onFinished;
      this.#onFinished = undefined;
      onFinished();
    }
    if (this.onEmpty && this.core.isSettled) {
      const { onEmpty } = this;
      this.onEmpty = undefined;
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
        if (event.number === 0 && this.#owner.allows?.() === false) break;
        if (event.message.type === 'system.ping') this.#owner.onPing?.(event.message, event.number > 0);
        this.messages.deliver(event.message, event.number, event.progress);
        break;
      case 'undecodable':
        this.messages.reject(event, this.wait);
        break;
      case 'sent':
      case 'stored':
        this.#reporter.reportStep(event.messages, event.kind);
        break;
      case 'outcome':
        this.#reporter.reportOutcome(event, this.codecName);
        break;
      case 'restored':
        if (this.#user.awaitsSteps()) this.#reporter.reportStep(event.messages, 'queued');
        break;
      case 'unreadable':
        for (let count = event.count; count > 0; count--) this.reportError(new StoreError('outbox', 'corrupt'));
        break;
      case 'effect-failed':
        this.#failEffect(event.effect as readonly ClaimOutcome[]);
        break;
      case 'store-failed':
        this.fail((this.#stores as StoreWrites).errorOf(event.store, event.fault));
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
        this.#owner.onConnectionEvent(event);
        break;
      case 'agreed':
        this.report({ kind: 'open' });
        this.#owner.onConnectionEvent(event);
        break;
      default:
        this.#owner.onConnectionEvent(event);
    }
  }

  /** Ends the session because of an error of its stores. */
  fail(error: unknown): void {
    if (this.isOver || this.#onFinished) return;
    this.#owner.onStoreFailing?.(error);
    const connection = this.#connection;
    // The owner ends the connection with its error, unless it leaves that to the host.
    this.finish(() => {
      this.#owner.onStoreFailed?.(error);
      connection?.close();
    });
  }
  /** Ends the session, and calls back, once, when all outcomes are known. */
  finish(then: () => void): void {
    this.#onFinished ??= then;
    this.core.end();
    this.#connection = undefined;
    this.#handleOutputs();
  }
  /** A handler may process the message again. Without one, the session ends. */
  #failEffect(outcomes: readonly ClaimOutcome[]): void {
    const { effectError } = this.#stores as StoreWrites;
    if (!notifyFailed(outcomes, effectError)) this.fail(effectError);
  }
  /** A message that has arrived is finished, with outcomes that the inbox stores. */
  commit(number: number, progress: ReceiveProgress, rejection: MessageRejection | undefined, outcomes: readonly ClaimOutcome[]): void {
    this.core.processed(number, progress, this.now, rejection, outcomes.length > 0 ? outcomes : undefined);
    this.schedule();
  }
  /** A message that has arrived is finished: its ack may be sent, unless the owner delays it. */
  settled(number: number, progress: ReceiveProgress, rejection: MessageRejection | undefined): void {
    (this.#owner.processed ? this.#owner : this).processed?.(number, progress, rejection);
  }
  /** A message is processed, or rejected: its ack is sent. */
  processed(number: number, progress: ReceiveProgress, rejection: MessageRejection | undefined): void {
    this.core.incoming.processed(number, progress, this.#scheduler.now(), rejection);
    if (!this.isScheduled) this.schedule();
  }
}
