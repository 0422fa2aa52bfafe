import { catchError, EMPTY, mergeMap, NEVER, Observable, take } from 'rxjs';
import { CallbackError } from '../errors.js';
import { completionOf } from '../internal/completionOf.js';
import { GuardedObservable } from '../internal/guardedObservable.js';
import { createRefusalReporter } from './accept/refusalReporter.js';
import { createAcceptor } from './acceptor.js';
import { PrincipalWire, type Principal, type ServerWire } from './principal.js';
import { guardOf } from './subscriberGuard.js';
import { reportUncaught } from '../internal/reportUncaught.js';
import {
  readServeOptions,
  type AnyServeOptions,
  type FullServeOptions,
  type ServedLink,
  type ServedSocket,
  type ServeOptions,
} from './serverOptions.js';

export type { ServedLink, ServeOptions } from './serverOptions.js';

/**
 * Serves wires over links of any kind, one link for each connection, and emits a wire for each
 * client. `listen` does this over the connections of an HTTP server.
 *
 * @param links$ Each link is subscribed to once.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if there is no option of this name.
 * @example
 * import { of } from 'rxjs';
 * import { connect, createMessage, type Frame, memoryLink } from 'rxwire';
 * import { serve } from 'rxwire/server';
 *
 * const [near, far] = memoryLink<Frame>();
 * serve(of(far)).subscribe((wire) => wire.subscribe(({ payload }) => console.log(payload))); // prints: hello
 * connect({ link: near }).next(createMessage('chat.said', 'hello'));
 */
export function serve<P extends Principal | undefined = undefined>(
  links$: Observable<ServedLink>,
  options: ServeOptions<P> & { readonly endpoint?: string } = {},
): Observable<ServerWire<P>> {
  return guardWires(servedWires<P>(links$, readServeOptions('serve', options as AnyServeOptions)));
}

/** Returns the wires of a server, with options that are valid, for subscribers that do not fail. */
export function servedWires<P extends Principal | undefined>(
  links$: Observable<ServedLink | ServedSocket>,
  options: FullServeOptions,
): Observable<ServerWire<P>> {
  const { onRefused, shutdown$ = NEVER } = options;
  // eslint-disable-next-line no-restricted-syntax -- the acceptor of this subscription ends before its links do
  return new Observable((to) => {
    const refuse = createRefusalReporter(onRefused);
    const acceptor = createAcceptor(options, refuse, (wire) => to.next(wire as ServerWire<P>));
    const stopped$ = shutdown$.pipe(
      catchError((cause: unknown) => {
        refuse(new CallbackError('shutdown$', cause));
        return EMPTY;
      }),
      take(1),
      mergeMap(() => completionOf(acceptor.drain())),
    );
    // The acceptor closes first, so that the wires can still send their close codes.
    to.add(() => acceptor.close());
    to.add(stopped$.subscribe({ next: () => to.complete(), error: (error: unknown) => to.error(error) }));
    if (!to.closed) to.add(links$.subscribe({ next: (link) => acceptor.accept(link), error: (error: unknown) => to.error(error) }));
  });
}

/**
 * Returns the wires of a server for subscribers that may fail: such a failure ends one wire only.
 */
export function guardWires<W>(wires$: Observable<W>): Observable<W> {
  return new GuardedObservable(wires$, guardOf({ onThrow }));
}

function onThrow(cause: unknown, value: unknown): void {
  if (value instanceof PrincipalWire) value.onThrow(cause);
  else reportUncaught(new CallbackError('subscriber', cause));
}
