import { catchError, EMPTY, finalize } from 'rxjs';
import type { Link } from '../link/link.js';
import type { Message } from '../message/types.js';
import type { WireParts } from '../wire/wire.js';

/** That a client goes is no failure of the server: its wire completes, and the reason is among its errors. */
export function quiet(link: Link<Message>, { report }: WireParts, leave: () => void): Link<Message> {
  return (outgoing) =>
    link(outgoing).pipe(
      catchError((error: unknown) => {
        report({ kind: 'error', error });
        return EMPTY;
      }),
      finalize(leave),
    );
}
