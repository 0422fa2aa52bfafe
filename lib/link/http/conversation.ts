import { nanoid } from 'nanoid';
import { concat, defer, EMPTY, filter, map, mergeMap, ReplaySubject, take, tap, type Observable } from 'rxjs';
import type { Call, Caller } from './caller.js';
import { HttpHeader, LINK_LENGTH, RECORDS_TYPE } from './headers.js';
import type { FetchResponse } from './options.js';
import type { ReadAnswer } from './reading.js';
import type { Ending, Item } from './records.js';

/** How frames come down. */
export interface Downstream {
  /** What is asked for. */
  readonly accept: string;
  readonly read: ReadAnswer;
  /** What comes when the answer to the first request has been read. @param ask Asks for more, once. */
  readonly more: (ask: Observable<Item>) => Observable<Item>;
}

/** The requests of one link, numbered, under its name. */
export interface Conversation {
  /** Opens it, with what goes up first, and goes on for as long as it lasts: all that comes down. */
  readonly receive: (first: () => Uint8Array) => Observable<Item>;
  /** Sends a body, once it is open; completes when the server has it. */
  readonly post: (body: () => Uint8Array) => Observable<never>;
  /** Tells the server that it ends, if it has begun; completes when that knows. */
  readonly leave: (ending: Ending) => Observable<never>;
  /** Lets go of what has not been answered. */
  readonly abort: () => void;
}

/** How much longer than others a request may take that waits for something to happen, in ms. */
const PATIENCE = 50_000;

export function createConversation(call: Caller, { accept, read, more }: Downstream): Conversation {
  const link = { [HttpHeader.LINK]: nanoid(LINK_LENGTH) };
  const running = new Set<AbortController>();
  const opened$ = new ReplaySubject<void>(1);
  let posts = 0;
  let polls = 0;

  /** Each has a signal of its own: `fetch` would leave something behind on one that is shared. */
  const ask = <T>(request: Omit<Call, 'signal'>, onAnswer: (response: FetchResponse) => Observable<T>): Observable<T> =>
    defer(() => {
      const controller = new AbortController();
      running.add(controller);
      // One that has failed, or that nobody waits for any more, is still to be aborted.
      return call({ ...request, signal: controller.signal }, onAnswer).pipe(tap({ complete: () => running.delete(controller) }));
    });
  const send = <T>(body: Uint8Array, wanted: string, onAnswer: ReadAnswer | (() => Observable<T>)): Observable<T> => {
    const headers = { ...link, [HttpHeader.NUMBER]: String(++posts), accept: wanted, 'content-type': RECORDS_TYPE };
    return ask({ method: 'POST', headers, body }, onAnswer as () => Observable<T>);
  };
  const more$ = defer(() => {
    const headers = { ...link, [HttpHeader.NUMBER]: String(++polls), accept };
    return ask({ method: 'GET', headers, patience: PATIENCE }, read);
  });
  return {
    receive: (first) =>
      concat(
        defer(() =>
          send<Item>(first(), accept, (response) => {
            opened$.next();
            return read(response);
          }),
        ),
        more(more$),
      ),
    post: (body) =>
      opened$.pipe(
        take(1),
        // What was said first has gone up with the request that opened it: there may be nothing.
        map(body),
        filter(({ length }) => length > 0),
        mergeMap((what) => send<never>(what, '*/*', () => EMPTY)),
      ),
    leave: ({ code, reason }) =>
      defer(() => {
        if (posts === 0) return EMPTY;
        const headers = { ...link, [HttpHeader.CODE]: String(code), [HttpHeader.REASON]: percent(reason) };
        return call({ method: 'DELETE', headers, signal: new AbortController().signal }, () => EMPTY);
      }),
    abort: () => running.forEach((controller) => controller.abort()),
  };
}

/** As much of a text as a close frame of a WebSocket would hold, for a header. */
function percent(text: string): string {
  const room = new Uint8Array(123);
  // Whole characters only: half of one could not be read.
  const { written } = new TextEncoder().encodeInto(text, room);
  return Array.from(room.subarray(0, written), (byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}
