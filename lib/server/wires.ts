import { nanoid } from 'nanoid';
import {
  catchError,
  defer,
  EMPTY,
  finalize,
  merge,
  mergeMap,
  of,
  Subject,
  switchMap,
  takeUntil,
  tap,
  throwError,
  timer,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { PeerGoneError, type RxwireError } from '../errors.js';
import { CloseCode } from '../link/closeCode.js';
import type { Frame, Link } from '../link/link.js';
import { createMessage } from '../message/createMessage.js';
import type { Message } from '../message/types.js';
import type { Report } from '../session/events.js';
import { isTemporary } from '../session/reconnecting.js';
import { assemble, type WireOptions } from '../wire/connect.js';
import { Wire, type WireParts } from '../wire/wire.js';
import type { Attachment } from './attachment.js';
import { readHello, type Introduction } from './hello.js';

interface WiresOptions extends WireOptions {
  readonly codecs: readonly Codec[];
  readonly endpoint: string;
  readonly detachedTimeout: number;
  readonly maxDetached: number;
  readonly scheduler: SchedulerLike;
}

/** The place of one client: its connection, while it has one. */
interface Berth {
  readonly attachments$: Subject<Attachment>;
  current: Attachment | undefined;
  /** The current one has not been taken up yet. */
  isNew: boolean;
  /** Whether the client can say that it has come back. Who cannot is a new client each time. */
  readonly returns: boolean;
}

/** All wires of a server, by the secrets of their clients: who comes back finds the wire it had. */
export function createWires(options: WiresOptions) {
  const { codecs, endpoint, detachedTimeout, maxDetached, scheduler } = options;
  const berths = new Map<string, Berth>();
  const detached = new Set<Berth>();

  const setDetached = (berth: Berth): void => {
    detached.add(berth);
    const [oldest] = detached;
    if (detached.size > maxDetached) oldest?.attachments$.error(new PeerGoneError(detachedTimeout));
  };

  /** A link that outlives its connections: it waits for the client to come back, and changes over to each newer one. */
  const linkOf =
    (berth: Berth, report: Report): Link<Frame> =>
    (outgoing) =>
      defer(() => {
        const ended$ = new Subject<void>();
        const lost$ = new Subject<void>();

        const take = (): void => {
          berth.isNew = false;
          detached.delete(berth);
        };
        const lose = (error: unknown): Observable<never> => {
          if (!berth.returns || !isTemporary(error)) throw error;
          report({ kind: 'lost', error });
          lost$.next();
          setDetached(berth);
          return EMPTY;
        };
        const gone$ = timer(detachedTimeout, scheduler).pipe(mergeMap(() => throwError(() => new PeerGoneError(detachedTimeout))));
        const frames$ = merge(berth.isNew && berth.current ? of(berth.current) : EMPTY, berth.attachments$).pipe(
          tap(take),
          switchMap(({ link }) => link(outgoing).pipe(tap({ complete: () => ended$.next() }), catchError(lose))),
        );
        return merge(lost$.pipe(switchMap(() => gone$.pipe(takeUntil(berth.attachments$)))), frames$).pipe(
          takeUntil(ended$),
          finalize(take),
        );
      });

  const attach = (berth: Berth, attachment: Attachment): void => {
    const older = berth.current;
    berth.current = attachment;
    berth.isNew = true;
    berth.attachments$.next(attachment);
    // Only now that nobody listens to it: to the wire this is no loss.
    older?.close(CloseCode.SUPERSEDED, 'another connection took over');
  };

  const open = (attachment: Attachment, { codec, hello }: Introduction): Wire => {
    const berth: Berth = { attachments$: new Subject(), current: attachment, isNew: true, returns: hello !== undefined };
    if (hello) berths.set(hello.session, berth);
    const leave = (): void => void (hello && berths.delete(hello.session));

    const id = nanoid();
    const delivery = hello?.delivery ?? 'at-least-once';
    const greeting = hello ? { greeting: welcome(id) } : {};
    return new Wire({
      ...{ id, endpoint, delivery, scheduler, protocol: 'websocket' },
      open: (parts) =>
        quiet(assemble(linkOf(berth, parts.report), codec, { ...options, ...greeting, delivery, reconnect: false }, parts), parts, leave),
    });
  };

  return {
    /** The wire of a new client; nothing, when the client was known and has its wire already. */
    admit(attachment: Attachment): Wire | undefined {
      const introduction = readHello(attachment.first, codecs);
      const berth = introduction.hello && berths.get(introduction.hello.session);
      if (!berth) return open(attachment, introduction);
      attach(berth, attachment);
      return undefined;
    },
    /** Ends them all; the clients may look for another server. */
    close(): void {
      for (const { current, attachments$ } of [...berths.values()]) {
        current?.close(CloseCode.GOING_AWAY, 'the server stops');
        attachments$.complete();
      }
    },
  };
}

/** Tells a client on each connection whether it found its wire again. */
function welcome(source: string): () => Message {
  let resumed = false;
  return () => {
    const message = createMessage('system.welcome', { resumed }, { source });
    resumed = true;
    return message;
  };
}

/** That a client goes is no failure of the server: its wire completes, and the reason is among its errors. */
function quiet(link: Link<Message>, { report }: WireParts, leave: () => void): Link<Message> {
  return (outgoing) =>
    link(outgoing).pipe(
      catchError((error: unknown) => {
        report({ kind: 'error', error: error as RxwireError });
        return EMPTY;
      }),
      finalize(leave),
    );
}
