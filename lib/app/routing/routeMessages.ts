import {
  asyncScheduler,
  finalize,
  forkJoin,
  map,
  mergeAll,
  pipe,
  Subject,
  tap,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';
import { OverflowError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import { noteHandled } from '../../internal/offered.js';
import { operate } from '../../internal/operate.js';
import { wanting } from '../../internal/wanted.js';
import type { Message } from '../../message/types.js';
import { retryBackoff } from '../../operators/retryBackoff.js';
import { claim, noteUnhandled } from '../../session/receive/delivery.js';
import { buried, handled } from '../../session/consume/consumeOne.js';
import type { Consumed, HandlerWork } from '../../session/consume/consumeOptions.js';
import type { RouterOptions, DeadRoute } from './routeOptions.js';
import { isAnswer } from '../requests/answerTypes.js';
import { createPatterns } from './routePatterns.js';
import { createRouteTable } from './routeTable.js';
import type { RouteHandler } from './routeTypes.js';

interface Route {
  readonly pattern: string | RegExp;
  readonly handler: (message: Message) => HandlerWork<unknown>;
}

/** What a subscription has at work. */
interface Load {
  running: number;
}

/** Who is told of what. A throw ends the stream. */
export interface RouteListeners {
  readonly onUnhandled?: ((message: Message) => void) | undefined;
  readonly onDead?: ((dead: DeadRoute) => void) | undefined;
}

export interface Routing {
  readonly add: <const P extends string | RegExp>(pattern: P, handler: RouteHandler<P>) => () => void;
  readonly route: MonoTypeOperatorFunction<Message>;
}

/** What `route` and `createRouter` have in common. */
export function createRouting(options: RouterOptions, { onUnhandled = noteUnhandled, onDead }: RouteListeners): Routing {
  const startAll = createStarter(options, onDead);
  const table = createRouteTable<Route>('route');

  const route = operate<Message, Message>((subscriber) => {
    const load: Load = { running: 0 };
    // What is done at once takes no way round: `mergeMap` alone would cost more than all the rest.
    const slow$ = new Subject<Observable<Message>>();
    subscriber.add(slow$.pipe(mergeAll()).subscribe(subscriber));
    const take = (message: Message): void => {
      const routes = table.find(message.type);
      if (routes.length === 0) return isAnswer(message.type) ? undefined : onUnhandled(message);
      noteHandled();
      const working = startAll(routes, message, load);
      if (working.length === 0) subscriber.next(message);
      else slow$.next(forkJoin(working).pipe(map(() => message)));
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
      complete: () => slow$.complete(),
    };
  });

  const { patterns$, note } = createPatterns();
  return {
    route: pipe(wanting(patterns$), route),
    add(pattern, handler) {
      const remove = table.add(pattern, { pattern, handler: handler as Route['handler'] });
      const forget = note(pattern);
      return () => {
        remove();
        forget();
      };
    },
  };
}

/** Makes the function that starts the handlers of a message, and answers with those that are still at work. */
function createStarter(options: RouterOptions, onDead: RouteListeners['onDead']) {
  const { maxRunning = 10_000, retry = {}, scheduler = asyncScheduler, deadLetter } = options;
  assertPositive('route', { maxRunning });
  const config = retry === false ? { maxRetries: 0 } : retry;
  const retried = retryBackoff({ initialInterval: 100, maxRetries: 3, ...config, scheduler });
  const parts = { retried, scheduler, ...(deadLetter && { deadLetter }) };

  /** Starts a handler. Nothing is returned where it is done. */
  const start = (route: Route, message: Message, load: Load): Observable<unknown> | undefined => {
    if (load.running >= maxRunning) {
      const refused = { message, held: claim(message), attempts: 0, error: new OverflowError('route', maxRunning) };
      return buried(refused, { ...parts, handler: route.handler }).pipe(mergeAll(), told(route, onDead));
    }
    // Called at once, so that a handler that is done by then costs no more than its call.
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
    load.running++;
    const handler = beginningWith(first, route.handler);
    return handled({ message, held: claim(message) }, { ...parts, handler }).pipe(
      mergeAll(),
      told(route, onDead),
      finalize(() => load.running--),
    );
  };

  return (routes: readonly Route[], message: Message, load: Load): readonly Observable<unknown>[] => {
    let working: Observable<unknown>[] | undefined;
    for (const route of routes) {
      const work$ = start(route, message, load);
      if (work$) (working ??= []).push(work$);
    }
    return working ?? NOTHING;
  };
}

const NOTHING: readonly never[] = [];

/** Tells of a handler that has failed for good. */
function told({ pattern }: Route, onDead: RouteListeners['onDead']): MonoTypeOperatorFunction<Consumed<Message, unknown>> {
  return tap((end) => {
    if (end.status === 'dead') onDead?.({ message: end.message, pattern, attempts: end.attempts, error: end.error });
  });
}

/** A handler whose first call was made already. */
function beginningWith(first: () => HandlerWork<unknown>, handler: Route['handler']): Route['handler'] {
  let isFirst = true;
  return (message) => {
    if (!isFirst) return handler(message);
    isFirst = false;
    return first();
  };
}
