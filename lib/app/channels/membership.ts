import { asapScheduler, defer, EMPTY, firstValueFrom, merge, Observable, of, share, takeUntil, type Subscriber } from 'rxjs';
import type { RxwireError } from '../../errors.js';
import { ignorable } from '../../internal/ignorable.js';
import { completionOf } from '../../internal/completionOf.js';
import { refCounted } from '../../internal/refCounted.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { CHANNEL_DEFAULTS, type ChannelOptions, type ChannelStart } from './channelOptions.js';
import type { ChannelReader, JoinStart } from './channelReaders.js';
import type { ChannelGap, ChannelState } from './channelState.js';
import type { Presence } from './presence.js';
import { createMemberList } from './memberList.js';
import { createChannelProtocol } from './channelProtocol.js';
import { createPendingPublishes } from './pendingPublishes.js';
import { createPendingReads, type HistoryRange, type PastMessage } from './pendingReads.js';
import { createPositionMemory } from './positionMemory.js';
import { positionOf, positionText } from './positionText.js';
import type { Demultiplexer } from './demultiplexer.js';

/**
 * A follower of a channel receives these, each with the position behind it: first that the hub has
 * all messages from its place on, then each message.
 */
export type Followed =
  | { readonly kind: 'confirmed'; readonly position: ChannelPosition }
  | { readonly kind: 'message'; readonly position: ChannelPosition; readonly message: Message }
  /** Messages are lost. Nothing follows. */
  | { readonly kind: 'gap'; readonly gap: ChannelGap };

/** One channel on the client's side. The client is a member while there are subscribers. */
export interface Membership {
  /** Sets where the subscribers of the channel begin, before the first of them. */
  readonly configure: (options: StartOptions) => void;
  /** Emits what follows a place, also when the subscribers of the channel are elsewhere. */
  readonly follow: (from: Exclude<ChannelStart, 'live'>) => Observable<Followed>;
  readonly messages$: Observable<Message>;
  readonly presence$: Observable<Presence>;
  readonly state$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;
  readonly position: () => string | undefined;
  readonly updatePresence: (state: unknown) => void;
  /** Emits older messages. */
  readonly history: (range: HistoryRange) => Observable<PastMessage>;
  /** Sends a `channel.publish` that requests an answer. */
  readonly send: (publish: Message) => Promise<ChannelPosition | undefined>;
}

export function createMembership(channel: string, wire: Wire, demultiplexer: Demultiplexer, options: ChannelOptions): Membership {
  const { answerTimeout = CHANNEL_DEFAULTS.answerTimeout, scheduler = steadyScheduler() } = options;
  const memberList = createMemberList(() => protocol.member());
  let hasWireEnded = false;

  const presenceRefCount = refCounted(
    () => protocol.updateWatch(),
    () => {
      memberList.reset();
      protocol.updateWatch();
    },
  );
  const pendingPublishes = createPendingPublishes({ channel, wire, answerTimeout, scheduler });
  const pendingReads = createPendingReads({ channel, wire, answerTimeout, scheduler });
  const protocol = createChannelProtocol({
    channel,
    wire,
    answerTimeout,
    scheduler,
    microtask: options.microtask ?? asapScheduler,
    memberList,
    pendingPublishes,
    pendingReads,
    wantsPresence: presenceRefCount.isActive,
  });
  const end = (error?: RxwireError): void => {
    hasWireEnded = true;
    protocol.end(error);
    pendingPublishes.end(error);
    pendingReads.end(error);
  };
  const wireRefCount = refCounted(
    () => demultiplexer.add(channel, { ...protocol, end }),
    () => demultiplexer.remove(channel),
  );
  const read = <T>(createReader: CreateReader<T>): Observable<T> =>
    wireRefCount.by(
      new Observable<T>((subscriber) => {
        if (hasWireEnded) {
          subscriber.complete();
          return;
        }
        const reader = createReader(subscriber);
        subscriber.add(() => protocol.remove(reader));
        protocol.add(reader);
      }),
    );
  const subscribers = createSubscribersReader(channel, options, (error) => wire.report(error), protocol.reportGap);
  const messages$ = read(subscribers.createReader).pipe(share());
  const memberList$ = defer(() => {
    const known = memberList.snapshot();
    return merge(known ? of(known) : EMPTY, memberList.changes$).pipe(takeUntil(completionOf(messages$)));
  });

  return {
    configure: subscribers.configure,
    follow: (from) => read(createFollower(from)),
    messages$,
    presence$: presenceRefCount.by(memberList$),
    state$: protocol.state$,
    gaps$: protocol.gaps$,
    errors$: wireRefCount.by(protocol.errors$),
    position() {
      const position = subscribers.position();
      return position && positionText(position);
    },
    updatePresence: protocol.updatePresence,
    history: (range) => wireRefCount.by(pendingReads.read(range)),
    send: (publish) =>
      ignorable(firstValueFrom(wireRefCount.by(pendingPublishes.send(publish))), (error) => {
        // A message that was refused, or not answered, has reached the server.
        const { code } = error as RxwireError;
        wire.unseen?.ignored(publish.id, error, code !== 'ERR_CHANNEL_REFUSED' && code !== 'ERR_REQUEST_TIMEOUT');
      }),
  };
}

