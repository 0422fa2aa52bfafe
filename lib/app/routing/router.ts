import { finalize, forkJoin, map, mergeAll, pipe, Subject, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import { OverflowError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import { noteHandled } from '../../internal/deliveryContext.js';
import { operate } from '../../internal/operate.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import { withSubscribeContext } from '../../internal/subscribeContext.js';
import type { Message } from '../../message/types.js';
import { claim, noteUnhandled } from '../../session/receive/delivery.js';
import { abandonOnError, buried, handled } from '../../session/consume/consumeOne.js';
import { type Consumed, type ConsumeOptions, type HandlerWork, createRetries } from '../../session/consume/consumeOptions.js';
import { isReplyOrCancel } from '../requests/replyMessage.js';
import { createRouteTable } from './routeTable.js';
import type { RouteHandler } from './routeTypes.js';

export interface RouterOptions extends Pick<ConsumeOptions<Message, unknown, unknown>, 'retry' | 'onError' | 'deadLetter' | 'scheduler'> {
  /**
   * The maximum number of running handlers. Above it, a message becomes a dead letter with an
   * `OverflowError`. The `window` of a session is smaller; this limit is for other streams.
   * @default 10_000
   */
  readonly maxRunning?: number;
  /**
   * The text that patterns are matched against: the type of a message, or its
   * `metadata.routingKey`. A message without a routing key is matched by its type.
   * @default 'type'
   */
  readonly by?: RouteBy;
}

/** The text of a message that patterns are matched against. */
export type RouteBy = 'type' | 'routingKey';

/** A handler that has finally failed, with its pattern. */
export interface DeadRoute {
  readonly message: Message;
  /** The pattern of the handler. */
  readonly pattern: string | RegExp;
  /** The number of calls. */
  readonly attempts: number;
  /** The error of the last attempt; an `OverflowError` if the handler was not called. */
  readonly error: unknown;
}

/**
 * A set of routes that can change while it runs. With routing keys, patterns do not determine the
 * type of a payload.
 */
export interface Router<By extends RouteBy = 'type'> {
  /**
   * Adds a handler for the following messages. Several handlers may have the same pattern.
   *
   * @param pattern A type; or a pattern in which `*` matches one segment, and at the end all that
   *   follows; or a RegExp.
   * @returns A function that removes the handler. Its running work continues.
   * @throws {RangeError} If the pattern is invalid.
   */
  readonly add: <const P extends string | RegExp>(pattern: P, handler: RouteHandler<By extends 'type' ? P : string>) => () => void;
  /** Runs the handlers. Emits each message when all of its handlers are done. */
  readonly route: MonoTypeOperatorFunction<Message>;
  /**
   * Emits messages without a handler; they count as processed. Without a subscriber, they are
   * reported in `errors$` of the wire.
   */
  readonly unhandled$: Observable<Message>;
  /**
   * Emits handlers that have finally failed. While it has a subscriber, these failures do not end a
   * stream that no wire delivers.
   */
  readonly dead$: Observable<DeadRoute>;
}

/**
 * Creates a router whose routes can be added and removed while it runs. If all routes are known
 * beforehand, `route` is shorter; see there for details.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, createRouter } from 'rxwire';
 *
 * const router = createRouter();
 * const remove = router.add('chat.*', ({ type, payload }) => console.log(type, payload)); // prints: chat.said hello
 * router.unhandled$.subscribe(({ type }) => console.log(type, 'is unhandled')); // prints: chat.said is unhandled
 *
 * const said = createMessage('chat.said', 'hello');
 * of(said).pipe(router.route).subscribe();
 * remove();
 * of(said).pipe(router.route).subscribe();
 */
export function createRouter<By extends RouteBy = 'type'>(options: RouterOptions & { readonly by?: By } = {}): Router<By> {
  const unhandled$ = new Subject<Message>();
  const dead$ = new Subject<DeadRoute>();
  const onUnhandled = (message: Message): void => (unhandled$.observed ? unhandled$.next(message) : noteUnhandled(message));
  const routing = createRouting(options, onUnhandled, dead$);
  return { ...(routing as unknown as Router<By>), unhandled$: unhandled$.asObservable(), dead$: dead$.asObservable() };
}

interface Route {
  readonly pattern: string | RegExp;
  readonly handler: (message: Message) => HandlerWork<unknown>;
}

/** The number of running handlers of a subscription. */
interface Running {
  running: number;
}

/**
 * The common part of `route` and `createRouter`.
 *
 * @param onUnhandled Called with messages that no pattern matches. An exception ends the stream.
 * @param dead$ Receives the handlers that have finally failed. While it has a subscriber, they do
 *   not end a stream that no wire delivers.
 */
export function createRouting(
  options: RouterOptions,
  onUnhandled: (message: Message) => void = noteUnhandled,
  dead$?: Subject<DeadRoute>,
): Pick<Router, 'add' | 'route'> {
  const startHandlers = createStarter(options, dead$);
  const isByKey = isByRoutingKey(options);
  const table = createRouteTable<Route>('route');

  const route = operate<Message, Message>((subscriber) => {
    const active: Running = { running: 0 };
    // Synchronous handlers skip this Subject: `mergeMap` alone would cost more than the rest.
    const pending$ = new Subject<Observable<Message>>();
    subscriber.add(pending$.pipe(mergeAll()).subscribe(subscriber));
    const take = (message: Message): void => {
      const routes = table.find(isByKey ? (message.metadata?.routingKey ?? message.type) : message.type);
      if (routes.length === 0) return isReplyOrCancel(message.type) ? undefined : onUnhandled(message);
      noteHandled();
      const pending = startHandlers(routes, message, active);
      if (pending.length === 0) subscriber.next(message);
      else pending$.next(forkJoin(pending).pipe(map(() => message)));
    };
    return {
      next(message) {
        try {
          take(message);
        } catch (error) {
          subscriber.error(error);
        }
      },
      error: (error) => subscriber.error(error),
      complete: () => pending$.complete(),
    };
  });

  return {
    // `subscribers$` of a wire shows types: routing keys are none.
    route: isByKey ? route : pipe(withSubscribeContext(table.patterns$), route),
    add: (pattern, handler) => table.add(pattern, { pattern, handler: handler as Route['handler'] }),
  };
}

function isByRoutingKey({ by = 'type' }: RouterOptions): boolean {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- a program in JavaScript may pass any text
  if (by !== 'type' && by !== 'routingKey') throw new RangeError(`route: "by" must be "type" or "routingKey", got ${JSON.stringify(by)}`);
  return by === 'routingKey';
}

/**
 * Creates the function that starts the handlers of a message and returns those that are still
 * running.
 */
function createStarter(options: RouterOptions, dead$: Subject<DeadRoute> | undefined) {
  const { maxRunning = 10_000, retry, scheduler = steadyScheduler(), onError, deadLetter } = options;
  assertPositive('route', { maxRunning });
  const retries = createRetries(retry, scheduler);
  const parts = {
    retries,
    scheduler,
    ...(onError && { onError }),
    ...(deadLetter && { deadLetter }),
    ...(dead$ && { isWatched: () => dead$.observed }),
  };

  /** Starts a handler. Returns undefined if it is done. */
  const start = (route: Route, message: Message, active: Running): Observable<unknown> | undefined => {
    if (active.running >= maxRunning) {
      const refused = { message, held: claim(message), attempts: 0, error: new OverflowError('route', maxRunning) };
      return buried(refused, { ...parts, handler: route.handler }).pipe(mergeAll(), reportDead(route, dead$), abandonOnError(refused));
    }
    // Calls the handler at once, so that a synchronous handler costs only its call.
    let first: () => HandlerWork<unknown>;
    try {
      const returned = route.handler(message);
      if (!returned) return undefined;
      first = () => returned;
    } catch (error) {
      first = () => {
        throw error;
      };
    }
    active.running++;
    const handler = withFirstResult(first, route.handler);
    const job = { message, held: claim(message) };
    return handled(job, { ...parts, handler }).pipe(
      mergeAll(),
      reportDead(route, dead$),
      abandonOnError(job),
      finalize(() => active.running--),
    );
  };

  return (routes: readonly Route[], message: Message, active: Running): readonly Observable<unknown>[] => {
    let pending: Observable<unknown>[] | undefined;
    for (const route of routes) {
      const work$ = start(route, message, active);
      if (work$) (pending ??= []).push(work$);
    }
    return pending ?? NOTHING;
  };
}

const NOTHING: readonly never[] = [];

/** Reports a handler that has finally failed. */
function reportDead({ pattern }: Route, dead$: Subject<DeadRoute> | undefined): MonoTypeOperatorFunction<Consumed<Message, unknown>> {
  return tap((end) => {
    if (end.status === 'dead') dead$?.next({ message: end.message, pattern, attempts: end.attempts, error: end.error });
  });
}

/** Returns a handler whose first call returns the existing result. */
function withFirstResult(first: () => HandlerWork<unknown>, handler: Route['handler']): Route['handler'] {
  let isFirst = true;
  return (message) => {
    if (!isFirst) return handler(message);
    isFirst = false;
    return first();
  };
}
