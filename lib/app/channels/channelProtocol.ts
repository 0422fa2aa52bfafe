import { Subject, type Observable } from 'rxjs';
import { ChannelRefusedError, type RxwireError } from '../../errors.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../session/receive/delivery.js';
import { forwardDelivery } from '../routing/forwardDelivery.js';
import type { ChannelGap, ChannelState } from './channelState.js';
import { readDelivery, readJoined, readPresence, readPublished, readRefused } from './channelPayloads.js';
import type { MemberList } from './memberList.js';
import { createJoinState, type JoinState, type JoinStateOptions } from './joinState.js';
import type { PendingPublishes } from './pendingPublishes.js';
import type { ChannelReceiver } from './demultiplexer.js';

export interface ChannelProtocolOptions extends JoinStateOptions {
  readonly memberList: MemberList;
  readonly pendingPublishes: Pick<PendingPublishes, 'confirm' | 'refuse'>;
  readonly emit: (message: Message) => void;
  readonly onRefused: (error: ChannelRefusedError) => void;
}

/** The client's side of the channel protocol for one channel: join, leave, deliveries and presence. */
export interface ChannelProtocol extends ChannelReceiver {
  readonly state$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;
  readonly join: () => void;
  readonly leave: () => void;
  /** Tells the server whether `presence$` has subscribers. */
  readonly updateWatch: () => void;
}

export function createChannelProtocol(options: ChannelProtocolOptions): ChannelProtocol {
  const { channel, wire, scheduler, wantsPresence } = options;
  const errors$ = new Subject<RxwireError>();
  const joinState = createJoinState(options);
  const { state$, gaps$, is, requestJoin, stop } = joinState;
  const handle = createMessageHandler(options, joinState, errors$);
  // The hub needs these messages, whatever the default of the wire is.
  const sendOptions = { delivery: 'at-least-once', scheduler } as const;
  const isOut = (): boolean => is('left', 'refused');

  const sendWatch = (): void => {
    if (!isOut()) wire.next(createMessage('channel.watch', { channel, watch: wantsPresence() }, sendOptions));
  };
  return {
    state$,
    gaps$,
    errors$,
    updateWatch: sendWatch,
    join: requestJoin,
    leave() {
      if (isOut()) return;
      stop({ status: 'left' });
      wire.next(createMessage('channel.leave', { channel }, sendOptions));
    },
    receive(message) {
      try {
        handle(message);
      } catch (error) {
        // Only read errors arrive here, and they are RxwireErrors. Errors of subscribers are reported by RxJS.
        errors$.next(error as RxwireError);
      }
    },
    resync(cause) {
      // A pending join is answered or repeated anyway.
      if (cause === 'restarted' ? is('joined') : cause === 'lost' && !isOut()) requestJoin();
      if (cause === 'missed' && wantsPresence()) sendWatch();
    },
    end(error) {
      stop({ status: 'left', ...(error && { error }) });
      for (const subject of [state$, gaps$, errors$]) subject.complete();
    },
  };
}

/** Handles the messages that the hub sends about this channel. */
function createMessageHandler(
  options: ChannelProtocolOptions,
  joinState: JoinState,
  errors$: Subject<RxwireError>,
): (message: Message) => void {
  const { channel, wantsPresence, memberList, pendingPublishes, emit, onRefused } = options;
  const { is, isLatest, accept, confirmJoin, stop } = joinState;

  const handleJoined = ({ payload }: Message): void => {
    const joined = readJoined(payload);
    // A repeated request may be answered twice.
    if (isLatest(joined.join) && is('joining', 'recovering')) confirmJoin(joined);
  };
  const handleRefused = ({ payload, correlationId }: Message): void => {
    const { action, reason, join: refusedJoin } = readRefused(payload);
    const isPublish = action === 'publish';
    if (!isPublish && !isLatest(refusedJoin)) return;
    const error = new ChannelRefusedError(channel, action, reason, isPublish ? correlationId : undefined);
    errors$.next(error);
    if (isPublish) pendingPublishes.refuse(correlationId ?? '', error);
    if (isPublish || is('left')) return;
    stop({ status: 'refused', error });
    onRefused(error);
  };
  const handleDelivery = (carrier: Message): void => {
    // Messages that were sent before the join are sent again after it.
    if (!is('joined')) return;
    const { message, epoch, offset, after = (offset ?? 0) - 1 } = readDelivery(carrier.payload);
    // An ephemeral message has no position: it is neither a repeat nor behind a gap.
    if (epoch !== undefined && offset !== undefined && !accept({ epoch, offset, after })) return;
    const held = claim(carrier);
    const withSource = message.source ? message : { ...message, source: carrier.source };
    // The message is processed when all of its receivers are done with it.
    if (held) forwardDelivery(held, withSource, emit);
    else emit(withSource);
  };

  return (message) => {
    if (message.type === 'channel.message') handleDelivery(message);
    else if (message.type === 'channel.joined') handleJoined(message);
    else if (message.type === 'channel.refused') handleRefused(message);
    else if (message.type === 'channel.published') pendingPublishes.confirm(message.correlationId ?? '', readPublished(message.payload));
    else if (message.type === 'channel.presence' && wantsPresence()) memberList.apply(readPresence(message.payload));
  };
}
