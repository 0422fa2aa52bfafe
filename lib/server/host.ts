import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { asyncScheduler, catchError, EMPTY, map, mergeMap, of, takeUntil, tap, type Observable } from 'rxjs';
import { json } from '../codec/json.js';
import { msgpack } from '../codec/msgpack.js';
import { ConnectionLostError, UnauthorizedError } from '../errors.js';
import { CloseCode } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';
import type { Attachment } from './attachment.js';
import { createAuthentication } from './authentication.js';
import { createEnvelopeWires } from './envelopeWires.js';
import { createMooring } from './mooring.js';
import type { AnyWire, Credentials } from './principal.js';
import type { AnyServeOptions } from './serveOptions.js';
import { helloOf } from './session/guest.js';
import { createSessionWires, isSessionFrame } from './session/sessionWires.js';

/** Makes wires of connections, each by the protocol that its first frame speaks, once it is known whose they are. */
export function createHost(options: AnyServeOptions, refused: (error: unknown) => void) {
  const { detachedTimeout = 120_000, pingInterval = 15_000, helloTimeout = 5_000, maxAuthenticating = 100 } = options;
  const { maxDetached = 1_000, maxPerPrincipal = 100, maxDetachedPerPrincipal = 10 } = options;
  const { codecs = [json(), msgpack()], endpoint = '', scheduler = asyncScheduler, authenticate } = options;
  const mooring = createMooring({ maxDetached, maxPerPrincipal, maxDetachedPerPrincipal, scheduler });
  const settings = { ...options, codecs, detachedTimeout, pingInterval, scheduler, endpoint, mooring };
  const sessions = createSessionWires({ ...settings, onRefused: refused });
  const wires = createEnvelopeWires(settings);
  const identify = createAuthentication({ authenticate, maxAuthenticating, timeLimit: helloTimeout, scheduler });

  const refuse = (arrived: Attachment, error: unknown): Observable<never> => {
    arrived.close(...goodbyeOf(error));
    refused(error);
    return EMPTY;
  };
  const open = (arrived: Attachment): Observable<AnyWire> => {
    try {
      if (isSessionFrame(arrived.first)) return sessions.admit(arrived);
      const wire = wires.admit(arrived);
      return wire ? of(wire) : EMPTY;
    } catch (error) {
      return refuse(arrived, error);
    }
  };
  return {
    admit: (arrived: Attachment): Observable<AnyWire> =>
      identify(() => credentialsOf(arrived)).pipe(
        takeUntil(arrived.left$),
        tap((principal) => arrived.onIdentified?.(principal, (request) => identify(() => ({ ...credentialsOf(arrived), request })))),
        map((principal) => () => open({ ...arrived, principal })),
        catchError((error: unknown) => of(() => refuse(arrived, error))),
        mergeMap((proceed) => proceed()),
      ),
    close(): void {
      sessions.close();
      wires.close();
    },
  };
}

/** Who is refused is told nothing but that. */
function goodbyeOf(error: unknown): readonly [code: CloseCode, reason: string] {
  if (error instanceof ConnectionLostError) return [error.closeCode as CloseCode, error.reason];
  if (error instanceof UnauthorizedError) return [CloseCode.UNAUTHORIZED, 'unauthorized'];
  return [CloseCode.BAD_FRAMES, 'no hello that this server understands'];
}

function credentialsOf({ first, request = new IncomingMessage(new Socket()) }: Attachment): Credentials {
  const token = tokenOf(first);
  return token === undefined ? { request } : { request, token };
}

/** Only a hello of a session has one. What cannot be read is refused later, or sooner if its request shows nothing. */
function tokenOf(first: Frame): string | undefined {
  try {
    return isSessionFrame(first) ? helloOf(first).token : undefined;
  } catch {
    return undefined;
  }
}
