import {
  catchError,
  concatMap,
  defer,
  filter,
  finalize,
  firstValueFrom,
  map,
  noop,
  of,
  Subject,
  Subscription,
  takeUntil,
  throwError,
  toArray,
  type Observable,
} from 'rxjs';
import { assertPositive, checkOptions, noteHub } from '../../message/development.js';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import {
  ChannelEndedError,
  ChannelFailedError,
  EncodeError,
  FrameTooLargeError,
  InvalidMessageError,
  MiddlewareError,
  NotEncryptedError,
  RxwireError,
  UnsupportedError,
} from '../../message/errors.js';
import { completionOf } from '../../operators/subscribing/completionOf.js';
import { reportUnhandled } from '../../wire/reportUnhandled.js';
import { asObservable, attempt, whenReady, type MaybeAsync } from '../../message/maybeAsync.js';
import { readOptions } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { ChannelMember, ChannelPosition, ChannelRefusal } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { ChannelOptions } from '../../operators/channels/channelOptions.js';
import { isChannelMessage } from '../../channels/channelPayloads.js';
import { ChannelSubject, type ChannelParts } from '../../operators/channels/channelSubject.js';
import { use } from '../../operators/routing/use.js';
import { withSubscribeContext } from '../../operators/subscribing/deliveryContext.js';
import { createAuthorizer, reasonText } from './authorizer.js';
import type { ChannelInfo } from '../../channels/channelLog.js';
import { createClientTurns } from './clientTurns.js';
import { createHubChannels, type ChannelSettings } from './hubChannels.js';
import { HubClient } from './hubClient.js';
import type { HubParts } from './hubParts.js';
import { hubMessage } from './hubMessages.js';
import { createMessageCheck } from './messageCheck.js';
import { HUB_OPTIONS, type HubOptions, type HubSettings } from './hubOptions.js';
import { memoryChannelLog } from './memoryChannelLog.js';

/**
 * The server's side of channels. It has no `close`: it ends with its wires, when its own channels
 * have no subscribers.
 */
export interface Hub<W extends Wire = Wire> {
  /** Serves channels to a wire, until it ends or the returned Subscription is unsubscribed. */
  readonly serve: (wire: W) => Subscription;
  /**
   * Makes a client a member of a channel: the others see it in `presence$` at once, and `authorize`
   * is not called for its joins. The client receives messages when it subscribes to the channel.
   * Returns whether the hub serves the wire.
   *
   * @example
   * import { createServer } from 'node:http';
   * import { hub } from 'rxwire';
   * import { listen } from 'rxwire/server';
   *
   * const rooms = hub({ authorize: ({ action }) => action === 'publish' });
   * listen(createServer().listen(4870)).subscribe((wire) => {
   *   rooms.serve(wire);
   *   rooms.join(wire, 'lobby');
   * });
   *
   * @throws {TypeError} If the name is invalid.
   */
  readonly join: (wire: W, name: string) => boolean;
  /**
   * Removes a client from a channel. Its channel ends with a `ChannelRefusedError` with the reason,
   * a text for the user of up to 256 characters, by default `removed`. `authorize` is called for
   * its next join. Returns whether the client was a member, or had requested a join.
   *
   * @example
   * import { hub, Wire } from 'rxwire';
   *
   * const rooms = hub();
   * const kick = (wire: Wire) => rooms.leave(wire, 'lobby', 'You were idle for too long.');
   */
  readonly leave: (wire: W, name: string, reason?: string) => boolean;
  /**
   * Returns a channel as a Subject: `next` publishes to all members, `subscribe` receives the
   * messages of all, `presence$` emits the members.
   *
   * @throws {RangeError} If a number is not positive.
   * @throws {TypeError} If the name is invalid.
   */
  readonly channel: (name: string, options?: HubChannelSettings) => ChannelSubject;
  /**
   * Ends all channels whose names begin with `prefix` as *interrupted*, unless they have ended, and
   * resolves with their names. A server calls it when it starts: the writers of these channels
   * ended with the previous process. Needs a log with `list`.
   *
   * @throws {ChannelFailedError} Rejects when the log fails.
   * @throws {UnsupportedError} Rejects when the log cannot list its channels.
   * @example
   * import { hub, memoryChannelLog } from 'rxwire';
   *
   * await hub({ log: memoryChannelLog() }).interrupt('run.');
   */
  readonly interrupt: (prefix: string, reason?: string) => Promise<readonly string[]>;
  /** Emits the channels of a log with `list` whose names begin with `prefix`, and completes. */
  readonly list: (prefix: string) => Observable<ChannelInfo>;
  /** Reports failures of the log and of authorizations, and invalid messages of clients. */
  readonly errors$: Observable<RxwireError>;
}

