import type { IncomingMessage } from 'node:http';
import { map, of, throwError, type Observable } from 'rxjs';
import type { ServedLink } from '../serveOptions.js';
import { StatusError } from './refusal.js';

/** To whom a link over requests belongs: its name alone opens nothing to others. */
export interface Ownership {
  readonly onIdentified: NonNullable<ServedLink['onIdentified']>;
  /** Emits when a request may use the link. @throws {StatusError} Delivered, when it may not: 404, as if there were no such link. */
  readonly check: (request: IncomingMessage) => Observable<void>;
}

/** What differs between the requests of one client, and says nothing of who it is. */
const VOLATILE =
  /^(accept|connection|content-.*|host|origin|pragma|cache-control|priority|rxwire-.*|sec-fetch-.*|transfer-encoding|via|x-forwarded-.*|x-real-ip|x-request-id)$/;

/** @param opening The request that has opened it. */
export function createOwnership(opening: IncomingMessage): Ownership {
  let shown = shownBy(opening);
  let identified: Parameters<Ownership['onIdentified']> | undefined;
  return {
    onIdentified: (...all) => void (identified = all),
    check(request) {
      const now = shownBy(request);
      // Nobody is asked again who shows what was shown before.
      if (now === shown) return of(undefined);
      if (!identified) return throwError(() => new StatusError(404));
      const [owner, identify] = identified;
      return identify(request).pipe(
        map((principal) => {
          if (principal?.id !== owner?.id) throw new StatusError(404);
          shown = now;
        }),
      );
    },
  };
}

function shownBy({ headers }: IncomingMessage): string {
  return JSON.stringify(Object.entries(headers).filter(([name]) => !VOLATILE.test(name)));
}
