import { defer, finalize, mergeMap, Subject, take, type Observable } from 'rxjs';
import { estimateSize } from '../../message/estimateSize.js';
import { asObservable, isLater, type MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { FlowControl, mayPass, OVERHEAD } from '../../channels/flowControl.js';
import type { ClientTurn } from './clientTurns.js';

export type ClientFlow = ReturnType<typeof createClientFlow>;

/** Estimates how much memory messages take until they are acked, in bytes. */
const memoryOf = (messages: readonly Message[]): number => messages.reduce((sum, { payload }) => sum + OVERHEAD + estimateSize(payload), 0);

/** Creates what reads and sends the pages of one client, when its flow control lets it. */
export function createClientFlow(wire: Wire, turn: ClientTurn) {
  const control = new FlowControl<Subject<undefined>>((turn$) => turn$.next(undefined));
  const { waiting } = control;

  const reserve = <T>(bytes: number, page: MaybeAsync<T>): MaybeAsync<T> => {
    if (!isLater(page)) return page;
    control.reserve(bytes);
    return asObservable(() => page).pipe(finalize(() => control.release(bytes)));
  };
  const readNow = <T>(source: (maxBytes: number) => Observable<T>): Observable<T> =>
    asObservable(() => {
      const maxBytes = control.pageBytes;
      const page = turn(() => source(maxBytes));
      return reserve(maxBytes, page);
    });
  return {
    wire,
    turn,
    isFull: () => control.isFull,
    /** Reserves bytes for what is read: its size is not known yet. */
    reserve,
    /**
     * Subscribes to the source when the client has acked enough.
     * @param source Gets a size in bytes.
     */
    read: <T>(source: (maxBytes: number) => Observable<T>): Observable<T> =>
      defer(() => {
        if (!control.mustWait) return readNow(source);
        const turn$ = new Subject<undefined>();
        waiting.add(turn$);
        return turn$.pipe(
          take(1),
          mergeMap(() => readNow(source)),
          finalize(() => waiting.delete(turn$)),
        );
      }),
    /** Sends a page. Resolves when the last message is acked or lost: to whether it was dropped. */
    send(messages: readonly Message[], bytes = memoryOf(messages)): Promise<boolean> {
      control.reserve(bytes);
      const last = messages.length - 1;
      messages.slice(0, last).forEach((message) => wire.next(message));
      const end = (error?: unknown): boolean => {
        control.release(bytes);
        return mayPass(error);
      };
      return wire.send(messages[last] as Message).then(() => end(), end);
    },
  };
}
