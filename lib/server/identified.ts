import { tap, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, UnauthorizedError } from '../errors.js';
import { createCoalescedTimer } from '../internal/coalescedTimer.js';
import { CloseCode } from '../link/closeCode.js';
import type { Attachment } from './attachment.js';
import type { Principal } from './principal.js';

/**
 * A connection, and who has opened it. It is closed when what was shown has expired, unless something fresh was shown before.
 *
 * @param ask Finds out who shows a token.
 */
export function identified(
  arrived: Attachment,
  principal: Principal | undefined,
  ask: (token: string) => Observable<Principal | undefined>,
  scheduler: SchedulerLike,
): Attachment {
  let current = principal;
  const left = (): number => (current?.expiresAt ?? Infinity) - scheduler.now();
  const ring = (): void => {
    if (left() > 0) watch();
    else arrived.close(CloseCode.EXPIRED, 'the credentials have expired');
  };
  const alarm = createCoalescedTimer(scheduler, ring);
  const watch = (): void => {
    alarm.clear();
    if (left() < Infinity) alarm.set(left());
  };
  const replace = (fresh: Principal | undefined): void => {
    if (fresh?.id !== current?.id) throw new UnauthorizedError(CloseCode.FORBIDDEN, 'another principal');
    current = fresh;
    watch();
  };
  return {
    first: arrived.first,
    ...{ request: arrived.request, protocol: arrived.protocol, onIdentified: arrived.onIdentified },
    hello: () => arrived.hello(),
    close: (...reason) => arrived.close(...reason),
    left: () => arrived.left(),
    get principal() {
      return current;
    },
    open(reader) {
      watch();
      arrived.open(reader);
    },
    leave() {
      alarm.clear();
      arrived.leave();
    },
    send: (frame) => arrived.send(frame),
    finish: () => arrived.finish(),
    fail: (error) => arrived.fail(error),
    renew: (token) => ask(token).pipe(tap(replace)),
  };
}

/** What the client is told of that: in how many ms what it has shown expires. */
export function expiryOf(principal: Principal | undefined, scheduler: SchedulerLike): number | undefined {
  const { expiresAt } = principal ?? {};
  return expiresAt === undefined ? undefined : Math.max(1, Math.floor(expiresAt - scheduler.now()));
}

/** Who is refused is told nothing but that. */
export function goodbyeOf(error: unknown): readonly [code: CloseCode, reason: string] {
  if (error instanceof ConnectionLostError) return [error.closeCode as CloseCode, error.reason];
  if (error instanceof UnauthorizedError) return [error.closeCode as CloseCode, 'unauthorized'];
  return [CloseCode.BAD_FRAMES, 'no hello that this server understands'];
}
