import { catchError, defer, distinctUntilChanged, EMPTY, filter, map, shareReplay, switchMap, type Observable } from 'rxjs';
import { channel, createMessage, request, type Channel, type Wire } from 'rxwire';
import { channelOf, WORKSPACE_NAME, type FileEntry } from '../messages.js';

/** What this page shares with all who have the same address open. */
export interface SharedWorkspace {
  readonly id: string;
  readonly wire: Wire;
  /** Tells what happens in it. */
  readonly channel: Channel;
  /** What is in it, each time this page has come in: also after the server was restarted. */
  readonly opened$: Observable<{ readonly files: readonly FileEntry[] }>;
}

/** The workspace that the address names, or a new one. */
export function workspaceName(): string {
  const asked = location.hash.slice(1);
  if (WORKSPACE_NAME.test(asked)) return asked;
  const id = crypto.randomUUID().slice(0, 8);
  history.replaceState(null, '', `#${id}`);
  return id;
}

/** Comes into a workspace, and comes back into it whenever the server has forgotten that. */
export function openWorkspace(wire: Wire, id: string): SharedWorkspace {
  const shared = channel(wire, channelOf(id));
  const open$ = defer(() => request(wire, createMessage('workspace.open', { sandboxId: id })));
  const opened$ = shared.state$.pipe(
    map(({ status }) => status),
    distinctUntilChanged(),
    filter((status) => status === 'joined'),
    switchMap(() => open$.pipe(catchError(() => EMPTY))),
    shareReplay(1),
  );
  return { id, wire, channel: shared, opened$ };
}
