import { ReplaySubject, Subject, takeUntil, type Observable, type Observer, type Subscription } from 'rxjs';
import type { Message } from '../../message/types.js';
import type { Presence } from './presence.js';

export interface ChannelParts {
  readonly name: string;
  readonly messages$: Observable<Message>;
  readonly presence$: Observable<Presence>;
  readonly publish: (message: Message) => void;
}

/**
 * A channel as a Subject: `next` publishes, `subscribe` receives. `complete`, `error` and `unsubscribe` end it for the subscribers of this
 * object only.
 */
export class ChannelSubject extends Subject<Message> {
  readonly name: string;
  /** Emits all members first, then each change. */
  readonly presence$: Observable<Presence>;

  readonly #messages$: Observable<Message>;
  readonly #publish: (message: Message) => void;
  readonly #end$ = new ReplaySubject<void>(1);
  #listeners = 0;

  constructor({ name, messages$, presence$, publish }: ChannelParts) {
    super();
    this.name = name;
    this.#messages$ = messages$.pipe(takeUntil(this.#end$));
    this.presence$ = presence$.pipe(takeUntil(this.#end$));
    this.#publish = publish;
  }

  /** Whether this object has subscribers. */
  override get observed(): boolean {
    return this.#listeners > 0;
  }

  override next(message: Message): void {
    if (!this.closed) this.#publish(message);
  }

  override complete(): void {
    this.closed = true;
    this.#end$.next();
  }

  override error(error: unknown): void {
    this.closed = true;
    this.#end$.error(error);
  }

  override unsubscribe(): void {
    this.complete();
  }

  override subscribe(observer?: Partial<Observer<Message>> | ((message: Message) => void) | null): Subscription;
  override subscribe(...args: [Partial<Observer<Message>>?]): Subscription {
    const subscription = this.#messages$.subscribe(...args);
    if (subscription.closed) return subscription;
    this.#listeners++;
    subscription.add(() => this.#listeners--);
    return subscription;
  }
}
