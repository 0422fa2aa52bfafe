import { isStateTooLarge } from '../../channels/memberTracker.js';
import { catchError, concatMap, defer, EMPTY, finalize, isObservable, map, noop, Subject, Subscription, type Observable } from 'rxjs';
import { GOING_AWAY } from '../../message/closeCode.js';
import { ChannelFailedError } from '../../message/errors.js';
import { attempt, chain, isLater, whenReady, type MaybeAsync } from '../../message/maybeAsync.js';
import type {
  ChannelAction,
  ChannelJoin,
  ChannelMember,
  ChannelPosition,
  ChannelRefusal,
  ChannelRefused,
} from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../wire/session/messageClaim.js';
import type { Rejection } from '../../core/rejection.js';
import type { Wire } from '../../wire/wire.js';
import { channelNameOf, isAway, readHistoryRequest, readJoin, readUpdate, readWatch } from '../../channels/channelPayloads.js';
import { publicationOf, refusalOf, refusalOfPublication, type Publication } from '../../channels/publication.js';
import { answerHistory } from './answerHistory.js';
import { createJoinRetries, type JoinRetries } from './joinRetries.js';
import { ClientFlow } from './clientFlow.js';
import { MAX_READS } from '../../channels/flowControl.js';
import type { ChannelCursor } from './channelCursor.js';
import type { HubParts } from './hubParts.js';
import { answerMessage, hubMessage } from './hubMessages.js';
import type { ChannelRequest } from './hubOptions.js';
import { watchConnection } from './watchConnection.js';

