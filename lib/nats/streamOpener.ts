import type { StreamInfo } from '@nats-io/jetstream';
import { firstValueFrom, race, timer } from 'rxjs';
import type { NatsContext } from './natsContext.js';
import { failed } from './natsContext.js';
import { isRefusal, isStreamMissing } from './natsFaults.js';
import { limitsOf, openStream, type StreamDefinition } from './openStream.js';

/** The pause between two attempts, in ms, and the longest one while there is no connection. */
const PAUSE = 50;
const OFFLINE_PAUSE = 250;

/**
 * Opens the stream once for all parts of the log: many first appends to a new stream would time out
 * if each of them created it.
 */
export interface StreamOpener {
  /** Returns the state of the stream. */
  readonly info: () => Promise<StreamInfo>;
  /**
   * Runs work on the open stream. Rejects while there is no connection: the client of NATS would
   * keep the requests, and send them late.
   */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>;
  /**
   * Runs work on the open stream. Repeats it after each temporary failure until the time, of the
   * scheduler, has come: while NATS is unreachable, or elects a leader.
   *
   * @throws {StoreError}
   */
  readonly retry: <T>(until: number, work: () => Promise<T>) => Promise<T>;
  /**
   * Waits before another attempt after a failure. The wait ends when the connection is back.
   * @throws {StoreError} If there is none to be made.
   */
  readonly pause: (error: unknown, until: number) => Promise<void>;
}

export function createStreamOpener(context: NatsContext): StreamOpener {
  const { connection, scheduler, status } = context;
  const definition = definitionOf(context);
  let opened: Promise<unknown> | undefined;
  const open = (): Promise<StreamInfo> => {
    const opening = openStream(context.manager, definition, context.timeout);
    opened = opening;
    opening.catch(() => {
      if (opened === opening) opened = undefined;
    });
    return opening;
  };
  const pause = async (error: unknown, until: number): Promise<void> => {
    const left = until - scheduler.now();
    const most = status.isConnected() ? PAUSE : OFFLINE_PAUSE;
    if (isRefusal(error) || connection.isClosed() || left <= 0) throw failed(error);
    await firstValueFrom(race(timer(Math.min(most, left), scheduler), status.reconnected$), { defaultValue: undefined });
  };
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!status.isConnected()) throw new Error('the connection to NATS is lost');
    await (opened ?? open());
    try {
      return await work();
    } catch (error) {
      if (isStreamMissing(error)) opened = undefined;
      throw error;
    }
  };
  return {
    info: () => attempt(async () => (await context.manager()).streams.info(context.stream)),
    pause,
    attempt,
    async retry(until, work) {
      for (;;) {
        try {
          return await attempt(work);
        } catch (error) {
          await pause(error, until);
        }
      }
    },
  };
}

function definitionOf({ stream, storage, replicas, subjects, maxMessages, maxTotalBytes, maxAge }: NatsContext): StreamDefinition {
  return {
    name: stream,
    subjects: [...subjects.all],
    storage,
    num_replicas: replicas,
    discard: 'old',
    limits: { ...limitsOf(maxMessages, maxTotalBytes, maxAge), republish: { ...subjects.republish } },
  };
}
