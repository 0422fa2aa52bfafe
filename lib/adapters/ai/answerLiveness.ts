import {
  catchError,
  defaultIfEmpty,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  map,
  mergeMap,
  share,
  Subject,
  take,
  takeUntil,
  timer,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { createMessage } from '../../message/createMessage.js';
import { ChannelEndedError } from '../../message/errors.js';
import type { ChannelSubject } from '../../operators/channels/channelSubject.js';
import type { HubChannelSettings } from '../../server/hub/hub.js';
import { ALIVE, CHUNKS, MAX_SILENCE, PING, SERVER, WRITER_STOPPED } from './chatMessages.js';

/** The part of a hub that opens channels. */
interface Channels {
  readonly channel: (name: string, options?: HubChannelSettings) => ChannelSubject;
}

export interface LivenessOptions {
  /** How often the writer is asked. With more than once, a pause of this process ends no answer. */
  readonly attempts: number;
  /** How long the writer may take for a reply, in ms. */
  readonly timeout: number;
  readonly scheduler: SchedulerLike;
}

/** How long the writer at another server may take for a reply, in ms, and how often it is asked. */
const MAX_REPLY = 5_000;
const ATTEMPTS = 3;
/** The maximum number of writers that are asked at the same time. */
const MAX_CHECKS = 64;
/** The maximum number of answers whose writers are not asked again for a while. */
const MAX_CHECKED = 10_000;

/** Several servers may end an answer: the log stores the message once. */
const END = createMessage('channel.ended', { status: 'interrupted', reason: WRITER_STOPPED }, { id: 'writer-stopped', source: SERVER });

/**
 * Asks the writer of an answer whether it is alive, and ends the answer if the writer writes
 * nothing. It does not compare times of the log: the clocks of servers differ, and step.
 *
 * @throws The error of the channel, delivered.
 */
export function endUnlessAlive(rooms: Channels, name: string, { attempts, timeout, scheduler }: LivenessOptions): Observable<never> {
  const isAlive$ = defer(() => rooms.channel(name).send(createMessage(PING, null, { source: SERVER }))).pipe(
    mergeMap((from) => rooms.channel(name, from && { from }).pipe(takeUntil(timer(timeout, scheduler)))),
    filter(({ type, source }) => source === SERVER && (type === ALIVE || type === CHUNKS)),
    take(1),
    map(() => true),
    defaultIfEmpty(false),
  );
  const ask = (left: number): Observable<unknown> =>
    isAlive$.pipe(
      mergeMap((isAlive) => {
        if (isAlive) return EMPTY;
        return left > 1 ? ask(left - 1) : rooms.channel(name).send(END);
      }),
    );
  return ask(attempts).pipe(ignoreElements());
}

interface CheckParts {
  /** Returns whether this process writes an answer: it needs no question. */
  readonly isWritten: (name: string) => boolean;
  readonly onError: (error: unknown) => void;
  readonly scheduler: SchedulerLike;
}

/** Creates the checks of the writers at other servers, each at most once in half a minute. */
export function createWriterChecks(rooms: Channels, { isWritten, onError, scheduler }: CheckParts) {
  /** When the check of an answer began, the earliest first. */
  const checked = new Map<string, number>();
  const check$ = new Subject<string>();
  const options = { attempts: ATTEMPTS, timeout: MAX_REPLY, scheduler };
  const endingOf = (name: string): Observable<never> =>
    endUnlessAlive(rooms, name, options).pipe(
      catchError((error: unknown) => {
        checked.delete(name);
        // Another server has ended the answer.
        if (!(error instanceof ChannelEndedError)) onError(error);
        return EMPTY;
      }),
    );
  /** Begins the check of an open answer. */
  const check = (name: string): void => {
    const now = scheduler.now();
    for (const [asked, at] of checked) {
      if (Math.abs(now - at) < MAX_SILENCE) break;
      checked.delete(asked);
    }
    if (isWritten(name) || checked.has(name) || checked.size >= MAX_CHECKED) return;
    checked.set(name, now);
    check$.next(name);
  };
  /** Ends the answers whose writers do not reply, while it is subscribed to. */
  const endings$ = check$.pipe(mergeMap(endingOf, MAX_CHECKS), share());
  return { check, endings$ };
}
