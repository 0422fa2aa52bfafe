import { GAP } from '../message/closeCode.js';
import type { MaybeAsync } from '../message/maybeAsync.js';
import { MAX_BATCH } from '../message/messageLimits.js';
import type { Message } from '../message/types.js';
import type { AsyncSupport, AsyncHost, CodecOutputs, FrameReader, ReceivedBatch, ReceivingSession } from './codec.js';

type Frame = string | Uint8Array;
type Messages = readonly Message[];

export type AsyncCalls = ReturnType<typeof createAsyncCalls>;

/** Creates the calls of an asynchronous codec for one session. */
export function createAsyncCalls() {
  const results = new WeakMap<object, () => unknown>();
  /** The kinds that are being called: batches with numbers, and without them. */
  const busy = new Set<boolean>();
  let latestBody: Frame | undefined;
  /** Returns the messages of the frame that the session reads. */
  let decoded: (() => Messages) | undefined;

  /** Calls once for each key, one by one for each kind, and returns each result once. */
  const resultOf = <T>(key: object, kind: boolean, call: () => MaybeAsync<T>, outputs: CodecOutputs): T | undefined => {
    const result = results.get(key) as (() => T) | undefined;
    results.delete(key);
    if (result || busy.has(kind)) return result?.();
    busy.add(kind);
    callLater(outputs, call, (found, host) =>
      host.answer(() => {
        busy.delete(kind);
        results.set(key, found);
        outputs.onAnswer?.();
      }),
    );
    return undefined;
  };

  return {
    /** Returns undefined until the codec has answered; without `outputs`, the latest body. */
    encode(messages: Messages, first: number, call: () => MaybeAsync<Frame>, outputs: CodecOutputs | undefined): Frame | undefined {
      const body = outputs && resultOf(messages, first > 0, call, outputs);
      if (body !== undefined) latestBody = body;
      return outputs ? body : latestBody;
    },
    /** The same; without `outputs`, it returns what the reader has decoded. */
    decode: (call: () => MaybeAsync<Messages>, outputs: CodecOutputs | undefined): Messages | undefined =>
      outputs ? resultOf(results, true, call, outputs) : (decoded as () => Messages)(),

    /**
     * Decodes each batch of a connection before the session reads its frame. The frames behind it
     * wait, so that their order stays.
     */
    reader(session: ReceivingSession, call: (batch: ReceivedBatch) => MaybeAsync<Messages>): FrameReader {
      const waiting: Frame[] = [];
      let size = 0;
      let isBusy = false;
      const wait = (frame: Frame): void => {
        const { window, bytes, maxFrame } = session.options;
        waiting.push(frame);
        size += frame.length;
        if (waiting.length > 4 * window + MAX_BATCH || size > 2 * (bytes + maxFrame))
          session.close(GAP, 'too many frames wait for the codec');
      };
      const goOn = (frame: Frame, result: () => Messages, now: number): void => {
        isBusy = false;
        decoded = result;
        session.receive(frame, now);
        decoded = undefined;
        for (let next = take(); next !== undefined; next = take()) session.receive(next, now);
      };
      const take = (): Frame | undefined => {
        const next = isBusy || session.reader !== reader ? undefined : waiting.shift();
        size -= next?.length ?? 0;
        return next;
      };
      const reader: FrameReader = {
        get unread() {
          return isBusy ? 1 + waiting.length : 0;
        },
        holds(frame) {
          if (isBusy) wait(frame);
          const batch = isBusy || decoded ? undefined : session.batchOf(frame);
          if (!batch) return isBusy;
          isBusy = true;
          callLater(
            session.outputs,
            () => call(batch),
            (result, host) => {
              if (session.reader === reader) host.answer(() => goOn(frame, result, host.now));
            },
          );
          return true;
        },
      };
      return reader;
    },
  };
}

/** Asks the host for a call. `done` gets a function that returns the result, or throws. */
function callLater<T>(outputs: CodecOutputs, call: () => MaybeAsync<T>, done: (result: () => T, host: AsyncHost) => void): void {
  const run = (host: AsyncHost): void => {
    const failed = (error: unknown): void =>
      done(() => {
        throw error;
      }, host);
    // The Observable of a codec may be empty: a failure without an error.
    host.wait<T | undefined>(call, (value) => (value === undefined ? failed(value) : done(() => value, host)), failed);
  };
  outputs.ask({ kind: 'codec', run });
}

/** The code behind `asynchronous`. */
export interface AsyncCodecs extends AsyncSupport {
  readonly createAsyncCalls: typeof createAsyncCalls;
}

const ASYNCHRONOUS: AsyncCodecs = { kind: 'asynchronous', createAsyncCalls };

/**
 * The `asynchronous` of a codec that returns Observables: the code that a session needs for them.
 *
 * @example
 * import { from } from 'rxjs';
 * import { asynchronous, connect, json, webSocket, type Codec } from 'rxwire';
 *
 * const slow: Codec = {
 *   ...json(),
 *   asynchronous,
 *   encode: (batch) => from(Promise.resolve(json().encode(batch))),
 * };
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire'), codec: slow });
 */
export const asynchronous: AsyncSupport = ASYNCHRONOUS;
