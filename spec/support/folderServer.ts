import { NEVER, Subject, type Subscription } from 'rxjs';
import { reply, type Wire } from '../../lib/index.js';

/** A server of folders: `/a` has the files of `replies`, `/none` fails, and all others never answer. */
export function folderServer() {
  const replies = new Subject<string>();
  /** The folders whose requests were cancelled. */
  const cancelled: unknown[] = [];
  const answer = reply({
    'files.list': ({ payload }, { progress, signal }) => {
      signal.addEventListener('abort', () => cancelled.push(payload));
      if (payload === '/none') throw new Error('there is none');
      progress(50);
      return payload === '/a' ? replies : NEVER;
    },
  });
  return { replies, cancelled, serve: (wire: Wire): Subscription => wire.pipe(answer).subscribe(wire) };
}
