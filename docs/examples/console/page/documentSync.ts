import {
  animationFrameScheduler,
  combineLatest,
  concat,
  defer,
  distinctUntilChanged,
  EMPTY,
  filter,
  fromEventPattern,
  ignoreElements,
  map,
  merge,
  Subject,
  switchMap,
  take,
  tap,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { batchByKey, createMessage, ofType, request, retryBackoff, type ChannelRefusedError, type RequestTypes } from 'rxwire';
import { applyUpdate, decodeUpdate, encodeStateAsUpdate, encodeStateVector, equalDeleteSets, mergeUpdates, type Doc } from 'yjs';
import { REMOTE } from '../document.js';
import type { SharedWorkspace } from './workspace.js';

export interface SyncOptions {
  /** While it says true, what others write waits. @default never */
  readonly hold$?: Observable<boolean>;
  /** What is written within one of its moments is published as one. @default animationFrameScheduler */
  readonly scheduler?: SchedulerLike;
}

type Answer = RequestTypes['document.sync']['reply'];

/**
 * Keeps a document the same as that of all others in the workspace. Edits go out as they are made and come in as they are published; whoever
 * was away, or has missed something, or meets a server that was restarted, tells and asks what is missing first.
 *
 * @throws {ChannelRefusedError} Delivered when the server does not take what is written here, even so: there may be no room for it.
 */
export function syncDocument(doc: Doc, workspace: SharedWorkspace, options: SyncOptions = {}): Observable<never> {
  const { hold$ = EMPTY, scheduler = animationFrameScheduler } = options;
  const { channel } = workspace;

  return defer(() => {
    const doorway = createDoorway(doc, hold$);
    const again$ = new Subject<void>();
    const publish = (update: Uint8Array): string => {
      const message = createMessage('document.edit', { update });
      channel.next(message);
      return message.id;
    };
    /** What was published to bring the server up to date: it must be able to take that. */
    let catchingUp = '';
    const sync$ = defer(() => ask(doc, workspace)).pipe(
      tap(({ update, vector }) => {
        doorway.admit(update);
        const lacking = encodeStateAsUpdate(doc, vector);
        if (isNews(lacking, update)) catchingUp = publish(lacking);
      }),
    );
    const edits$ = editsOf(doc).pipe(
      batchByKey(() => doc, { maxWait: 0, scheduler }),
      tap(({ items }) => publish(mergeUpdates([...items]))),
    );
    const out$ = merge(isIn(workspace), again$.pipe(map(() => true))).pipe(
      // A server that was replaced meanwhile refuses what was on its way to the one before, and for no other reason.
      tap((is) => (catchingUp = is ? catchingUp : '')),
      // Not before the server has what they stand on.
      switchMap((is) => (is ? concat(sync$, edits$) : EMPTY)),
    );
    const in$ = channel.pipe(
      ofType('document.edit'),
      tap(({ payload }) => doorway.admit(payload.update)),
    );
    const refused$ = channel.errors$.pipe(
      filter((error): error is ChannelRefusedError => error.code === 'ERR_CHANNEL_REFUSED'),
      tap((error) => {
        if (error.id === catchingUp) throw error;
        again$.next();
      }),
    );
    return merge(doorway.opened$, refused$, in$, out$).pipe(ignoreElements());
  });
}

/** Asks for what is missing here, again and again until there is an answer. */
function ask(doc: Doc, { id, wire }: SharedWorkspace): Observable<Answer> {
  return defer(() => request(wire, createMessage('document.sync', { sandboxId: id, vector: encodeStateVector(doc) }))).pipe(
    take(1),
    retryBackoff({ initialInterval: 500, maxInterval: 5_000 }),
  );
}

/** Whether we are in the workspace just now. A gap in what comes from there is an end of that, and a new beginning. */
function isIn({ wire, channel }: SharedWorkspace): Observable<boolean> {
  return combineLatest([wire.state$, channel.state$]).pipe(
    map(([connection, { status }]) => connection.status === 'connected' && status === 'joined'),
    distinctUntilChanged(),
  );
}

/** What is written here. */
function editsOf(doc: Doc): Observable<Uint8Array> {
  type Listener = (update: Uint8Array, origin: unknown) => void;
  const updates$: Observable<[Uint8Array, unknown]> = fromEventPattern(
    (listener: Listener) => doc.on('update', listener),
    (listener: Listener) => doc.off('update', listener),
  );
  return updates$.pipe(
    filter(([, origin]) => origin !== REMOTE),
    map(([update]) => update),
  );
}

/** Whether there is anything in it that is not in what the server has sent. Deletions are in each of them, all that there are. */
function isNews(lacking: Uint8Array, sent: Uint8Array): boolean {
  const { structs, ds } = decodeUpdate(lacking);
  return structs.length > 0 || !equalDeleteSets(ds, decodeUpdate(sent).ds);
}

interface Doorway {
  /** Takes over what others have written, when it may come in. */
  readonly admit: (update: Uint8Array) => void;
  readonly opened$: Observable<boolean>;
}

function createDoorway(doc: Doc, hold$: Observable<boolean>): Doorway {
  let isShut = false;
  let waiting: Uint8Array[] = [];
  const admit = (update: Uint8Array): void => {
    if (isShut) waiting = [mergeUpdates([...waiting, update])];
    else applyUpdate(doc, update, REMOTE);
  };
  const open = (is: boolean): void => {
    isShut = is;
    if (!is) waiting.splice(0).forEach(admit);
  };
  return { admit, opened$: hold$.pipe(tap(open)) };
}
