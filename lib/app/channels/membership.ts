import { asyncScheduler, defer, EMPTY, finalize, firstValueFrom, merge, of, share, Subject, takeUntil, type Observable } from 'rxjs';
import type { RxwireError } from '../../errors.js';
import { completionOf } from '../../internal/completionOf.js';
import { refCounted } from '../../internal/refCounted.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { CHANNEL_DEFAULTS, type ChannelOptions } from './channelOptions.js';
import { ignorable } from './channelSubject.js';
import type { ChannelGap, ChannelState } from './channelState.js';
import type { Presence } from './presence.js';
import { createMemberList } from './memberList.js';
import { createChannelProtocol } from './channelProtocol.js';
import { createPendingPublishes } from './pendingPublishes.js';
import type { Demultiplexer } from './demultiplexer.js';

/** One channel on the client's side. The client is a member while there are subscribers. */
export interface Membership {
  readonly messages$: Observable<Message>;
  readonly presence$: Observable<Presence>;
  readonly state$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;
  /** Sends a `channel.publish` that requests an answer. */
  readonly send: (publish: Message) => Promise<ChannelPosition | undefined>;
}

export function createMembership(channel: string, wire: Wire, demultiplexer: Demultiplexer, options: ChannelOptions): Membership {
  const { history = CHANNEL_DEFAULTS.history, answerTimeout = CHANNEL_DEFAULTS.answerTimeout, scheduler = asyncScheduler } = options;
  const memberList = createMemberList();
  let messageSubject = new Subject<Message>();
  let hasWireEnded = false;

  const presenceRefCount = refCounted(
    () => protocol.updateWatch(),
    () => {
      memberList.reset();
      protocol.updateWatch();
    },
  );
  const pendingPublishes = createPendingPublishes({ channel, wire, answerTimeout, scheduler });
  const protocol = createChannelProtocol({
    channel,
    wire,
    history,
    answerTimeout,
    scheduler,
    memberList,
    pendingPublishes,
    wantsPresence: presenceRefCount.isActive,
    emit: (message) => messageSubject.next(message),
    onRefused: (error) => messageSubject.error(error),
  });
  const end = (error?: RxwireError): void => {
    hasWireEnded = true;
    protocol.end(error);
    pendingPublishes.end(error);
    // The error of a wire belongs to the subscribers of the wire. Here it would end the process, unless each subscriber had an error callback.
    messageSubject.complete();
  };
  const wireRefCount = refCounted(
    () => demultiplexer.add(channel, { ...protocol, end }),
    () => demultiplexer.remove(channel),
  );
  const joined$ = defer(() => {
    // If the wire has ended, `messageSubject` has ended too.
    if (!hasWireEnded) protocol.join();
    return messageSubject.pipe(finalize(protocol.leave));
  });
  const messages$ = defer(() => {
    messageSubject = new Subject();
    hasWireEnded = false;
    return wireRefCount.by(joined$);
  }).pipe(share());
  const memberList$ = defer(() => {
    const known = memberList.snapshot();
    return merge(known ? of(known) : EMPTY, memberList.changes$).pipe(takeUntil(completionOf(messages$)));
  });

  return {
    messages$,
    presence$: presenceRefCount.by(memberList$),
    state$: protocol.state$,
    gaps$: protocol.gaps$,
    errors$: wireRefCount.by(protocol.errors$),
    send: (publish) => ignorable(firstValueFrom(wireRefCount.by(pendingPublishes.send(publish)))),
  };
}
