import { defer, delay, map, of, Subscription, throwError, type Observable } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import { liveState, type ChannelSnapshot } from '../../../lib/operators/channels/liveState.js';
import type { ChannelLog, ChannelSlice } from '../../../lib/channels/channelLog.js';
import { hub, type Hub } from '../../../lib/server/hub/hub.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { createClock } from '../../simulation/clock.js';
import { withoutTimers } from '../../simulation/timers.js';
import { seeded } from '../../support/seeded.js';
import { network } from '../../support/sessionPair.js';

/** The numbers of the messages that are in a state. The state is true if they are 0, 1, 2 … */
type Numbers = readonly number[];

/** Counts of the events of a story, to show that stories differ. */
export interface StoryTally {
  emissions: number;
  loads: number;
  staleLoads: number;
  failedLoads: number;
  gaps: number;
  restarts: number;
  losses: number;
}

export interface StoryOutcome {
  readonly violations: readonly string[];
  readonly tally: StoryTally;
}

const NAME = 'orders';
/** The time after the last fault, in ms: several of the longest delays. */
const QUIET = 2_000;
/** The maximum number of tasks in a story: ten times the usual number. */
const MAX_STEPS = 50_000;
const RETRY = { initialInterval: 20, maxInterval: 400, jitter: 0.5 } as const;

/**
 * Runs one random story on virtual time: a hub, two wires over a network that fails, several live states and channels on each wire, and loads that are
 * slow, stale, or fail. Checks each emission, and at the end that each live state is the true one.
 */
