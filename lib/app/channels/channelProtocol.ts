import { Subject, type Observable, type SchedulerLike } from 'rxjs';
import { ChannelEndedError, ChannelRefusedError, type RxwireError } from '../../errors.js';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { createMessage } from '../../message/createMessage.js';
import type { ChannelEnd } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../session/receive/delivery.js';
import type { ChannelReader } from './channelReaders.js';
import type { ChannelGap, ChannelState } from './channelState.js';
import { readDelivery, readEnd, readJoined, readPast, readPresence, readPublished, readRefused } from './channelPayloads.js';
import type { MemberList } from './memberList.js';
import { createJoinState, isJoining, isOut, type JoinState, type JoinStateOptions } from './joinState.js';
import type { PendingPublishes } from './pendingPublishes.js';
import type { PendingReads } from './pendingReads.js';
import type { ChannelReceiver } from './demultiplexer.js';

export interface ChannelProtocolOptions extends JoinStateOptions {
  readonly memberList: MemberList;
  readonly pendingPublishes: Pick<PendingPublishes, 'confirm' | 'refuse'>;
  readonly pendingReads: Pick<PendingReads, 'take' | 'refuse'>;
  readonly microtask: SchedulerLike;
}

/**
 * The client's side of the channel protocol for one channel: join, leave, deliveries and presence.
 */
export interface ChannelProtocol extends ChannelReceiver {
  readonly state$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;
  /** Adds a reader. The first one joins the channel. */
  readonly add: (reader: ChannelReader) => void;
  /** Removes a reader. The last one leaves the channel. */
  readonly remove: (reader: ChannelReader) => void;
  /** Reports a gap of the subscribers of the channel. */
  readonly reportGap: (gap: ChannelGap) => void;
  /** The id of this client as a member. */
  readonly member: () => string | undefined;
  /**
   * Publishes a state of this member at the end of the microtask, and again after each join, until
   * it leaves.
   */
  readonly updatePresence: (state: unknown) => void;
  /** Tells the server whether `presence$` has subscribers. */
  readonly updateWatch: () => void;
}

export function createChannelProtocol(options: ChannelProtocolOptions): ChannelProtocol {
  const { channel, wire, scheduler, microtask, wantsPresence } = options;
  let presence: { readonly state: unknown } | undefined;
  const errors$ = new Subject<RxwireError>();
  const joinState = createJoinState(options, (error) => {
    errors$.next(error);
    wire.report(error);
  });
  const { state$, gaps$, readers, status, requestJoin, stop } = joinState;
  // The hub needs these messages, whatever the default of the wire is.
  const sendOptions = { delivery: 'at-least-once', scheduler } as const;
  const sendLeave = (): void => wire.next(createMessage('channel.leave', { channel }, sendOptions));
  const sendPresence = (): void => {
    if (presence && status() === 'joined') wire.next(createMessage('channel.update', { channel, ...presence }, sendOptions));
  };
  const presenceTimer = createCoalescedTimer(microtask, sendPresence);
  const handle = createMessageHandler({ ...options, sendLeave, sendPresence }, joinState, errors$);
  const sendWatch = (): void => {
    if (!isOut(status())) wire.next(createMessage('channel.watch', { channel, watch: wantsPresence() }, sendOptions));
  };
  return {
    state$,
    gaps$,
    errors$,
    updateWatch: sendWatch,
    member: () => state$.value.member,
    updatePresence(state) {
      presence = { state };
      presenceTimer.set(0);
    },
    add: joinState.add,
    remove(reader) {
      if (!joinState.remove(reader)) return;
      presence = undefined;
      if (isOut(status())) return;
      stop({ status: 'left' });
      sendLeave();
    },
    reportGap: joinState.reportGap,
    receive(message) {
      try {
        handle(message);
      } catch (error) {
        // Only read errors arrive here, and they are RxwireErrors. Errors of subscribers are
        // reported by RxJS.
        errors$.next(error as RxwireError);
      }
    },
    resync(cause) {
      // A pending join is answered or repeated anyway.
      if (cause === 'restarted' ? status() === 'joined' : cause === 'lost' && !isOut(status())) requestJoin();
      if (cause === 'missed' && wantsPresence()) sendWatch();
    },
    end(error) {
      stop({ status: 'left', ...(error && { error }) });
      for (const subject of [state$, gaps$, errors$]) subject.complete();
      // The error of a wire belongs to the subscribers of the wire. Here it would end the process,
      // unless each subscriber had an error callback.
      readers.end(undefined);
    },
  };
}

/** Handles the messages that the hub sends about this channel. */
function createMessageHandler(
  options: ChannelProtocolOptions & { readonly sendLeave: () => void; readonly sendPresence: () => void },
  joinState: JoinState,
  errors$: Subject<RxwireError>,
): (message: Message) => void {
  const { channel, wantsPresence, memberList, pendingPublishes, pendingReads, sendLeave, sendPresence } = options;
  const { readers, status, isLatest, accept, confirmJoin, stop } = joinState;

  const handleJoined = ({ payload }: Message): void => {
    const joined = readJoined(payload);
    // A repeated request may be answered twice.
    if (!isLatest(joined.join) || !isJoining(status())) return;
    confirmJoin(joined);
    sendPresence();
  };
  const handleRefused = ({ payload, correlationId }: Message): void => {
    const { action, reason, join: refusedJoin } = readRefused(payload);
    if (pendingReads.refuse(correlationId ?? '', new ChannelRefusedError(channel, action, reason))) return;
    if (action === 'join' && !isLatest(refusedJoin)) return;
    const error = new ChannelRefusedError(channel, action, reason, action === 'join' ? undefined : correlationId);
    errors$.next(error);
    pendingPublishes.refuse(correlationId ?? '', error);
    if (action !== 'join' || status() === 'left') return;
    stop({ status: 'refused', error });
    readers.end(error);
  };
  const end = (how: ChannelEnd): void => {
    stop({ status: 'ended', end: how });
    sendLeave();
    readers.end(how.status === 'completed' ? undefined : new ChannelEndedError(channel, how));
  };
  const handleDelivery = (carrier: Message): void => {
    // Messages that were sent before the join are sent again after it.
    if (status() !== 'joined') return;
    const received = readDelivery(carrier);
    const receivers = accept(received);
    if (received.message.type !== 'channel.ended') {
      if (receivers.length > 0) readers.deliver(receivers, received, claim(carrier));
    } else if (status() === 'joined') end(readEnd(received.message.payload));
  };

  return (message) => {
    if (message.type === 'channel.message') handleDelivery(message);
    else if (message.type === 'channel.joined') handleJoined(message);
    else if (message.type === 'channel.refused') handleRefused(message);
    else if (message.type === 'channel.published') pendingPublishes.confirm(message.correlationId ?? '', readPublished(message.payload));
    else if (message.type === 'channel.past') pendingReads.take(message.correlationId ?? '', readPast(message.payload));
    else if (message.type === 'channel.presence' && wantsPresence()) memberList.apply(readPresence(message.payload));
  };
}
