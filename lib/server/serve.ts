import { asyncScheduler, defer, finalize, merge, mergeMap, NEVER, take, takeUntil, type Observable } from 'rxjs';
import { DecodeError, RxwireError } from '../errors.js';
import { completionOf } from '../internal/completionOf.js';
import { incomingConnections } from './accept/incomingConnection.js';
import { createAcceptor } from './acceptor.js';
import type { Principal, ServerWire } from './principal.js';
import { SERVE_DEFAULTS, checkServeOptions, type ServedLink, type ServeOptions } from './serverOptions.js';

export type { ServedLink, ServeOptions } from './serverOptions.js';

/**
 * Serves wires over links of any kind, one link for each connection, and emits a wire for each client. `listen` does this over the connections
 * of an HTTP server.
 *
 * @param links$ Each link is subscribed to once.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * const [near, far] = memoryLink<Frame>();
 * serve(of(far)).subscribe((wire) => wire.subscribe(({ payload }) => console.log(payload))); // prints: hello
 * connect({ link: near }).next(createMessage('chat.said', 'hello'));
 */
export function serve<P extends Principal | undefined = undefined>(
  links$: Observable<ServedLink>,
  options: ServeOptions<P> & { readonly endpoint?: string } = {},
): Observable<ServerWire<P>> {
  checkServeOptions('serve', options);
  const { helloTimeout = SERVE_DEFAULTS.helloTimeout, scheduler = asyncScheduler, onRefused, shutdown$ = NEVER } = options;

  return defer(() => {
    const refuse = (error: unknown): void =>
      onRefused?.(error instanceof RxwireError ? error : new DecodeError('hello', 'not readable', error));
    const acceptor = createAcceptor(options, refuse);
    const wires$ = links$.pipe(
      incomingConnections({ helloTimeout, scheduler, onRefused: refuse }),
      mergeMap((connection) => acceptor.admit(connection) as Observable<ServerWire<P>>),
    );
    const stopped$ = shutdown$.pipe(
      take(1),
      mergeMap(() => completionOf(acceptor.drain())),
    );
    // The acceptor closes first, so that the wires can still send their close codes.
    return merge(NEVER.pipe(finalize(() => acceptor.close())), wires$).pipe(takeUntil(stopped$));
  });
}