/** Returns a reader that emits to the subscriber of an Observable. */
type CreateReader<T> = (subscriber: Subscriber<T>) => ChannelReader;

/** The part of the options that says where the subscribers of a channel begin. */
type StartOptions = Pick<ChannelOptions, 'from' | 'remember' | 'microtask'>;

/** Creates the reader of the subscribers of a channel, which share one position. */
function createSubscribersReader(
  channel: string,
  options: StartOptions,
  report: (error: RxwireError) => void,
  onGap: (gap: ChannelGap) => void,
) {
  let startOptions = options;
  /** The present reader, or the latest. */
  let latest: ChannelReader | undefined;
  let reached: ChannelPosition | undefined;

  const position = (): ChannelPosition | undefined => (reached = latest?.position ?? reached);
  const createReader: CreateReader<Message> = (subscriber) => {
    const { from = CHANNEL_DEFAULTS.from } = startOptions;
    const memory = createPositionMemory(channel, startOptions, report);
    position();
    const next = (message: Message, at: ChannelPosition | undefined): void => {
      if (at) memory.write(at);
      subscriber.next(message);
    };
    return (latest = { ...placeOf(from, memory.read()), next, onGap, onEnd: endOf(subscriber) });
  };
  return { position, createReader, configure: (start: StartOptions) => void (startOptions = start) };
}

/** Returns what creates a reader of its own position. It ends with its first gap. */
const createFollower =
  (from: ChannelStart): CreateReader<Followed> =>
  (subscriber) => ({
    ...placeOf(from),
    onConfirmed: (position) => subscriber.next({ kind: 'confirmed', position }),
    next(message, position) {
      if (position) subscriber.next({ kind: 'message', position, message });
    },
    onGap(gap) {
      subscriber.next({ kind: 'gap', gap });
      subscriber.complete();
    },
    onEnd: endOf(subscriber),
  });

const endOf =
  (subscriber: Subscriber<unknown>) =>
  (error: unknown): void => {
    if (error === undefined) subscriber.complete();
    else subscriber.error(error);
  };

/** Returns where a reader begins. @param remembered The position that it has stored. */
function placeOf(from: ChannelStart, remembered?: ChannelPosition): Pick<ChannelReader, 'position' | 'first'> {
  const position = remembered ?? positionOf(from);
  return { position, first: position ? {} : firstOf(from) };
}

/** Returns the fields of a join request without a position. */
function firstOf(from: ChannelStart): JoinStart {
  if (from === 'start') return { start: true };
  return typeof from === 'object' && 'last' in from && from.last > 0 ? { history: from.last } : {};
}
