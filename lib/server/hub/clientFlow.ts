import { defer, finalize, mergeMap, Subject, take, type Observable } from 'rxjs';
import { asObservable, isLater, type MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { FlowControl, mayPass, memoryOf } from '../../channels/flowControl.js';
import type { ClientTurn } from './clientTurns.js';

/** Reads and sends the pages of one client, when its flow control lets it. */
export class ClientFlow extends FlowControl<Subject<undefined>> {
  constructor(
    readonly wire: Wire,
    readonly turn: ClientTurn,
  ) {
    super((turn$) => turn$.next(undefined));
  }

  /** Reserves bytes for a page that is read: its size is not known yet. */
  during<T>(bytes: number, page: MaybeAsync<T>): MaybeAsync<T> {
    if (!isLater(page)) return page;
    this.reserve(bytes);
    return asObservable(() => page).pipe(finalize(() => this.release(bytes)));
  }

  /**
   * Subscribes to the source when the client has acked enough.
   * @param source Gets a size in bytes.
   */
  read<T>(source: (maxBytes: number) => Observable<T>): Observable<T> {
    const readNow = (): Observable<T> =>
      asObservable(() => {
        const { pageBytes } = this;
        const page = this.turn(() => source(pageBytes));
        return this.during(pageBytes, page);
      });
    return defer(() => {
      if (!this.mustWait) return readNow();
      const turn$ = new Subject<undefined>();
      this.waiting.add(turn$);
      return turn$.pipe(
        take(1),
        mergeMap(readNow),
        finalize(() => this.waiting.delete(turn$)),
      );
    });
  }

  /** Sends a page. Resolves when the last message is acked or lost: to whether it was dropped. */
  send(messages: readonly Message[], bytes = memoryOf(messages)): Promise<boolean> {
    this.reserve(bytes);
    const last = messages.length - 1;
    messages.slice(0, last).forEach((message) => this.wire.next(message));
    const end = (error?: unknown): boolean => {
      this.release(bytes);
      return mayPass(error);
    };
    return this.wire.send(messages[last] as Message).then(() => end(), end);
  }
}
