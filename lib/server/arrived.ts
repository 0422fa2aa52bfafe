import type { IncomingMessage } from 'node:http';
import { Observable, of, type Observer, type SchedulerLike, type Subscriber, type Subscription, type Unsubscribable } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { createCoalescedTimer, type CoalescedTimer } from '../internal/coalescedTimer.js';
import { CloseCode } from '../link/closeCode.js';
import type { Frame, Link } from '../link/link.js';
import type { Hello } from '../session/protocol/handshake.js';
import type { Attachment } from './attachment.js';
import type { ServedLink } from './serveOptions.js';
import { readSessionHello } from './session/registry.js';

export interface ArrivedOptions {
  readonly helloTimeout: number;
  readonly scheduler: SchedulerLike;
  /** Told why a connection ended before its first frame. */
  readonly onRefused: (error: unknown) => void;
}

/** What a client that is still looked into may send meanwhile, in bytes. */
const MAX_EARLY = 256 * 1024;

/** What it costs to keep a frame, besides its bytes: one may have none. */
const OVERHEAD = 128;

/** A connection, from its beginning on; it is told once its first frame has come. */

export class Arrived implements Attachment, Observer<Frame>, Unsubscribable {
  first: Frame = '';
  readonly request: IncomingMessage | undefined;
  readonly protocol: string;
  readonly onIdentified: ServedLink['onIdentified'];
  readonly #options: ArrivedOptions;
  readonly #onFirst: (attachment: Attachment) => void;
  readonly #onEnded: (arrived: Arrived) => void;
  #isAttached = false;
  #hello: Hello | undefined;
  #connection: Subscription | undefined;
  #tooLate: CoalescedTimer | undefined;
  /** Takes what goes to the client. */
  #peer: Subscriber<Frame> | undefined;
  /** Whoever reads what comes; until then it waits. */
  #reader: Observer<Frame> | undefined;
  #early: Frame[] | undefined;
  #earlyBytes = 0;
  #leaving: Subscriber<unknown> | undefined;
  #end: { readonly error?: unknown } | undefined;

  constructor(
    { request, protocol = 'custom', onIdentified }: ServedLink,
    options: ArrivedOptions,
    onFirst: (attachment: Attachment) => void,
    onEnded: (arrived: Arrived) => void,
  ) {
    this.request = request;
    this.protocol = protocol;
    this.onIdentified = onIdentified;
    this.#options = options;
    this.#onFirst = onFirst;
    this.#onEnded = onEnded;
  }

  begin(link: Link<Frame>): void {
    const { helloTimeout, scheduler } = this.#options;
    if (helloTimeout < Infinity) {
      this.#tooLate = createCoalescedTimer(scheduler, () => this.close(CloseCode.HELLO_TIMEOUT, 'no hello'));
      this.#tooLate.set(helloTimeout);
    }
    const toPeer$ = new Observable<Frame>((peer) => void (this.#peer = peer));
    this.#connection = link(toPeer$).subscribe(this);
  }

  hello(): Hello {
    return (this.#hello ??= readSessionHello(this.first));
  }

  open(reader: Observer<Frame>): void {
    // What comes meanwhile waits behind what is there.
    const early = this.#early ?? [];
    early.unshift(this.first);
    for (let frame = early.shift(); frame !== undefined && this.#early; frame = early.shift()) reader.next(frame);
    // It may have been left meanwhile.
    if (!this.#early) return;
    this.#early = undefined;
    this.#reader = reader;
    if (this.#end) tell(reader, this.#end);
    // Only what comes over requests is still to show whose it is, by the token that it began with.
    else if (!this.onIdentified || !this.#hello) this.first = '';
  }

  leave(): void {
    this.#early = undefined;
    this.#reader = undefined;
  }

  send(frame: Frame): void {
    this.#peer?.next(frame);
  }

  finish(): void {
    this.#peer?.complete();
  }

  fail(error: unknown): void {
    this.#peer?.error(error);
  }

  close(code: CloseCode, reason: string): void {
    this.fail(new ConnectionLostError(code, reason));
  }

  left(): Observable<unknown> {
    if (this.#end) return of(true);
    return new Observable((to) => {
      this.#leaving = to;
      return () => (this.#leaving = undefined);
    });
  }

  next(frame: Frame): void {
    if (!this.#isAttached) this.#begun(frame);
    else if (this.#early) this.#keep(this.#early, frame);
    else this.#reader?.next(frame);
  }

  error(error: unknown): void {
    if (!this.#isAttached) this.#options.onRefused(error);
    this.#over({ error });
  }

  complete(): void {
    this.#over({});
  }

  unsubscribe(): void {
    this.#tooLate?.clear();
    this.#connection?.unsubscribe();
  }

  #begun(first: Frame): void {
    this.#isAttached = true;
    this.#tooLate?.clear();
    this.#tooLate = undefined;
    this.first = first;
    this.#early = [];
    this.#onFirst(this);
  }

  #keep(early: Frame[], frame: Frame): void {
    early.push(frame);
    this.#earlyBytes += frame.length + OVERHEAD;
    if (this.#earlyBytes > MAX_EARLY) this.close(CloseCode.TRY_AGAIN_LATER, 'too much before it was welcome');
  }

  #over(end: { readonly error?: unknown }): void {
    this.#end = end;
    this.#tooLate?.clear();
    if (this.#reader) tell(this.#reader, end);
    this.#leaving?.next(true);
    this.#onEnded(this);
  }
}

function tell(reader: Observer<Frame>, end: { readonly error?: unknown }): void {
  if ('error' in end) reader.error(end.error);
  else reader.complete();
}
