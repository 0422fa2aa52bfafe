import {
  defer,
  finalize,
  forkJoin,
  map,
  mergeAll,
  pipe,
  startWith,
  Subject,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';
import { OverflowError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import { noteHandled } from '../../internal/deliveryContext.js';
import { operate } from '../../internal/operate.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import { withSubscribeContext } from '../../internal/subscribeContext.js';
import type { Message } from '../../message/types.js';
import { claim, noteUnhandled } from '../../session/receive/delivery.js';
import { abandonOnError, buried, handled } from '../../session/consume/consumeOne.js';
import type { Consumed, HandlerWork } from '../../session/consume/consumeOptions.js';
import { createRetries } from '../../session/consume/messageRetries.js';
import type { RouterOptions, DeadRoute } from './routeOptions.js';
import { isReplyOrCancel } from '../requests/replyTypes.js';
import { createRouteTable } from './routeTable.js';
import type { RouteHandler } from './routeTypes.js';

interface Route {
  readonly pattern: string | RegExp;
  readonly handler: (message: Message) => HandlerWork<unknown>;
}

/** The number of running handlers of a subscription. */
interface Running {
  running: number;
}

/** Callbacks of a router. An exception ends the stream. */
export interface RouteListeners {
  readonly onUnhandled?: ((message: Message) => void) | undefined;
  readonly onDead?: (dead: DeadRoute) => void;
  /** Returns whether `onDead` passes failures on. @default false */
  readonly isWatched?: () => boolean;
}

export interface Routing {
  readonly add: <const P extends string | RegExp>(pattern: P, handler: RouteHandler<P>) => () => void;
  readonly route: MonoTypeOperatorFunction<Message>;
}

/** The common part of `route` and `createRouter`. */
export function createRouting(options: RouterOptions, { onUnhandled = noteUnhandled, ...listeners }: RouteListeners): Routing {
  const startHandlers = createStarter(options, listeners);
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

  const patterns = createPatterns();
  return {
    // `subscribers$` of a wire shows types: routing keys are none.
    route: isByKey ? route : pipe(withSubscribeContext(patterns.patterns$), route),
    add(pattern, handler) {
      const remove = table.add(pattern, { pattern, handler: handler as Route['handler'] });
      const forget = patterns.add(pattern);
      return () => {
        remove();
        forget();
      };
    },
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
function createStarter(options: RouterOptions, { onDead, isWatched }: RouteListeners) {
  const { maxRunning = 10_000, retry, scheduler = steadyScheduler(), onError, deadLetter } = options;
  assertPositive('route', { maxRunning });
  const retries = createRetries(retry, scheduler);
  const parts = { retries, scheduler, ...(onError && { onError }), ...(deadLetter && { deadLetter }), ...(isWatched && { isWatched }) };

  /** Starts a handler. Returns undefined if it is done. */
  const start = (route: Route, message: Message, active: Running): Observable<unknown> | undefined => {
    if (active.running >= maxRunning) {
      const refused = { message, held: claim(message), attempts: 0, error: new OverflowError('route', maxRunning) };
      return buried(refused, { ...parts, handler: route.handler }).pipe(mergeAll(), reportDead(route, onDead), abandonOnError(refused));
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
      reportDead(route, onDead),
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
function reportDead({ pattern }: Route, onDead: RouteListeners['onDead']): MonoTypeOperatorFunction<Consumed<Message, unknown>> {
  return tap((end) => {
    if (end.status === 'dead') onDead?.({ message: end.message, pattern, attempts: end.attempts, error: end.error });
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

/** The patterns of a router, which `subscribers$` of a wire shows. */
function createPatterns() {
  const patterns = new Map<symbol, string | RegExp>();
  const changes$ = new Subject<void>();
  return {
    /** Emits all patterns: now, and at each change. */
    patterns$: defer(() =>
      changes$.pipe(
        startWith(undefined),
        map(() => [...patterns.values()]),
      ),
    ),
    /** Adds a pattern. Returns a function that removes it. */
    add(pattern: string | RegExp): () => void {
      const key = Symbol();
      patterns.set(key, pattern);
      changes$.next();
      return () => {
        patterns.delete(key);
        changes$.next();
      };
    },
  };
}