/** One client of a hub, until its wire ends. */
export class HubClient {
  readonly wire: Wire;
  readonly #member: ChannelMember;
  readonly #hub: HubParts;
  readonly #joined = new Map<string, ChannelCursor>();
  /** The channels that the client may join without being authorized. */
  readonly #addedByServer = new Set<string>();
  readonly #joins = new Map<string, number>();
  /** The joins that are not answered yet, in order: each completes when it is. */
  readonly #joining = new Map<string, Subject<undefined>>();
  /** Ends with the wire, or before. Then the client leaves all channels. */
  readonly subscription = new Subscription(() => {
    for (const [channel, cursor] of this.#joined) this.#hub.channels.open(channel).end(cursor);
    this.#joined.clear();
  });
  /** Whether the page of the client was left, or its connection is lost. */
  #isAway = false;
  readonly #flow: ClientFlow;
  /** The answers to requests for older messages, one after the other. */
  readonly #answers$ = new Subject<Observable<never>>();
  readonly #retries: JoinRetries;
  #waiting = 0;
  #rejection: Rejection | undefined;
  /** See `Wire.publisher`. */
  #publisher: string | undefined;

  constructor(wire: Wire, member: ChannelMember, hub: HubParts) {
    this.wire = wire;
    this.#member = member;
    this.#hub = hub;
    this.#flow = new ClientFlow(wire, hub.turns());
    this.#retries = createJoinRetries(hub);
    this.subscription.add(() => this.#retries.stop());
    this.subscription.add(this.#answers$.pipe(concatMap((answer$) => answer$)).subscribe());
    // A browser closes the connection of a page that is left with 1001.
    const onLost = (code: number): boolean => this.#goAway(code === GOING_AWAY ? hub.reloadGrace : hub.lostGrace);
    const onDropped = (): void => this.#joined.forEach((cursor) => cursor.remind());
    this.subscription.add(watchConnection(wire, { onLost, onReturned: () => this.#comeBack(), onDropped }));
  }

  /**
   * Handles a message of the client. The next message must wait until the returned Observable has
   * completed. Joins of several channels overlap.
   *
   * @throws {InvalidMessageError} If the request is malformed.
   */
  receive(message: Message): Observable<undefined> | undefined {
    const work = this.#flow.turn(() => this.#handleInOrder(message));
    return isObservable(work) ? work.pipe(map(() => undefined)) : undefined;
  }

  /** Called with each message that is handled, in its delivery, to reject one that was refused. */
  endRejected(message: Message): void {
    const rejection = this.#rejection;
    this.#rejection = undefined;
    if (rejection) claim(message)?.end({ rejection });
  }

  /** Called with a message that could not be handled: it is a dead letter of its session. */
  fail(message: Message, error: unknown): void {
    this.#hub.report(error);
    if (message.type !== 'channel.publish') return;
    try {
      this.#refuse(message, { channel: channelNameOf(message.payload), action: 'publish', reason: refusalOf(error) });
    } catch {
      // The client cannot assign a refusal without the name of a channel.
    }
  }

  /** Makes the client a member, which joins without being authorized. */
  addTo(channel: string): void {
    if (this.subscription.closed) return;
    this.#addedByServer.add(channel);
    if (!this.#joined.has(channel)) this.#enter(channel);
  }

  /** Ends the membership. Returns whether there was one, or a request. */
  remove(channel: string, reason: string): boolean {
    const number = this.#joins.get(channel);
    const wasMember = this.#joined.has(channel) || number !== undefined;
    this.#addedByServer.delete(channel);
    this.#leave(channel);
    // The hub sends nothing to a client that has not requested a join.
    if (number !== undefined) this.wire.next(hubMessage('channel.refused', { channel, action: 'join', reason, join: number }));
    return wasMember;
  }

  #goAway(grace: number): boolean {
    if (this.#isAway || grace === Infinity) return this.#isAway;
    this.#isAway = true;
    for (const [channel, cursor] of this.#joined) this.#hub.channels.open(channel).goAway(cursor, grace);
    return true;
  }

  #comeBack(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    for (const [channel, cursor] of this.#joined) this.#hub.channels.open(channel).comeBack(cursor);
  }

  /** Handles a message behind the join of its channel, and a join behind all but a few others. */
  #handleInOrder(message: Message): MaybeAsync<void> {
    const joining = this.#joining;
    if (joining.size === 0) return this.#handle(message);
    const [oldest$] = joining.values();
    const isOneTooMany = message.type === 'channel.join' && joining.size >= MAX_READS;
    const earlier$ = joining.get((message.payload as Partial<ChannelJoin> | null)?.channel ?? '') ?? (isOneTooMany ? oldest$ : undefined);
    return earlier$ ? chain(earlier$, () => this.#handleInOrder(message)) : this.#handle(message);
  }

  #handle(message: Message): MaybeAsync<void> {
    const { type, payload } = message;
    if (type === 'channel.join') return this.#startJoin(message);
    if (type === 'channel.publish') return this.#publish(message);
    if (type === 'channel.update') return this.#update(message);
    if (type === 'channel.history') return this.#readPast(message);
    if (type === 'channel.away') {
      if (isAway(payload)) this.#goAway(this.#hub.reloadGrace);
      else this.#comeBack();
    }
    if (type === 'channel.leave') this.#leave(channelNameOf(payload));
    if (type !== 'channel.watch') return;
    const { channel, watch } = readWatch(payload);
    this.#joined.get(channel)?.watch(watch);
  }

  #refuse(request: Message, refused: ChannelRefused): void {
    this.wire.next(answerMessage(request, 'channel.refused', refused));
  }

  /** @param watch Whether the client receives the members. @default as before */
  #enter(channel: string, watch?: boolean): ChannelCursor {
    const cursor = this.#hub.channels.open(channel).enter(this.#flow, this.#member, this.#joined.get(channel), watch);
    this.#joined.set(channel, cursor);
    if (this.#isAway) this.#hub.channels.open(channel).goAway(cursor, 0);
    return cursor;
  }

  #leave(channel: string): void {
    const cursor = this.#joined.get(channel);
    this.#joined.delete(channel);
    this.#joins.delete(channel);
    this.#retries.stop(channel);
    if (cursor) this.#hub.channels.open(channel).leave(cursor);
  }

  #request(channel: string, action: ChannelAction): ChannelRequest {
    return { wire: this.wire, member: this.#member, channel, action, isMember: this.#joined.has(channel) };
  }

  #mayJoin(channel: string): MaybeAsync<string | undefined> {
    return this.#addedByServer.has(channel) ? undefined : this.#hub.authorize(this.#request(channel, 'join'));
  }

  /** Starts a join. The messages of other channels do not wait for it. */
  #startJoin(message: Message): void {
    const joined = this.#join(message);
    if (!isLater(joined)) return;
    const channel = channelNameOf(message.payload);
    const joined$ = new Subject<undefined>();
    const end = (): void => {
      this.#joining.delete(channel);
      joined$.complete();
    };
    this.#joining.set(channel, joined$);
    const failed = (error: unknown): void => {
      this.fail(message, error);
      end();
    };
    this.subscription.add(whenReady(joined, end, failed));
  }

  /** Adds the client to a channel. A member joins again after it may have missed messages. */
  #join(message: Message): MaybeAsync<void> {
    const { channels, maxChannels, maxMembers } = this.#hub;
    const request = readJoin(message.payload);
    const { channel, join } = request;
    const isNewMember = (): boolean => !this.#joined.has(channel);
    const isOneTooMany = (): boolean => isNewMember() && this.#joined.size >= maxChannels;
    const refuse = (reason: string): void => {
      this.#leave(channel);
      this.#refuse(message, { channel, action: 'join', reason, join });
    };

    // A repeated request is older than a `channel.watch` in between.
    const watch = this.#joins.get(channel) === join ? undefined : request.watch === true;
    this.#joins.set(channel, join);
    this.#retries.stop(channel);
    if (isOneTooMany()) return refuse('limit');
    return chain(this.#mayJoin(channel), (reason): MaybeAsync<void> => {
      // The server has removed the client in the meantime.
      if (this.#joins.get(channel) !== join || this.subscription.closed) return;
      if (reason !== undefined) return refuse(reason);
      if (isOneTooMany()) return refuse('limit');
      if (isNewMember() && channels.sizeOf(channel) >= maxMembers) return refuse('full');
      const enter = (isWatching?: boolean): MaybeAsync<void> =>
        channels.open(channel).join(this.#enter(channel, isWatching), this.#flow, request);
      return attempt(
        () => enter(watch),
        noop,
        (error) => this.#retries.start(channel, () => enter(), error),
      );
    });
  }

  /** Sets the state of a member. A client that is no member may have been removed meanwhile. */
  #update(message: Message): MaybeAsync<void> {
    const { channel, state } = readUpdate(message.payload);
    if (!this.#joined.has(channel)) return;
    const decide = (reason: string | undefined): void => {
      if (reason !== undefined) this.#refuse(message, { channel, action: 'presence', reason });
      else if (this.#joined.has(channel)) this.#hub.channels.open(channel).update(this.#member.id, state);
    };
    const fault = isStateTooLarge(state) || this.#hub.check.faultOfArrived(message, true);
    if (fault) return decide(fault === true ? 'too-large' : refusalOf(fault));
    return chain(this.#hub.authorize({ ...this.#request(channel, 'presence'), state }), decide);
  }

  /** Requests older messages of a channel, if the client may join it. */
  #readPast(request: Message): MaybeAsync<void> {
    const { channels, report, maxChannels, maxReplay } = this.#hub;
    const { channel, before, limit } = readHistoryRequest(request.payload);
    const query = { before, limit: Math.min(limit, maxReplay) };
    const refuse = (reason: string): void => this.#refuse(request, { channel, action: 'join', reason });
    return chain(this.#mayJoin(channel), (refusal) => {
      if (refusal !== undefined || this.#waiting >= maxChannels) return refuse(refusal ?? ('limit' satisfies ChannelRefusal));
      this.#waiting++;
      const answer$ = defer(() => answerHistory(channels.source, this.#flow, { request, channel, query })).pipe(
        catchError((error: unknown) => {
          report(new ChannelFailedError('log', channel, error));
          refuse('failed' satisfies ChannelRefusal);
          return EMPTY;
        }),
        finalize(() => this.#waiting--),
      );
      this.#answers$.next(answer$);
    });
  }

  /** Stores a message in the log, with the client as its source. @throws {InvalidMessageError} */
  #publish(carrier: Message): MaybeAsync<void> {
    const { authorize, check } = this.#hub;
    const publication = publicationOf(carrier, this.#member.id);
    const { channel, message, action } = publication;
    const reason = refusalOfPublication(publication, check.faultOfArrived(message));
    if (reason !== undefined) return this.#reject(publication, reason);
    const request: ChannelRequest = { ...this.#request(channel, 'publish'), message };
    const published = authorize(request);
    const refusal = action === 'end' ? chain(published, (refused) => refused ?? authorize({ ...request, action })) : published;
    return isLater(refusal) ? chain(refusal, (refused) => this.#store(publication, refused)) : this.#store(publication, refusal);
  }

  /** Without `authorize` and an asynchronous log, this makes no Observable and no closure. */
  #store(publication: Publication, refusal: string | undefined): MaybeAsync<void> {
    if (refusal !== undefined) return this.#reject(publication, refusal);
    let position: MaybeAsync<ChannelPosition | undefined>;
    try {
      this.#publisher ??= this.wire.publisher;
      position = this.#hub.channels.store(publication.channel, publication.message, this.#publisher);
    } catch (error) {
      return this.#failed(publication, error);
    }
    if (!isLater(position)) return this.#confirm(publication, position);
    const stored$ = position;
    return attempt(
      () => stored$,
      (at) => this.#confirm(publication, at),
      (error) => this.#failed(publication, error),
    );
  }

  #confirm({ carrier, channel, confirm }: Publication, position: ChannelPosition | undefined): void {
    if (!confirm) return;
    const at = position && { epoch: position.epoch, offset: position.offset };
    this.wire.next(answerMessage(carrier, 'channel.published', { channel, ...at }));
  }

  #reject({ carrier, channel, action }: Publication, reason: string): void {
    this.#rejection = { kind: 'refused', code: 'ERR_CHANNEL_REFUSED', reason };
    this.#refuse(carrier, { channel, action, reason });
  }

  #failed(publication: Publication, error: unknown): void {
    const reason = refusalOf(error);
    if (reason !== 'ended') this.#hub.report(reason === 'failed' ? new ChannelFailedError('log', publication.channel, error) : error);
    this.#reject(publication, reason);
  }
}
