import { MessagesMissedError, type RxwireError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Receipt } from '../../../lib/message/receipt.js';
import type { Message } from '../../../lib/message/types.js';
import { claim, type Claim } from '../../../lib/wire/session/messageClaim.js';
import type { Wire } from '../../../lib/wire/wire.js';

/** The application on top of the implementation under test. */
export class Application {
  /** The ids of the messages that it got, in order. */
  readonly got: string[] = [];
  /** What came of the messages that it has sent, by their ids. */
  readonly outcomes = new Map<string, string>();
  readonly errors: string[] = [];
  missed = 0;
  isOver = false;
  #wire: Wire | undefined;
  readonly #claims = new Map<string, Claim>();

  constructor(
    private readonly holds: boolean,
    private readonly isWatching: boolean,
  ) {}

  use(wire: Wire): void {
    this.#wire = wire;
    wire.errors$.subscribe((error: RxwireError) => {
      this.errors.push(error.code);
      if (error instanceof MessagesMissedError) this.missed += error.count;
    });
    if (this.isWatching) wire.receipts$.subscribe((receipt) => this.#note(receipt));
    const end = (): void => void (this.isOver = true);
    wire.subscribe({ next: (message) => this.#receive(message), error: end, complete: end });
  }

  send(ids: readonly string[], fields: Readonly<Record<string, unknown>>, payload: unknown): void {
    for (const id of ids) this.#wire?.next(createMessage('conformance.message', payload, { id, timestamp: Date.now(), ...fields }));
  }

  finish(ids: readonly string[], kind?: 'dead-lettered' | 'refused'): void {
    for (const id of ids) this.#claims.get(id)?.end(kind ? { rejection: { kind, code: 'ERR_TEST', reason: 'a test' } } : {});
  }

  /** Ends the session when all is acked. */
  close(): void {
    this.#wire?.complete();
  }

  /** Lets go of the session, as a process that ends. */
  abandon(): void {
    this.#wire?.unsubscribe();
  }

  #receive(message: Message): void {
    this.got.push(message.id);
    const claimed = this.holds ? claim(message) : undefined;
    if (claimed) this.#claims.set(message.id, claimed);
  }

  #note({ id, status, outcome, error }: Receipt): void {
    if (status === 'acked') this.outcomes.set(id, outcome === 'dead-lettered' ? outcome : status);
    else if (status === 'dead') this.outcomes.set(id, DEAD[(error as RxwireError | undefined)?.code ?? ''] ?? status);
    else if (status !== 'queued' && status !== 'sent') this.outcomes.set(id, status);
  }
}

const DEAD: Readonly<Record<string, string>> = { ERR_IN_DOUBT: 'in-doubt', ERR_DECODE: 'undecodable' };
