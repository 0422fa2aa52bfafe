import { nanoid } from 'nanoid';
import { noop, Observable, type SchedulerLike, type Subscriber } from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { ChannelTimeoutError, ReplyError, RequestTimeoutError, WireClosedError, type RxwireError } from '../../message/errors.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { cancelMessage, replyErrorOf } from '../requests/request.js';
import type { ReplyOf } from '../requests/requestTypes.js';
import { longTimer } from '../timing/longTimer.js';
import type { Channel } from './channel.js';
import type { ChannelSubject } from './channelSubject.js';
import type { Presence } from '../../channels/memberList.js';

/** The result of one member: its reply, or the reason why it has none. */
export type MemberReply<Value = unknown> =
  | { readonly member: ChannelMember; readonly value: Value; readonly error?: undefined }
  | { readonly member: ChannelMember; readonly value?: undefined; readonly error: RxwireError };

export interface RequestAllOptions {
  /** The maximum time until all members have replied, in ms. @default 30_000 */
  readonly timeout?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/**
 * Sends a request to all other members of a channel, and emits the first reply of each as it
 * arrives. Completes when it has emitted one result for each member. Members answer with
 * {@link reply} on the channel.
 *
 * Each subscription joins the channel, takes the members from the first value of `presence$`, and
 * publishes the request once, at most once and with an id of its own. Members that enter later are
 * ignored. The hub sets the `source` of each reply, so that no member can reply for another, and
 * sends the reply to the asking member only. Unsubscribing cancels the request at the members.
 *
 * The result of a member has an `error` in these cases: a `RequestTimeoutError` if it did not reply
 * in time; the `ReplyError` with which it replied; a `ReplyError` with the code `ERR_MEMBER_LEFT`
 * if it left before it replied; a `WireClosedError` if this channel completed before.
 *
 * @param room A channel of a client, or of the server: `hub().channel(name)`.
 * @throws {RangeError} At call time, if `timeout` is not positive.
 * @throws {ChannelRefusedError} Delivered, when the hub refuses the join or the request.
 * @throws {ChannelTimeoutError} Delivered, when the members are not known within `timeout`.
 * @throws {WireClosedError} Delivered, when the channel completes before the members are known.
 * @throws The error of `send` of the channel, delivered, when the request cannot be sent.
 * @example
 * import { channel, connect, createMessage, requestAll, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const room = channel(wire, 'room.1');
 * requestAll(room, createMessage('vote.ask', 'pizza?'), { timeout: 5_000 }).subscribe({
 *   next: ({ member, value, error }) => console.log(member.id, error ? error.code : value),
 *   error: ({ code }) => console.warn(code),
 * });
 */
export function requestAll<T extends string>(
  room: ChannelSubject,
  message: Message<T, unknown>,
  options: RequestAllOptions = {},
): Observable<MemberReply<ReplyOf<T>>> {
  checkOptions('requestAll', options);
  const { timeout = 30_000, scheduler = steadyScheduler() } = options;
  assertPositive('requestAll', { timeout });
  return new Observable((subscriber) => ask(room, message, { timeout, scheduler }, subscriber));
}

function ask(
  room: ChannelSubject,
  message: Message,
  { timeout, scheduler }: Required<RequestAllOptions>,
  subscriber: Subscriber<MemberReply>,
): void {
  const id = nanoid();
  let question: Message | undefined;
  const pending = new Map<string, ChannelMember>();
  /** The ids of the members whose handlers may still run. */
  const running = new Set<string>();

  const end = (source: string, result: { readonly value: unknown } | { readonly error: RxwireError }): void => {
    const member = pending.get(source);
    if (!member) return;
    pending.delete(source);
    subscriber.next({ member, ...result });
    if (pending.size === 0) subscriber.complete();
  };
  const endAll = (error: RxwireError): void => [...pending.keys()].forEach((source) => end(source, { error }));
  /** The request cannot be cancelled: it was not published, or the channel has ended. */
  const fail = (error: unknown): void => {
    running.clear();
    subscriber.error(error);
  };
  const publish = (members: readonly ChannelMember[]): void => {
    if (members.length === 0) return subscriber.complete();
    for (const member of members) {
      pending.set(member.id, member);
      running.add(member.id);
    }
    // The server is no member. No member has this id, so only subscribers of the server receive the
    // replies.
    const replyTo = (room as Partial<Channel>).state?.member ?? nanoid();
    const ttl = message.ttl ?? (timeout === Infinity ? undefined : timeout);
    const timestamp = wallTime(scheduler);
    question = { ...message, id, timestamp, replyTo, delivery: 'at-most-once', ...(ttl !== undefined && { ttl }) };
    // Without an answer of the hub, the request may have been published: its members time out.
    room.send(question).catch((error: unknown) => {
      if (!(error instanceof ChannelTimeoutError)) fail(error);
    });
  };
  const receive = ({ type, payload, source, correlationId }: Message): void => {
    if (!question || correlationId !== id || !type.startsWith('reply') || type === 'reply.progress') return;
    if (type !== 'reply') running.delete(source);
    if (type === 'reply.error') end(source, { error: replyErrorOf(payload, question) });
    else end(source, { value: type === 'reply.complete' ? undefined : payload });
  };
  const follow = ({ others, left }: Presence): void => {
    if (!question) return publish(others);
    for (const { id: gone } of left) {
      running.delete(gone);
      end(gone, { error: new ReplyError('ERR_MEMBER_LEFT', 'the member has left the channel') });
    }
  };
  const complete = (): void => {
    const error = new WireClosedError(id, (room as Partial<Channel>).state?.error);
    running.clear();
    if (question) endAll(error);
    else subscriber.error(error);
  };

  subscriber.add(() => {
    if (question && running.size > 0) room.next(cancelMessage(question, scheduler));
  });
  const late = (): void =>
    question ? endAll(new RequestTimeoutError(id, timeout, question.type)) : subscriber.error(new ChannelTimeoutError(room.name, timeout));
  subscriber.add(longTimer(timeout, scheduler).subscribe(late));
  subscriber.add(room.subscribe({ next: receive, error: fail, complete }));
  if (!subscriber.closed) subscriber.add(room.presence$.subscribe({ next: follow, error: noop }));
}
