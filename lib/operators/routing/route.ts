import { finalize, forkJoin, map, mergeAll, type MonoTypeOperatorFunction, type Observable, pipe, Subject, tap } from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { OverflowError } from '../../message/errors.js';
import { watched } from '../../message/errors/watched.js';
import { noteHandled, withSubscribeContext } from '../subscribing/deliveryContext.js';
import { operate } from '../subscribing/operate.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { isStream } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import { abandonOnError, deadLettered, handled } from '../consume/consumeOne.js';
import type { Consumed, ConsumeOptions, HandlerWork } from '../consume/consumeOptions.js';
import { createRetries } from '../consume/messageRetries.js';
import { claim, noteUnhandled } from '../../wire/session/messageClaim.js';
import { isReplyOrCancel } from '../requests/replyMessage.js';
import { createRouteTable, type RouteHandler } from './routeTable.js';

export interface RouteOptions extends RouterOptions {
  /** More routes, by regular expressions, which are slower: each type not cached is tested. */
  readonly patterns?: readonly (readonly [RegExp, RouteHandler<RegExp>])[];
  /**
   * Called with messages that no pattern matches. An exception ends the stream; a promise that
   * rejects is reported as `ERR_CALLBACK`.
   * @default reports in `errors$` of the wire
   */
  readonly onUnhandled?: (message: Message) => void;
}

/**
 * Calls the handlers whose patterns match the type of a message. Handlers run concurrently. A
 * message is processed, and acked, when all of its handlers are done. A failed handler is retried;
 * then its message becomes a dead letter, and the stream continues.
 *
 *     source                           -a-b--c--|
 *     route({ a: takes 3 ms, b: … })   ---b(a)--|      (c is unhandled)
 *
 * Emits each message when its handlers are done. In a pattern, `*` matches one segment between
 * dots; at the end, `*` or `**` matches all that follows, dots included. The pattern determines the
 * type of the payload. Handlers start in the order of the map, then those of `patterns`.
 *
 * With `by: 'routingKey'`, patterns match `metadata.routingKey`. Payloads are `unknown`.
 *
 * Only the operator `use` may delay the messages of a session before this one. Retries, dead
 * letters and acks are those of `consume`.
 *
 * @param routes Handlers, by pattern.
 * @throws {RangeError} At call time, if a pattern is invalid or a number is out of range.
 * @throws {HandlerError} Delivered, when a handler has finally failed, no wire delivers the
 *   message, and there is neither `onError` nor `deadLetter`. An `OverflowError`, when too many
 *   handlers run.
 * @throws The error of `onError`, `deadLetter` or `onUnhandled`, delivered.
 * @example
 * import { connect, route, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire
 *   .pipe(
 *     route({
 *       'execution.output': ({ payload }) => console.log(payload.data),
 *       'file.*': ({ payload }) => console.log(payload.path),
 *     }),
 *   )
 *   .subscribe();
 */
export function route(
  routes: Readonly<Record<string, RouteHandler<string>>>,
  options: RouteOptions & { readonly by: 'routingKey' },
): MonoTypeOperatorFunction<Message>;
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the keys of the map, from which the types of the handlers follow
export function route<const P extends string>(
  routes: { readonly [K in P]: RouteHandler<K> },
  options?: RouteOptions,
): MonoTypeOperatorFunction<Message>;
export function route(
  routes: Readonly<Record<string, RouteHandler<string>>>,
  options: RouteOptions = {},
): MonoTypeOperatorFunction<Message> {
  checkOptions('route', options);
  const { patterns = [], onUnhandled, ...rest } = options;
  const router = createRouting(rest, onUnhandled && handledBy(watched('onUnhandled', onUnhandled)), () => onUnhandled !== undefined);
  for (const [pattern, handler] of Object.entries(routes)) router.add(pattern, handler);
  for (const [pattern, handler] of patterns) router.add(pattern, handler);
  return router.route;
}

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

/** A set of routes that can change. With routing keys, the payloads have no types. */
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
  checkOptions('createRouter', options);
  const unhandled$ = new Subject<Message>();
  const dead$ = new Subject<DeadRoute>();
  const onReceived = handledBy((message) => unhandled$.next(message));
  const onUnhandled = (message: Message): void => (unhandled$.observed ? onReceived(message) : noteUnhandled(message));
  const routing = createRouting(options, onUnhandled, () => unhandled$.observed, dead$);
  return { ...(routing as unknown as Router<By>), unhandled$: unhandled$.asObservable(), dead$: dead$.asObservable() };
}

/** Returns a function that calls a callback of the application, which may answer a request. */
function handledBy(callback: (message: Message) => void): (message: Message) => void {
  return (message) => {
    noteHandled();
    callback(message);
  };
}

interface Route {
  readonly pattern: string | RegExp;
  readonly handler: (message: Message) => HandlerWork<unknown>;
}

interface Running {
  running: number;
}

/**
 * The common part of `route` and `createRouter`.
 *
 * @param onUnhandled Called with messages that no pattern matches. An exception ends the stream.
 * @param receivesUnhandled Returns whether the application receives these messages.
 * @param dead$ Receives the handlers that have finally failed. While it has a subscriber, they do
 *   not end a stream that no wire delivers.
 */
function createRouting(
  options: RouterOptions,
  onUnhandled: (message: Message) => void = noteUnhandled,
  receivesUnhandled: () => boolean,
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

  const has = (type: string): boolean => receivesUnhandled() || table.find(type).length > 0;
  return {
    // `subscriptionsOf` shows types: routing keys are none.
    route: isByKey ? route : pipe(withSubscribeContext({ patterns$: table.patterns$, has }), route),
    add: (pattern, handler) => table.add(pattern, { pattern, handler: handler as Route['handler'] }),
  };
}

function isByRoutingKey({ by = 'type' }: RouterOptions): boolean {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- a program in JavaScript may pass any text
  if (by !== 'type' && by !== 'routingKey') throw new RangeError(`route: "by" must be "type" or "routingKey", got ${JSON.stringify(by)}`);
  return by === 'routingKey';
}

/** Creates the function that starts the handlers of a message, and returns those that still run. */
function createStarter(options: RouterOptions, dead$: Subject<DeadRoute> | undefined) {
  const { maxRunning = 10_000, retry, scheduler = steadyScheduler(), onError, deadLetter } = options;
  assertPositive('route', { maxRunning });
  const retries = createRetries(retry, scheduler);
  const parts = {
    retries,
    scheduler,
    ...(onError && { onError }),
    ...(deadLetter && { deadLetter }),
    ...(dead$ && { isObserved: () => dead$.observed }),
  };

  const start = (route: Route, message: Message, active: Running): Observable<unknown> | undefined => {
    if (active.running >= maxRunning) {
      const refused = { message, held: claim(message), attempts: 0, error: new OverflowError('route', maxRunning) };
      return deadLettered(refused, { ...parts, handler: route.handler }).pipe(
        mergeAll(),
        reportDead(route, dead$),
        abandonOnError(refused),
      );
    }
    // Calls the handler at once, so that a synchronous handler costs only its call.
    let first: () => HandlerWork<unknown>;
    try {
      const returned = route.handler(message);
      if (!isStream(returned)) return undefined;
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