export interface HubChannelSettings extends ChannelSettings, Pick<ChannelOptions, 'from'> {}

/**
 * Serves channels to wires: those of a server, or of any other link. Each message of a channel gets
 * an offset in its history. A member that was away receives the messages that it missed, or is
 * informed of a gap.
 *
 * @throws {RangeError} At call time, if a number is not positive.
 * @throws {TypeError} At call time, if there is no option of this name.
 * @example
 * import { createServer } from 'node:http';
 * import { createMessage, hub } from 'rxwire';
 * import { listen } from 'rxwire/server';
 *
 * const rooms = hub({
 *   authorize: ({ channel, action }) => action === 'join' || (action === 'publish' && channel.startsWith('room.')),
 * });
 * listen(createServer().listen(4870)).subscribe(rooms.serve);
 * rooms.channel('room.1').next(createMessage('chat.said', { text: 'welcome' }));
 */
export function hub<W extends Wire = Wire>(options: HubOptions<W> = {}): Hub<W> {
  checkOptions('hub', options);
  noteHub();
  const settings: HubSettings = { ...(options as HubOptions), ...readOptions('hub', options as HubOptions, HUB_OPTIONS) };
  const { log = memoryChannelLog(options.scheduler && { scheduler: options.scheduler }), scheduler = steadyScheduler(), id } = settings;
  const { identify = ({ id }: W): string => id } = options;

  const errors$ = new Subject<RxwireError>();
  const reportFailed = (channel: string, error: unknown, part: 'log' | 'presence' = 'log'): void =>
    errors$.next(new ChannelFailedError(part, channel, error));
  const report = (error: unknown): void => errors$.next(error instanceof RxwireError ? error : new ChannelFailedError('log', '', error));
  const check = createMessageCheck(settings.maxSize);
  const channels = createHubChannels({ ...settings, log, check, onFailed: reportFailed });
  const parts: HubParts = {
    ...settings,
    check,
    scheduler,
    // Without `identify`, a page that is loaded again is another member.
    reloadGrace: settings.reloadGrace ?? (settings.identify ? 5_000 : 0),
    channels,
    report,
    authorize: createAuthorizer(settings, report),
    turns: createClientTurns(scheduler),
  };
  const served = new Map<Wire, ServedWire>();
  const list = (prefix: string): Observable<ChannelInfo> =>
    defer(() => log.list?.(prefix) ?? throwError(() => new UnsupportedError('the log of the hub cannot list its channels')));

  return {
    list,
    interrupt(prefix, reason) {
      const payload = { status: 'interrupted', ...(reason !== undefined && { reason }) } as const;
      const end = (name: string): MaybeAsync<unknown> => channels.store(name, createMessage('channel.ended', payload, { source: id }));
      const interrupted$ = list(prefix).pipe(
        filter(({ hasEnded }) => !hasEnded),
        concatMap(({ name }) => asObservable(() => end(name)).pipe(map(() => name))),
        toArray(),
        catchError((error: unknown) => {
          throw error instanceof UnsupportedError ? error : new ChannelFailedError('log', prefix, error);
        }),
      );
      return firstValueFrom(interrupted$);
    },
    errors$: errors$.asObservable(),
    serve(wire) {
      check.add(wire.sendingLimits);
      try {
        return (served.get(wire) ?? serveWire(new HubClient(wire, memberOf(identify(wire)), parts), served)).subscription;
      } catch (error) {
        errors$.next(new ChannelFailedError('identify', '', error));
        return Subscription.EMPTY;
      }
    },
    join(wire, name) {
      assertName(name);
      const client = served.get(wire)?.client;
      client?.addTo(name);
      return client !== undefined;
    },
    leave: (wire, name, reason = '') =>
      served.get(wire)?.client.remove(name, reasonText(reason) || ('removed' satisfies ChannelRefusal)) === true,
    channel(name, { from, ...kept } = {}) {
      const { retain: { messages, bytes, age } = {}, ttl } = kept;
      assertPositive('hub.channel', { messages, bytes, age, ttl });
      assertName(name);
      if (kept.key && kept.compact) throw new TypeError('hub.channel: "key" and "compact" cannot be combined');
      channels.configure(name, kept);
      const store = (message: Message): MaybeAsync<ChannelPosition | undefined> => {
        const fault = check.faultOf(message);
        if (fault) throw fault;
        return channels.store(name, message.source ? message : { ...message, source: id });
      };
      return new ChannelSubject({
        ...publishingParts(name, store, report),
        messages$: channels.observe(name, (channel) => channel.messages(from ?? (channels.isKeyed(name) ? 'start' : 'live'))),
        presence$: channels.observe(name, ({ presence$ }) => presence$),
      });
    },
  };
}

