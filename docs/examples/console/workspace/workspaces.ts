import {
  distinctUntilChanged,
  finalize,
  ignoreElements,
  map,
  merge,
  NEVER,
  startWith,
  switchMap,
  take,
  timer,
  type Observable,
} from 'rxjs';
import { consume, ofType, reply, ReplyError, type FilePayload, type Message, type Wire } from 'rxwire';
import { hub } from 'rxwire/server';
import { channelOf, WORKSPACE_NAME } from '../messages.js';
import type { SandboxOptions } from '../sandbox.js';
import { locate, readPieces, removeFile } from './files.js';
import { createUploads } from './uploads.js';
import { createWorkspace, type Workspace } from './workspace.js';

export interface WorkspacesOptions extends SandboxOptions {
  /** Workspaces at once; one more is refused. @default 100 */
  readonly maxWorkspaces?: number;
  /** How long a workspace stays when the last of its people has left, in ms. @default 60_000 */
  readonly lingerTime?: number;
}

/** What a client may publish: all else in a channel is the server's word. */
const PUBLISHED: readonly string[] = ['document.edit', 'document.caret'];

export interface Workspaces {
  /** The workspace of that name, if there is one. */
  readonly find: (id: string) => Workspace | undefined;
  /** Serves a client: its channels, and what it asks. Emits what is to be sent back. */
  readonly serve: (wire: Wire) => Observable<Message>;
  readonly close: () => void;
}

/** All workspaces of a server. One is made when somebody comes in, and goes when nobody has been in it for a while. */
export function createWorkspaces(options: WorkspacesOptions = {}): Workspaces {
  const { maxWorkspaces = 100, lingerTime = 60_000 } = options;
  const all = new Map<string, Workspace>();
  const rooms = hub({
    // Who comes back to a server that was restarted publishes the whole text.
    maxSize: 900_000,
    // An error is a no.
    authorize({ channel, action, message }) {
      const id = channel.slice(channelOf('').length);
      if (channel !== channelOf(id)) return false;
      if (action === 'join') return open(id) ? true : { reason: 'There are too many workspaces, or this is not the name of one.' };
      if (!message) return false;
      if (PUBLISHED.includes(message.type)) all.get(id)?.document.check(message);
      return all.has(id) && PUBLISHED.includes(message.type);
    },
  });

  const open = (id: string): Workspace | undefined => {
    const known = all.get(id);
    if (known) return known;
    if (!WORKSPACE_NAME.test(id) || all.size >= maxWorkspaces) return undefined;
    const workspace = createWorkspace(id, rooms.channel(channelOf(id)), options);
    all.set(id, workspace);
    workspace.life.add(() => all.delete(id));
    workspace.life.add(abandoned(workspace, lingerTime).subscribe(() => workspace.life.unsubscribe()));
    return workspace;
  };
  const find = (id: unknown): Workspace => {
    const found = all.get(String(id));
    if (!found) throw new ReplyError('ERR_NO_WORKSPACE', 'join its channel first');
    return found;
  };

  return {
    find: (id) => all.get(id),
    serve(wire) {
      rooms.serve(wire);
      const uploads = createUploads(find);
      const written$ = wire.pipe(
        ofType('upload.chunk'),
        consume(({ payload }) => uploads.write(payload)),
        finalize(uploads.close),
        ignoreElements(),
      );
      const fileOf = ({ sandboxId, path }: FilePayload): string => locate(find(sandboxId).folder, path);
      const answers$ = wire.pipe(
        reply({
          'workspace.open': ({ payload }) => [{ files: [...find(payload.sandboxId).files.values()] }],
          'file.download': ({ payload }) => readPieces(fileOf(payload)),
          'file.delete': ({ payload }) => removeFile(fileOf(payload)),
          'document.sync': ({ payload }) => [find(payload.sandboxId).document.sync(payload.vector)],
        }),
      );
      return merge(written$, answers$);
    },
    close: () => all.forEach(({ life }) => life.unsubscribe()),
  };
}

/** Emits when nobody has been in it for that long. */
function abandoned({ channel }: Workspace, lingerTime: number): Observable<unknown> {
  return channel.presence$.pipe(
    map(({ members }) => members.length > 0),
    startWith(false),
    distinctUntilChanged(),
    switchMap((isUsed) => (isUsed ? NEVER : timer(lingerTime))),
    take(1),
  );
}