export function runStory(seed: number): StoryOutcome {
  const random = seeded(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const clock = createClock();
  const lane = (name: 'timer' | 'microtask') =>
    clock.scheduler(
      name,
      () => true,
      () => undefined,
      (task) => task(),
    );
  const [scheduler, microtask] = [lane('timer'), lane('microtask')];
  const violations: string[] = [];
  const tally: StoryTally = { emissions: 0, loads: 0, staleLoads: 0, failedLoads: 0, gaps: 0, restarts: 0, losses: 0 };
  const net = network({ scheduler, microtask });
  const maxMessages = 1 + below(12);
  // The start of a channel is a position in any epoch, so no log is lost where states have it.
  const hasStart = random() < 0.3;
  const newLog = (): ChannelLog => memoryChannelLog({ maxMessages, scheduler });
  let log = newLog();
  let rooms: Hub = hub({ log, scheduler, microtask });
  const serve = (): Subscription => net.serve({}, (wire) => void rooms.serve(wire));
  let server = serve();

  let published = 0;
  let isQuiet = false;
  const snapshot = (): ChannelSnapshot<Numbers> => {
    const { epoch, last } = log.read(NAME, { limit: 0 }) as ChannelSlice;
    const state = Array.from({ length: published }, (_, number) => number);
    return { state, position: hasStart && last === 0 ? 'start' : { epoch, offset: last } };
  };
  const past: ChannelSnapshot<Numbers>[] = [snapshot()];
  const publish = (): void => {
    for (let count = 1 + below(4); count > 0; count--) {
      rooms.channel(NAME).next(createMessage('note', published++, { scheduler }));
      past.push(snapshot());
    }
  };
  const load = (): Observable<ChannelSnapshot<Numbers>> =>
    defer(() => {
      tally.loads++;
      if (!isQuiet && random() < 0.15) {
        tally.failedLoads++;
        return throwError(() => new Error('offline'));
      }
      const old = past[Math.max(0, past.length - 1 - below(8))]!;
      const isStale = !isQuiet && random() < 0.3;
      if (isStale) tally.staleLoads++;
      const loaded = isStale ? old : snapshot();
      if (!isQuiet && random() < 0.2) return of(loaded);
      const before = below(60);
      return of(0).pipe(
        delay(before, scheduler),
        map(() => (isStale ? loaded : snapshot())),
        delay(below(60), scheduler),
      );
    });

  /** The last number of messages in each live state. */
  const lengths = new Map<Subscription, number>();
  const followState = (wire: Wire, name: string): void => {
    const subscription = new Subscription();
    lengths.set(subscription, -1);
    const next = (state: Numbers): void => {
      tally.emissions++;
      const last = lengths.get(subscription)!;
      if (!state.every((number, index) => number === index)) violations.push(`${name} emitted ${state.join(' ')}`);
      if (state.length < last) violations.push(`${name} emitted ${state.length} messages after ${last}`);
      lengths.set(subscription, state.length);
      if (isQuiet) return;
      // A subscriber that publishes, subscribes or leaves in between.
      const chance = random();
      if (chance < 0.02) publish();
      else if (chance < 0.04 && lengths.size < 8) followState(wire, `${name}+`);
      else if (chance < 0.06) leave(subscription);
    };
    const state$ = liveState<Numbers>(wire, NAME, {
      load,
      reduce: (state, { payload }) => [...state, payload as number],
      retry: { ...RETRY, random },
      scheduler,
      answerTimeout: 300,
    });
    subscription.add(
      state$.subscribe({
        next,
        error: (error: unknown) => violations.push(`${name} failed: ${String(error)}`),
        complete: () => violations.push(`${name} completed`),
      }),
    );
  };
  const leave = (subscription: Subscription): void => {
    lengths.delete(subscription);
    subscription.unsubscribe();
  };

  /** The channel itself, whose subscribers begin elsewhere: each number once, in order, and none missed without a gap. */
  const subscribeChannel = (wire: Wire): Subscription => {
    const froms = ['start', 'live', { last: 2 }] as const;
    const room = channel(wire, NAME, { from: froms[below(3)]!, scheduler, microtask, answerTimeout: 300 });
    let last: number | undefined;
    const subscription = room.subscribe((message) => {
      const number = message.payload as number;
      if (last !== undefined && number !== last + 1) violations.push(`the channel emitted ${number} after ${last}`);
      last = number;
    });
    subscription.add(
      room.gaps$.subscribe(() => {
        tally.gaps++;
        last = undefined;
      }),
    );
    return subscription;
  };

  const wires = [net.connect(), net.connect()];
  const rooms$: Subscription[] = [];
  const anyWire = (): Wire => wires[below(wires.length)]!;
  const events: readonly (() => void)[] = [
    ...Array.from({ length: 6 }, () => publish),
    () => lengths.size < 8 && followState(anyWire(), `state ${clock.now()}`),
    () => lengths.size < 8 && followState(anyWire(), `state ${clock.now()}`),
    () => {
      const [first] = lengths.keys();
      if (first && random() < 0.4) leave(first);
    },
    () => (rooms$.length < 3 ? void rooms$.push(subscribeChannel(anyWire())) : rooms$.shift()?.unsubscribe()),
    () => net.cut(),
    () => (random() < 0.5 ? net.down() : net.up()),
    () => {
      tally.restarts++;
      server.unsubscribe();
      if (!hasStart && random() < 0.5) {
        tally.losses++;
        log = newLog();
        past.push(snapshot());
      }
      // The hub and its log are of one process.
      rooms = hub({ log, scheduler, microtask });
      server = serve();
    },
  ];
  const steps = 6 + below(18);
  followState(anyWire(), 'state 0');
  let end = 0;
  for (let step = 0; step < steps; step++) clock.at((end += below(4) * below(30)), () => events[below(events.length)]!());
  clock.at(end, () => {
    isQuiet = true;
    net.up();
    publish();
  });
  withoutTimers(
    (error) => violations.push(String(error)),
    () => clock.run(end + QUIET, () => violations.length === 0 && clock.steps() < MAX_STEPS),
  );
  if (clock.steps() >= MAX_STEPS) violations.push('the story does not come to rest');
  if (violations.length === 0)
    for (const length of lengths.values())
      if (length !== published) violations.push(`a state ended with ${length} of ${published} messages`);
  const outcome = { violations: [...violations], tally };
  for (const wire of wires) wire.unsubscribe();
  server.unsubscribe();
  return outcome;
}
