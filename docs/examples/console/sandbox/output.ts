import type { Readable } from 'node:stream';
import {
  concat,
  defer,
  finalize,
  from,
  fromEvent,
  map,
  mergeMap,
  of,
  takeUntil,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';
import { batchByKey } from 'rxwire';
import { raise, type SandboxErrorCode, type SandboxOutput } from './event.js';

/** Pieces of at most this many characters. */
const MAX_PIECE = 16_384;

/** How V8 begins its report when the heap is full: the rest of it is of no use to the user. */
const OUT_OF_MEMORY = '\n<--- Last few GCs --->';

/** What the program prints there, whole characters only. */
export function read(readable: Readable, stream: SandboxOutput['stream']): Observable<SandboxOutput> {
  readable.setEncoding('utf8');
  return (fromEvent(readable, 'data') as Observable<string>).pipe(
    map((data): SandboxOutput => ({ kind: 'output', stream, data })),
    takeUntil(fromEvent(readable, 'close')),
    finalize(() => readable.destroy()),
  );
}

/** V8 writes its last words to stderr. */
export function untilOutOfMemory(): MonoTypeOperatorFunction<SandboxOutput> {
  return mergeMap((output) => {
    const end = output.data.indexOf(OUT_OF_MEMORY);
    if (end === -1) return of(output);
    return last({ ...output, data: output.data.slice(0, end) }, 'ERR_MEMORY_LIMIT', 'stopped: out of memory');
  });
}

/** Passes `limit` bytes, then fails. */
export function limitOutput(limit: number): MonoTypeOperatorFunction<SandboxOutput> {
  return (source) =>
    defer(() => {
      let left = limit;
      return source.pipe(
        mergeMap((output) => {
          const bytes = Buffer.from(output.data);
          const room = left;
          left -= bytes.length;
          if (left >= 0) return of(output);
          // A character that fits in part only is left out.
          const data = new TextDecoder().decode(bytes.subarray(0, room), { stream: true });
          return last({ ...output, data }, 'ERR_OUTPUT_LIMIT', `stopped: more than ${limit.toLocaleString('en')} bytes of output`);
        }),
      );
    });
}

function last(output: SandboxOutput, code: SandboxErrorCode, message: string): Observable<SandboxOutput> {
  return concat(
    of(output),
    defer(() => raise(code, message)),
  );
}

/** A program that prints a line at a time would send a message a line: what comes within 10 ms goes together. */
export function coalesce(): MonoTypeOperatorFunction<SandboxOutput> {
  return (source) =>
    source.pipe(
      batchByKey(({ stream }) => stream, { maxSize: 64, maxWait: 10 }),
      mergeMap(({ key, items }) =>
        from(pieces(items.map(({ data }) => data).join(''))).pipe(map((data): SandboxOutput => ({ kind: 'output', stream: key, data }))),
      ),
    );
}

function* pieces(text: string): Generator<string> {
  for (let start = 0, end: number; start < text.length; start = end) {
    end = start + MAX_PIECE;
    // Never between the two halves of a character outside the basic plane.
    if (/[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end -= 1;
    yield text.slice(start, end);
  }
}
