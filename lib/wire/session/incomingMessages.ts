import { watchHeld } from '../../message/development.js';
import type { ReceiveProgress } from '../../core/receiveProgress.js';
import type { MessageRejection } from '../../core/rejection.js';
import type { SessionCore } from '../../core/sessionCore.js';
import type { CoreEvent } from '../../core/coreTypes.js';
import { OverflowError, type RxwireError } from '../../message/errors.js';
import { longTimer } from '../../operators/timing/longTimer.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import { backoffDelays } from '../../operators/retryBackoff.js';
import type { FullEndpointOptions } from './sessionOptions.js';
import { createDeadLetter } from '../createDeadLetter.js';
import { deliver, type DeliverySession, type ClaimOutcome, type SessionCapabilities } from './messageClaim.js';
import type { HostUser } from './hostTypes.js';
import type { DeadLetter } from '../../stores/deadLetterStore.js';
import type { Wait } from './scopedWait.js';
import type { SessionEvent as ReportedEvent } from './sessionEvents.js';

/** The maximum length of the body that a dead letter keeps, in bytes or characters. */
const MAX_BODY = 65_536;
/** The delay before a failed dead letter is stored again, in ms: doubled with each failure. */
const MIN_RETRY_AFTER = 100;
const MAX_RETRY_AFTER = 30_000;

type UndecodableEvent = Extract<CoreEvent, { readonly kind: 'undecodable' }>;

export interface IncomingHost {
  readonly core: SessionCore;
  readonly codecName: string;
  readonly isOver: boolean;
  reportError(error: RxwireError): void;
  report(event: ReportedEvent): void;
  /** A message is processed, or rejected; the inbox stores its outcomes first. */
  commit(number: number, progress: ReceiveProgress, rejection: MessageRejection | undefined, outcomes: readonly ClaimOutcome[]): void;
  settled(number: number, progress: ReceiveProgress, rejection: MessageRejection | undefined): void;
}

/** The messages of the other side, from their arrival until they are processed. */
export class IncomingMessages implements DeliverySession {
  readonly canWrite: boolean;
  /** The number of messages without a number that are not processed. */
  unnumbered = 0;
  readonly #host: IncomingHost;
  readonly user: HostUser;
  readonly #options: FullEndpointOptions;
  readonly #emit: (message: Message) => void;
  /** The messages that wait, unacked, until the application subscribes; undefined from then on. */
  #held: (readonly [message: Message, number: number, progress: ReceiveProgress | undefined])[] | undefined = [];

  constructor(host: IncomingHost, options: FullEndpointOptions, user: HostUser, emit: (message: Message) => void) {
    this.canWrite = options.inbox !== undefined;
    this.#host = host;
    this.user = user;
    this.#options = options;
    this.#emit = emit;
  }

  open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [message, number, progress] of held) deliver(message, this.#emit, this, number, progress);
  }
  isOver(): boolean {
    return this.#host.isOver;
  }
  get deadLetter(): SessionCapabilities['deadLetter'] {
    const { inbox, deadLetters } = this.#options;
    // An inbox may store dead letters together with its progress.
    if (inbox && (!deadLetters || deadLetters === inbox.deadLetters)) return undefined;
    return this.user.deadLetter?.bind(this.user);
  }

  /** Delivers a message that has arrived, or holds it. One without a number may be dropped. */
  deliver(message: Message, number: number, current: ReceiveProgress): void {
    const { window } = this.#options;
    if (this.#host.isOver) return;
    if (number === 0) this.unnumbered++;
    const progress = number > 0 ? current : undefined;
    if (!this.#held) deliver(message, this.#emit, this, number, progress);
    else if (progress || this.unnumbered <= window) {
      watchHeld(this, () => this.#held !== undefined && !this.#host.isOver, message);
      this.#held.push([message, number, progress]);
    } else {
      this.#host.reportError(new OverflowError('messages before the first subscriber', window));
      this.settle(0, [], undefined);
    }
  }
  /** Marks a message as processed, or rejected. The first rejection of its outcomes counts. */
  settle(number: number, outcomes: readonly ClaimOutcome[], progress: ReceiveProgress | undefined, isAbandoned = false): void {
    const host = this.#host;
    if (number === 0) this.unnumbered--;
    if (isAbandoned || host.isOver) {
      for (const { onAbandoned } of outcomes) onAbandoned?.();
      return;
    }
    const found = outcomes.find((outcome) => outcome.rejection)?.rejection;
    const rejection = found && { number, ...found };
    if (this.canWrite) {
      host.commit(number, progress ?? host.core.incoming.progress, rejection, outcomes);
      return;
    }
    if (progress) host.settled(number, progress, rejection);
    for (const { onDone } of outcomes) onDone?.();
  }

  /**
   * Rejects the messages of a batch that cannot be decoded, when a dead letter keeps its bytes.
   * While the store of the letter fails, the messages are not acked, and the letter is stored
   * again.
   */
  reject({ first, count, body, numbers, attempts, progress, error }: UndecodableEvent, wait: Wait): void {
    const { codecName: codec, core } = this.#host;
    const { deadLetter } = this;
    const { scheduler } = this.#options;
    const report = (reason: unknown): void => this.#host.reportError(reason as RxwireError);
    const payload = { number: first, count, codec, size: body.length, body: body.slice(0, MAX_BODY) };
    const message = createMessage('system.undecodable', payload, { source: core.peer, scheduler });
    const letter = createDeadLetter(message, error, { attempts, scheduler });
    const rejection = { kind: 'undecodable', code: letter.reason, reason: letter.error } as const;
    const settle = (deadLetter?: DeadLetter): void =>
      numbers.forEach((number, index) => this.settle(number, [{ rejection, ...(index === 0 && { deadLetter }) }], progress));
    if (!deadLetter) {
      settle(letter);
      return;
    }
    const delayOf = backoffDelays({ initialInterval: MIN_RETRY_AFTER, maxInterval: MAX_RETRY_AFTER });
    let failures = 0;
    const store = (): void =>
      wait(
        () => deadLetter(letter),
        () => settle(),
        (reason) => {
          report(reason);
          wait(() => longTimer(delayOf(failures++), scheduler), store, report);
        },
      );
    store();
  }
}
