import { nanoid } from 'nanoid';
import { BehaviorSubject, catchError, EMPTY, finalize, type SchedulerLike } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { PeerGoneError } from '../errors.js';
import type { Link } from '../link/link.js';
import { createMessage } from '../message/createMessage.js';
import type { Message } from '../message/types.js';
import { assemble, type WireOptions } from '../wire/connect.js';
import { Wire, type WireParts } from '../wire/wire.js';
import type { Attachment } from './attachment.js';
import { berthLink, takeOver, type Berth } from './berth.js';
import { readHello, type Introduction } from './hello.js';

interface WiresOptions extends WireOptions {
  readonly codecs: readonly Codec[];
  readonly endpoint: string;
  readonly detachedTimeout: number;
  readonly maxDetached: number;
  readonly scheduler: SchedulerLike;
}

/** All wires of a server, by the secrets of their clients: who comes back finds the wire it had. */
export function createWires(options: WiresOptions) {
  const { codecs, endpoint, detachedTimeout, maxDetached, scheduler } = options;
  const berths = new Map<string | symbol, Berth>();
  // Since when, the longest first.
  const detached = new Map<Berth, number>();

  const onDetached = (berth: Berth): void => {
    const now = scheduler.now();
    detached.set(berth, now);
    if (detached.size <= maxDetached) return;
    const [[oldest, since] = [berth, now]] = detached;
    oldest.attachments$.error(new PeerGoneError(now - since));
  };
  const onAttached = (berth: Berth): void => void detached.delete(berth);

  const open = (attachment: Attachment, { codec, hello }: Introduction): Wire => {
    const berth: Berth = { attachments$: new BehaviorSubject(attachment), returns: hello !== undefined };
    const key = hello?.session ?? Symbol();
    berths.set(key, berth);

    const id = nanoid();
    const { delivery = 'at-least-once' } = hello ?? {};
    const settings = { ...options, ...(hello && { greeting: welcome(id, scheduler) }), delivery, reconnect: false } as const;
    const leave = (): void => void berths.delete(key);
    return new Wire({
      ...{ id, endpoint, delivery, scheduler, protocol: 'websocket' },
      open: (parts) => {
        const link = berthLink(berth, { detachedTimeout, scheduler, report: parts.report, onDetached, onAttached });
        return quiet(assemble(link, codec, settings, parts), parts, leave);
      },
    });
  };

  return {
    /** The wire of a new client; nothing, when the client was known and has its wire already. */
    admit(attachment: Attachment): Wire | undefined {
      const introduction = readHello(attachment.first, codecs);
      const berth = introduction.hello && berths.get(introduction.hello.session);
      if (!berth) return open(attachment, introduction);
      takeOver(berth, attachment);
      return undefined;
    },
    /** Ends them all; the clients may look for another server. */
    close: (): void => {
      for (const { attachments$ } of [...berths.values()]) attachments$.complete();
    },
  };
}

/** Tells a client on each connection whether it found its wire again. */
function welcome(source: string, scheduler: SchedulerLike): () => Message {
  let resumed = false;
  return () => {
    const message = createMessage('system.welcome', { resumed }, { source, scheduler });
    resumed = true;
    return message;
  };
}

/** That a client goes is no failure of the server: its wire completes, and the reason is among its errors. */
function quiet(link: Link<Message>, { report }: WireParts, leave: () => void): Link<Message> {
  return (outgoing) =>
    link(outgoing).pipe(
      catchError((error: unknown) => {
        report({ kind: 'error', error });
        return EMPTY;
      }),
      finalize(leave),
    );
}