/** The errors of a message that is refused. All others are those of the log. */
const KNOWN_ERRORS = [NotEncryptedError, ChannelEndedError, InvalidMessageError, EncodeError, FrameTooLargeError];

/** Returns the part of a channel of the server that publishes. */
function publishingParts(
  name: string,
  store: (message: Message) => MaybeAsync<ChannelPosition | undefined>,
  report: (error: unknown) => void,
): Pick<ChannelParts, 'name' | 'publish' | 'send'> {
  const storeEncrypted = (message: Message): MaybeAsync<ChannelPosition | undefined> => {
    if (isUnencrypted(message)) throw new NotEncryptedError(message);
    return store(message);
  };
  const fail = (error: unknown): RxwireError => {
    const failure = KNOWN_ERRORS.some((type) => error instanceof type)
      ? (error as RxwireError)
      : new ChannelFailedError('log', name, error);
    report(failure);
    return failure;
  };
  const publish = (message: Message, stored: (at: ChannelPosition | undefined) => void, failed: (error: unknown) => void): void =>
    void whenReady(
      attempt(() => storeEncrypted(message), stored, failed),
      noop,
      failed,
    );
  return {
    name,
    publish: (message) => publish(message, noop, fail),
    send(message) {
      const answer = new Promise<ChannelPosition | undefined>((resolve, reject) => {
        const stored = (at: ChannelPosition | undefined): void => resolve(at && { epoch: at.epoch, offset: at.offset });
        publish(message, stored, (error) => reject(fail(error)));
      });
      return reportUnhandled(answer, noop);
    },
  };
}

interface ServedWire {
  readonly client: HubClient;
  readonly subscription: Subscription;
}

function serveWire(client: HubClient, served: Map<Wire, ServedWire>): ServedWire {
  const { wire } = client;
  client.subscription.add(() => served.delete(wire));
  const served$ = wire.pipe(
    // The hub selects these types: a request of another type has no answer here.
    withSubscribeContext<Message>({ patterns$: of(['channel.*']), has: (type) => type.startsWith('channel.') }),
    // `failures$` ends with the wire in every case. Subscribers of a wire that is unsubscribed are
    // not notified. A subscriber of `errors$` would count as one that receives failures.
    takeUntil(completionOf(wire.failures$)),
    // The client leaves at once: a message that is being handled may take any time.
    finalize(() => client.subscription.unsubscribe()),
    filter(isChannelMessage),
    use((message) => client.receive(message), {
      onError: (error, message) => client.fail(message, error instanceof MiddlewareError ? error.cause : error),
    }),
  );
  const subscription = served$.subscribe({ next: (message) => client.endRejected(message), error: noop });
  const entry = { client, subscription };
  if (!client.subscription.closed) served.set(wire, entry);
  // A client that was served by a hub before a restart must join again.
  wire.next(hubMessage('channel.reset', null));
  return entry;
}

function assertName(name: string): void {
  if (!NAME_PATTERN.test(name)) throw new TypeError(`hub: the name of a channel must match ${NAME_PATTERN.source}, got ${name}`);
}

function memberOf(identity: string | ChannelMember): ChannelMember {
  const member = typeof identity === 'string' ? { id: identity } : identity;
  if (!NAME_PATTERN.test(member.id)) throw new TypeError(`the id of a member must match ${NAME_PATTERN.source}, got ${member.id}`);
  return member;
}
