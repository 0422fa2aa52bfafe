import { asyncScheduler, defer, finalize, merge, mergeMap, NEVER, take, takeUntil, type Observable } from 'rxjs';
import { DecodeError, RxwireError } from '../errors.js';
import { completionOf } from '../internal/completionOf.js';
import { arrivals } from './arrivals.js';
import { createHost } from './host.js';
import type { Principal, ServerWire } from './principal.js';
import { checkServeOptions, type ServedLink, type ServeOptions } from './serveOptions.js';

export type { ServedLink, ServeOptions } from './serveOptions.js';

/**
 * Serves wires over links of any kind, one for each connection: emits a wire for each client. `listen` is this over the WebSockets of an
 * HTTP server.
 *
 * @param links$ Each is subscribed once. The endpoint is what `options` say.
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
  const { helloTimeout = 5_000, scheduler = asyncScheduler, onRefused, shutdown$ = NEVER } = options;

  return defer(() => {
    const refused = (error: unknown): void =>
      onRefused?.(error instanceof RxwireError ? error : new DecodeError('hello', 'not readable', error));
    const host = createHost(options, refused);
    const wires$ = links$.pipe(
      arrivals({ helloTimeout, scheduler, onRefused: refused }),
      mergeMap((arrived) => host.admit(arrived) as Observable<ServerWire<P>>),
    );
    const stopped$ = shutdown$.pipe(
      take(1),
      mergeMap(() => completionOf(host.drain())),
    );
    // Left first, so that the wires can still say goodbye.
    return merge(NEVER.pipe(finalize(() => host.close())), wires$).pipe(takeUntil(stopped$));
  });
}
