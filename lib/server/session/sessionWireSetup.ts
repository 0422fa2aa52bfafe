import { Observable, type SchedulerLike } from 'rxjs';
import type { Link } from '../../link/link.js';
import type { Delivery, Message } from '../../message/types.js';
import type { DeadLetterStore } from '../../session/store/deadLetterStore.js';
import type { WireParts, WireSetup } from '../../wire/wire.js';
import type { NewClient, ServerSessionOptions } from './awakeSession.js';
import type { ClaimedSession } from './sessionClaims.js';
import { ServerSession } from './serverSession.js';
import type { SessionTransport } from './transport.js';

/** A client that has a session in this process. */
export interface SessionEntry extends ClaimedSession {
  readonly transport: SessionTransport;
  /** The name of the codec, which stays. */
  readonly codec: string;
  /** The session, once it has begun. */
  session: ServerSession | undefined;
}

/** Makes the wire of a client. */
export class SessionWireSetup implements WireSetup {
  readonly id: string;
  readonly delivery: Delivery;
  readonly #entry: SessionEntry;
  readonly #options: ServerSessionOptions;
  readonly #onEnded: () => void;
  /**
   * The client, until its session has begun. Then the setup releases it, to save memory.
   */
  #client: NewClient | undefined;

  constructor(id: string, entry: SessionEntry, client: NewClient, options: ServerSessionOptions, onEnded: () => void) {
    this.id = id;
    this.delivery = client.delivery;
    this.#entry = entry;
    this.#options = options;
    this.#onEnded = onEnded;
    this.#client = client;
  }

  get endpoint(): string {
    return this.#options.endpoint;
  }

  get deadLetters(): DeadLetterStore {
    return this.#options.letters;
  }

  get scheduler(): SchedulerLike {
    return this.#options.scheduler;
  }

  get microtask(): SchedulerLike | undefined {
    return this.#options.microtask;
  }

  protocol(): string {
    return this.#entry.transport.latest.protocol;
  }

  open(parts: WireParts): Link<Message> {
    return (outgoing) =>
      new Observable((to) => {
        const client = this.#client;
        this.#client = undefined;
        if (!client) return;
        const session = new ServerSession(to, client, parts, this.id, this.#options, this.#onEnded);
        this.#entry.session = session;
        session.begin(outgoing);
      });
  }
}
