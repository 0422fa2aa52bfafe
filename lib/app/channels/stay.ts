import { Subject, type Observable } from 'rxjs';
import { ChannelRefusedError, type RxwireError } from '../../errors.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../session/receive/delivery.js';
import { handOver } from '../routing/useClaims.js';
import type { ChannelGap, ChannelState } from './channelState.js';
import { readDelivery, readJoined, readPresence, readRefused } from './payloads.js';
import type { Roster } from './roster.js';
import { createStanding, type Standing, type StandingParts } from './standing.js';
import type { Line } from './switchboard.js';

export interface StayParts extends StandingParts {
  readonly roster: Roster;
  readonly emit: (message: Message) => void;
  readonly onRefused: (error: ChannelRefusedError) => void;
}

/** A client in one channel: how it gets in, stays in, and out. */
export interface Stay extends Line {
  readonly state$: Observable<ChannelState>;
  readonly gaps$: Observable<ChannelGap>;
  readonly errors$: Observable<RxwireError>;
  readonly enter: () => void;
  readonly leave: () => void;
  /** Whether somebody wants to know who is in has changed. */
  readonly watch: () => void;
}

export function createStay(parts: StayParts): Stay {
  const { channel, wire, scheduler, isWatched } = parts;
  const errors$ = new Subject<RxwireError>();
  const standing = createStanding(parts);
  const { state$, gaps$, is, ask, stop } = standing;
  const read = createReading(parts, standing, errors$);
  // What must arrive, whatever the wire promises otherwise.
  const options = { delivery: 'at-least-once', scheduler } as const;
  const isOut = (): boolean => is('left', 'refused');

  const watch = (): void => {
    if (!isOut()) wire.next(createMessage('channel.watch', { channel, watch: isWatched() }, options));
  };
  return {
    ...{ state$, gaps$, errors$, watch },
    enter: ask,
    leave() {
      if (isOut()) return;
      stop({ status: 'left' });
      wire.next(createMessage('channel.leave', { channel }, options));
    },
    receive(message) {
      try {
        read(message);
      } catch (error) {
        // What cannot be read is an RxwireError; what subscribers throw does not come here.
        errors$.next(error as RxwireError);
      }
    },
    doubt(why) {
      // Who is on its way in will get an answer, or ask again.
      if (why === 'restarted' ? is('joined') : why === 'lost' && !isOut()) ask();
      if (why === 'missed' && isWatched()) watch();
    },
    end() {
      stop({ status: 'left' });
      for (const subject of [state$, gaps$, errors$]) subject.complete();
    },
  };
}

/** Takes what the hub says of the channel. */
function createReading(parts: StayParts, standing: Standing, errors$: Subject<RxwireError>): (message: Message) => void {
  const { channel, isWatched, roster, emit, onRefused } = parts;
  const { is, isLatest, accept, enter, stop } = standing;

  const join = ({ payload }: Message): void => {
    const joined = readJoined(payload);
    // Who asked twice gets two answers.
    if (isLatest(joined.join) && is('joining', 'recovering')) enter(joined);
  };
  const refuse = ({ payload, correlationId }: Message): void => {
    const { action, reason, join: asked } = readRefused(payload);
    const isPublish = action === 'publish';
    if (!isPublish && !isLatest(asked)) return;
    const error = new ChannelRefusedError(channel, action, reason, isPublish ? correlationId : undefined);
    errors$.next(error);
    if (isPublish || is('left')) return;
    stop({ status: 'refused', error });
    onRefused(error);
  };
  const deliver = (carrier: Message): void => {
    // What is still on its way from before a join comes again after it.
    if (!is('joined')) return;
    const { message, ...delivery } = readDelivery(carrier.payload);
    if (!accept(delivery)) return;
    const held = claim(carrier);
    const named = message.source ? message : { ...message, source: carrier.source };
    // It is processed when those are done with it who get it.
    if (held) handOver(held, named, emit);
    else emit(named);
  };

  return (message) => {
    if (message.type === 'channel.message') deliver(message);
    else if (message.type === 'channel.joined') join(message);
    else if (message.type === 'channel.refused') refuse(message);
    else if (message.type === 'channel.presence' && isWatched()) roster.apply(readPresence(message.payload));
  };
}
