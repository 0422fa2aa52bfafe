import { catchError, filter, finalize, firstValueFrom, map, noop, Subject, Subscription, takeUntil, type Observable } from 'rxjs';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { ChannelFailedError, MiddlewareError, NotEncryptedError, RxwireError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import { completionOf } from '../../internal/completionOf.js';
import { asObservable, attempt, whenReady, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { ChannelMember, ChannelPosition } from '../../message/channelTypes.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { ChannelSubject, ignorable } from '../channels/channelSubject.js';
import { isChannelMessage } from '../channels/channelPayloads.js';
import { use } from '../routing/use.js';
import { createHubClient, type HubClientOptions } from './hubClient.js';
import { HUB_DEFAULTS, type HubOptions } from './hubOptions.js';
import { memoryChannelLog } from './memoryChannelLog.js';
import { createAuthorizer } from './authorizer.js';
import { createHubChannels } from './hubChannels.js';
import { resetMessage } from './hubMessages.js';

/** The server's side of channels. */
export interface Hub<W extends Wire = Wire> {
  /** Serves channels to a wire, until it ends or the returned Subscription is unsubscribed. */
  readonly serve: (wire: W) => Subscription;
  /**
   * Returns a channel as a Subject: `next` publishes to all members, `subscribe` receives the messages of all, `presence$` emits the
   * members.
   *
   * @throws {TypeError} If the name is invalid.
   */
  readonly channel: (name: string) => ChannelSubject;
  /** Reports failures of the log, failed authorizations and invalid messages of clients, as they occur. */
  readonly errors$: Observable<RxwireError>;
}

/**
 * Serves channels to wires: those of a server, or of any other link. Each message of a channel gets an offset in its history. A member that
 * was away receives the messages that it missed, or is informed of a gap.
 *
 * @throws {RangeError} At call time, if a number is not positive.
 * @example
 * const rooms = hub({ authorize: ({ channel, action }) => action === 'join' || channel.startsWith('room.') });
 * listen(httpServer).subscribe(rooms.serve);
 * rooms.channel('room.1').next(createMessage('chat.said', 'welcome'));
 */
export function hub<W extends Wire = Wire>(options: HubOptions<W> = {}): Hub<W> {
  const { log = memoryChannelLog(options.scheduler && { scheduler: options.scheduler }), identify = idOf } = options;
  const { id = HUB_DEFAULTS.id, maxChannels = HUB_DEFAULTS.maxChannels, maxMembers = HUB_DEFAULTS.maxMembers } = options;
  const { maxReplay = HUB_DEFAULTS.maxReplay, maxSize = HUB_DEFAULTS.maxSize, authorizeTimeout } = options;
  assertPositive('hub', { maxChannels, maxMembers, maxReplay, maxSize, authorizeTimeout });

  const errors$ = new Subject<RxwireError>();
  const reportLogError = (channel: string, error: unknown): void => errors$.next(new ChannelFailedError('log', channel, error));
  const report = (error: unknown): void => errors$.next(asRxwireError(error));
  const channels = createHubChannels({ ...options, log, maxReplay }, reportLogError);
  const clientOptions = {
    channels,
    authorize: createAuthorizer(options as HubOptions, report),
    report,
    maxChannels,
    maxMembers,
    maxSize,
  };
  const served = new Map<Wire, Subscription>();

  return {
    errors$: errors$.asObservable(),
    serve(wire) {
      try {
        return served.get(wire) ?? serveWire({ ...clientOptions, wire, member: memberOf(identify(wire)) }, served);
      } catch (error) {
        errors$.next(new ChannelFailedError('identify', '', error));
        return Subscription.EMPTY;
      }
    },
    channel(name) {
      if (!NAME_PATTERN.test(name)) throw new TypeError(`hub: the name of a channel must match ${NAME_PATTERN.source}, got ${name}`);
      const store = (message: Message): MaybeAsync<ChannelPosition | undefined> =>
        channels.store(name, message.source ? message : { ...message, source: id });
      return new ChannelSubject({
        name,
        publish(message) {
          if (isUnencrypted(message)) {
            errors$.next(new NotEncryptedError(message));
            return;
          }
          const fail = (error: unknown): void => reportLogError(name, error);
          void whenReady(
            attempt(() => store(message), noop, fail),
            noop,
            fail,
          );
        },
        send(message) {
          const position$ = asObservable(() => {
            if (isUnencrypted(message)) throw new NotEncryptedError(message);
            return store(message);
          }).pipe(
            map((position) => position && { epoch: position.epoch, offset: position.offset }),
            catchError((error: unknown) => {
              const failure = error instanceof NotEncryptedError ? error : new ChannelFailedError('log', name, error);
              errors$.next(failure);
              throw failure;
            }),
          );
          return ignorable(firstValueFrom(position$));
        },
        messages$: channels.observe(name, ({ messages$ }) => messages$),
        presence$: channels.observe(name, ({ presence$ }) => presence$),
      });
    },
  };
}

/** Serves a wire until it ends. */
function serveWire(clientOptions: HubClientOptions, served: Map<Wire, Subscription>): Subscription {
  const { wire } = clientOptions;
  const client = createHubClient(clientOptions);
  const end = (): void => {
    served.delete(wire);
    client.end();
  };
  const served$ = wire.pipe(
    // `errors$` ends with the wire in every case. Subscribers of a wire that is unsubscribed are not notified.
    takeUntil(completionOf(wire.errors$)),
    finalize(end),
    filter(isChannelMessage),
    use(client.receive, {
      onError: (error, message) => client.fail(message, error instanceof MiddlewareError ? error.cause : error),
    }),
  );
  const subscription = served$.subscribe({ next: client.settle, error: noop });
  if (!subscription.closed) served.set(wire, subscription);
  // A client that was served by a hub before a restart must join again.
  wire.next(resetMessage());
  return subscription;
}

const idOf = ({ id }: Wire): string => id;

function memberOf(identity: string | ChannelMember): ChannelMember {
  const member = typeof identity === 'string' ? { id: identity } : identity;
  if (!NAME_PATTERN.test(member.id)) throw new TypeError(`the id of a member must match ${NAME_PATTERN.source}, got ${member.id}`);
  return member;
}

function asRxwireError(error: unknown): RxwireError {
  return error instanceof RxwireError ? error : new ChannelFailedError('log', '', error);
}
