import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { asyncScheduler, catchError, defer, EMPTY, map, mergeMap, of, takeUntil, tap, type Observable } from 'rxjs';
import { json } from '../codec/json.js';
import { msgpack } from '../codec/msgpack.js';
import { ConnectionLostError } from '../errors.js';
import { CloseCode } from '../link/closeCode.js';
import type { Attachment } from './attachment.js';
import { createAuthentication } from './authentication.js';
import { drain } from './session/drain.js';
import { encodingOnce } from './encodingOnce.js';
import { createEnvelopeWires } from '../envelope/server/envelopeWires.js';
import { goodbyeOf, identified } from './identified.js';
import { createQuota } from './session/quota.js';
import type { AnyWire, Credentials, Principal } from './principal.js';
import { createRates } from './rateLimit.js';
import type { AnyServeOptions } from './serveOptions.js';
import { createRegistry, isSessionFrame } from './session/registry.js';

/** Makes wires of connections, each by the protocol that its first frame speaks, once it is known whose they are. */
export function createHost(options: AnyServeOptions, refused: (error: unknown) => void) {
  const { detachedTimeout = 120_000, pingInterval = 15_000, helloTimeout = 5_000, maxAuthenticating = 100 } = options;
  const { maxDetached = 1_000, maxPerPrincipal = 100, maxDetachedPerPrincipal = 10 } = options;
  const { codecs = [json(), msgpack()], endpoint = '', scheduler = asyncScheduler, authenticate, rateLimit } = options;
  const { retryAfter = 1_000, drainTimeout = 10_000, random = Math.random } = options;
  const quota = createQuota({ maxDetached, maxPerPrincipal, maxDetachedPerPrincipal, scheduler });
  const rates = rateLimit && createRates(rateLimit, options.window ?? 1_024, scheduler);
  const limited = rates && { rates, window: rates.window };
  const shared = { detachedTimeout, pingInterval, scheduler, endpoint, quota };
  const settings = { ...options, ...shared, ...limited, codecs: codecs.map(encodingOnce) };
  const sessions = createRegistry({ ...settings, onRefused: refused });
  const wires = createEnvelopeWires(settings);
  const identify = createAuthentication({ authenticate, maxAuthenticating, timeLimit: helloTimeout, scheduler });

  const refuse = (arrived: Attachment, error: unknown): Observable<never> => {
    arrived.close(...goodbyeOf(error));
    refused(error);
    return EMPTY;
  };
  const open = (arrived: Attachment): Observable<AnyWire> =>
    defer(() => (isSessionFrame(arrived.first) ? sessions : wires).admit(arrived)).pipe(
      catchError((error: unknown) => refuse(arrived, error)),
    );
  const known = (arrived: Attachment, principal: Principal): Attachment =>
    identified(arrived, principal, (token) => identify(() => credentialsOf(arrived, token)), scheduler);
  let isStopping = false;

  return {
    admit(arrived: Attachment): Observable<AnyWire> {
      if (isStopping) return refuse(arrived, new ConnectionLostError(CloseCode.SERVICE_RESTART, 'the server stops'));
      return identify(() => credentialsOf(arrived)).pipe(
        takeUntil(arrived.left()),
        tap((principal) => arrived.onIdentified?.(principal, (request) => identify(() => ({ ...credentialsOf(arrived), request })))),
        map((principal) => () => open(principal ? known(arrived, principal) : arrived)),
        catchError((error: unknown) => of(() => refuse(arrived, error))),
        mergeMap((proceed) => proceed()),
      );
    },
    /** Lets nobody in, and completes when all who are here are done. */
    drain(): Observable<never> {
      isStopping = true;
      return drain(sessions.sessions(), { retryAfter, drainTimeout, random, scheduler });
    },
    close(): void {
      sessions.close();
      wires.close();
    },
  };
}

function credentialsOf(arrived: Attachment, token = tokenOf(arrived)): Credentials {
  const { request = new IncomingMessage(new Socket()) } = arrived;
  return token === undefined ? { request } : { request, token };
}

/** Only a hello of a session has one. What cannot be read is refused later, or sooner if its request shows nothing. */
function tokenOf(arrived: Attachment): string | undefined {
  try {
    return isSessionFrame(arrived.first) ? arrived.hello().token : undefined;
  } catch {
    return undefined;
  }
}
