import { filter, finalize, noop, Subject, Subscription, takeUntil, type Observable } from 'rxjs';
import { ChannelFailedError, RxwireError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import { endOf } from '../../internal/endOf.js';
import { attempt, whenReady } from '../../internal/later.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import { NAME_PATTERN } from '../../message/limits.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { ChannelSubject } from '../channels/channelSubject.js';
import { isOfChannels } from '../channels/payloads.js';
import { use } from '../routing/use.js';
import { createGuest, type GuestParts } from './guest.js';
import type { HubOptions } from './hubOptions.js';
import { memoryChannelLog } from './memoryChannelLog.js';
import { createPermission } from './permission.js';
import { createRooms } from './rooms.js';
import { resetMessage } from './sent.js';

/** Channels, on the server's side. */
export interface Hub<W extends Wire = Wire> {
  /** Lets a wire use the channels, until it ends or what is returned is unsubscribed. */
  readonly serve: (wire: W) => Subscription;
  /**
   * A channel as a Subject: `next` publishes to all who are in it, `subscribe` gets what anybody publishes, `presence$` tells who is in.
   *
   * @throws {TypeError} If that is no name.
   */
  readonly channel: (name: string) => ChannelSubject;
  /** What went wrong with the history, with an authorization, or with what a client has sent; as it happens. */
  readonly errors$: Observable<RxwireError>;
}

/**
 * Serves channels to any wires: to those of a server, or of any other links. Each message of a channel gets an offset in its history, so that
 * a member that was away gets what it has missed, or is told that it has missed something.
 *
 * @throws {RangeError} At call time, if a number is not positive.
 * @example
 * const rooms = hub({ authorize: ({ channel, action }) => action === 'join' || channel.startsWith('room.') });
 * listen(httpServer).subscribe(rooms.serve);
 * rooms.channel('room.1').next(createMessage('chat.said', 'welcome'));
 */
export function hub<W extends Wire = Wire>(options: HubOptions<W> = {}): Hub<W> {
  const { log = memoryChannelLog(options.scheduler && { scheduler: options.scheduler }), id = 'hub', identify = idOf } = options;
  const { maxChannels = 100, maxMembers = 10_000, maxReplay = 1_000, maxSize = 262_144, authorizeTimeout } = options;
  assertPositive('hub', { maxChannels, maxMembers, maxReplay, maxSize, authorizeTimeout });

  const errors$ = new Subject<RxwireError>();
  const failedIn = (channel: string, error: unknown): void => errors$.next(new ChannelFailedError('log', channel, error));
  const report = (error: unknown): void => errors$.next(asRxwireError(error));
  const rooms = createRooms({ ...options, log, maxReplay }, failedIn);
  const parts = { log, rooms, permit: createPermission(options as HubOptions, report), report, maxChannels, maxMembers, maxSize };
  const served = new Map<Wire, Subscription>();

  return {
    errors$: errors$.asObservable(),
    serve(wire) {
      try {
        return served.get(wire) ?? attach({ ...parts, wire, member: memberOf(identify(wire)) }, served);
      } catch (error) {
        errors$.next(new ChannelFailedError('identify', '', error));
        return Subscription.EMPTY;
      }
    },
    channel(name) {
      if (!NAME_PATTERN.test(name)) throw new TypeError(`hub: the name of a channel must match ${NAME_PATTERN.source}, got ${name}`);
      const publish = (message: Message): void => {
        const fail = (error: unknown): void => failedIn(name, error);
        const appended = attempt(() => log.append(name, message.source ? message : { ...message, source: id }), noop, fail);
        void whenReady(appended, noop, fail);
      };
      const messages$ = rooms.in(name, (room) => room.messages$);
      return new ChannelSubject({ name, publish, messages$, presence$: rooms.in(name, (room) => room.presence$) });
    },
  };
}

/** Serves a wire until it ends. */
function attach(parts: GuestParts, served: Map<Wire, Subscription>): Subscription {
  const { wire, report } = parts;
  const guest = createGuest(parts);
  const end = (): void => {
    served.delete(wire);
    guest.end();
  };
  const served$ = wire.pipe(
    // Of a wire that is unsubscribed, its subscribers are not told; its errors end in any case.
    takeUntil(endOf(wire.errors$)),
    finalize(end),
    filter(isOfChannels),
    use(guest.receive, { onError: ({ error }) => report(error) }),
  );
  const subscription = served$.subscribe({ error: noop });
  if (!subscription.closed) served.set(wire, subscription);
  // A client that has its wire from an earlier hub, before a restart, must join again.
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
