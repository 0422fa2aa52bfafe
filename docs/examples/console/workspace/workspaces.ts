import {
  combineLatest,
  distinctUntilChanged,
  EMPTY,
  filter,
  finalize,
  ignoreElements,
  map,
  merge,
  NEVER,
  startWith,
  switchMap,
  take,
  tap,
  timer,
  type Observable,
} from 'rxjs';
import {
  ChannelFailedError,
  consume,
  memoryChannelLog,
  ofType,
  reply,
  ReplyError,
  type ChannelLog,
  type FilePayload,
  type Message,
  type Wire,
} from 'rxwire';
import { hub } from 'rxwire/server';
import { assistantIn, channelOf, RUN_CHANNEL, stateChannelOf, workspaceIn, WORKSPACE_NAME } from '../messages.js';
import { runCode, type SandboxOptions } from '../sandbox.js';
import { createAssistant } from './assistant.js';
import { locate, readPieces, removeFile } from './files.js';
import { createRuns, type Runs, type RunsOptions } from './runs.js';
import { createUploads } from './uploads.js';
import { createWorkspace, type Workspace } from './workspace.js';

export interface WorkspacesOptions extends SandboxOptions, RunsOptions {
  /** Workspaces at once; one more is refused. @default 100 */
  readonly maxWorkspaces?: number;
  /** How long a workspace stays when the last of its people has left, in ms. @default 60_000 */
  readonly lingerTime?: number;
}

/** For who was away for a moment: files and texts are asked for. */
const SHORTLY = { messages: 1_000, age: 300_000 };

/** The state of a workspace: its files by their paths, and its resources. */
const STATE = {
  key: ({ type, payload }: Message): string => (type === 'file.change' ? (payload as FilePayload).path : type),
  isDeleted: ({ payload }: Message): boolean => (payload as Partial<FilePayload>).operation === 'delete',
};

/** What a client may publish: all else in a channel is the server's word. */
const PUBLISHED: readonly string[] = ['document.edit', 'document.caret'];

export interface Workspaces {
  /** As that of {@link Runs}: before the first client comes, or when a node of the cluster has gone. */
  readonly interrupt: Runs['interrupt'];
  /** Serves a client: its channels, what it asks, and the programs that it starts and stops. Emits what is to be sent back. */
  readonly serve: (wire: Wire) => Observable<Message>;
  readonly close: () => void;
}

/**
 * All workspaces of a server. One is made when somebody comes in, and goes when nobody has been in it for a while, and no program runs.
 *
 * @param log Keeps the channels.
 */
export function createWorkspaces(log: ChannelLog, options: WorkspacesOptions = {}): Workspaces {
  const { maxWorkspaces = 100, lingerTime = 60_000 } = options;
  const all = new Map<string, Workspace>();
  const rooms = hub({
    log,
    // Who comes back to a server that was restarted publishes the whole text.
    maxSize: 900_000,
    // An error is a no.
    authorize({ channel, action, message }) {
      if (RUN_CHANNEL.test(channel)) return action === 'join';
      const id = workspaceIn(channel) ?? assistantIn(channel);
      if (id === undefined) return false;
      if (action === 'join') return open(id) ? true : { reason: 'There are too many workspaces, or this is not the name of one.' };
      if (!message || channel !== channelOf(id)) return false;
      if (PUBLISHED.includes(message.type)) all.get(id)?.document.check(message);
      return all.has(id) && PUBLISHED.includes(message.type);
    },
  });

  const open = (id: string): Workspace | undefined => {
    const known = all.get(id);
    if (known) return known;
    if (!WORKSPACE_NAME.test(id) || all.size >= maxWorkspaces) return undefined;
    const channels = { channel: rooms.channel(channelOf(id), { retain: SHORTLY }), state: rooms.channel(stateChannelOf(id), STATE) };
    const workspace = createWorkspace(id, channels, options);
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

  // A full disk, for instance: runs whose output cannot be kept are stopped.
  const reported = rooms.errors$
    .pipe(filter((error) => error instanceof ChannelFailedError && error.part === 'log'))
    .subscribe(({ message }) => console.error(`rxwire: ${message}`));
  const runs = createRuns(
    rooms,
    log,
    (id, code, kill$) => all.get(id)?.run(code, { ...options, kill$ }) ?? runCode(code, { ...options, kill$ }),
    options,
  );

  const assistant = createAssistant(rooms, (id) => all.get(id)?.document.text());

  return {
    interrupt: runs.interrupt,
    serve(wire) {
      rooms.serve(wire);
      assistant(wire);
      const uploads = createUploads(find);
      const written$ = wire.pipe(
        ofType('upload.chunk'),
        consume(({ payload }) => uploads.write(payload)),
        finalize(uploads.close),
        ignoreElements(),
      );
      // Acked when the run is in the log: it outlives this client, and its connection.
      const started$ = wire.pipe(ofType('execution.start'), consume(runs.start), ignoreElements());
      const stopped$ = wire.pipe(
        ofType('execution.stop', 'execution.kill'),
        tap(({ type, payload }) => (type === 'execution.stop' ? runs.stop(payload) : runs.kill(payload))),
        ignoreElements(),
      );
      const fileOf = ({ sandboxId, path }: FilePayload): string => locate(find(sandboxId).folder, path);
      const answers$ = wire.pipe(
        reply({
          'file.download': ({ payload }) => readPieces(fileOf(payload)),
          'file.delete': ({ payload }) => removeFile(fileOf(payload)),
          'document.sync': ({ payload }) => [find(payload.sandboxId).document.sync(payload.vector)],
        }),
      );
      return merge(started$, stopped$, written$, answers$);
    },
    close() {
      reported.unsubscribe();
      runs.close();
      all.forEach(({ life }) => life.unsubscribe());
    },
  };
}

/** A log whose runs are in another log. The rest is in memory: it is worth nothing without the folders, which end with the server. */
export function runsIn(runs: ChannelLog): ChannelLog {
  const workspaces = memoryChannelLog();
  const logOf = (channel: string): ChannelLog => (RUN_CHANNEL.test(channel) ? runs : workspaces);
  return {
    append: (channel, message) => logOf(channel).append(channel, message),
    read: (channel, query) => logOf(channel).read(channel, query),
    isKnown: (channel, position) => logOf(channel).isKnown?.(channel, position) ?? true,
    tail: (channel) => logOf(channel).tail(channel),
    broadcast: (channel, message) => logOf(channel).broadcast?.(channel, message),
    retain: (channel, retention) => logOf(channel).retain?.(channel, retention),
    compact: (channel, ...rest) => logOf(channel).compact?.(channel, ...rest),
    list: (prefix) => (prefix.startsWith('run') ? runs : workspaces).list?.(prefix) ?? EMPTY,
  };
}

/** Emits when nobody has been in it for that long, and no program. */
function abandoned({ channel, programs$ }: Workspace, lingerTime: number): Observable<unknown> {
  const members$ = channel.presence$.pipe(
    map(({ members }) => members.length),
    startWith(0),
  );
  return combineLatest([members$, programs$]).pipe(
    map(([members, programs]) => members + programs > 0),
    distinctUntilChanged(),
    switchMap((isUsed) => (isUsed ? NEVER : timer(lingerTime))),
    take(1),
  );
}
