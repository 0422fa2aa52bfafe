import { interval, Subscription } from 'rxjs';
import { bareLane, LAG, wireLane, type Lane } from './lanes.js';
import { createTally, type Counts, type Fate, type Tally } from './tally.js';

export type Fault = 'cut' | 'black hole' | 'killed';
/** The network while a message was sent. */
export type Condition = Fault | 'lag' | 'up';

/** How long a fault lasts, in ms, unless the reader ends it before. */
const DURATIONS: Readonly<Record<Fault, number>> = { cut: 3_000, 'black hole': 4_000, killed: 1_500 };
/** The time between two messages, in ms. */
const PACE = 150;
/** The lag of the button, in ms. */
const LONG_LAG = 900;
/** How much later than the lag a message may arrive before it counts as lost, in ms. */
const GRACE = 300;

/** The demonstration: one stream of numbers over three lanes, with the same faults. */
export interface Demo {
  /** The number that was sent last. */
  readonly sent: number;
  readonly fault: Fault | undefined;
  readonly isSlow: boolean;
  readonly counts: readonly Counts[];
  fateOf(lane: number, number: number): Fate | undefined;
  conditionOf(number: number): Condition;
  run(): void;
  pause(): void;
  /** Begins a fault; ends it if it is there. */
  toggle(fault: Fault): void;
  toggleLag(): void;
  close(): void;
}

/** @param onChange Called after each change; often. */
export function createDemo(onChange: () => void): Demo {
  const note = (lane: number) => (number: number) => {
    tallies[lane]?.received(number);
    onChange();
  };
  const lanes: readonly Lane[] = [wireLane('at-least-once', note(0)), wireLane('at-most-once', note(1)), bareLane(note(2))];
  const tallies: readonly Tally[] = lanes.map((lane) => createTally((number) => lane.keeps(number)));
  const conditions = new Map<number, Condition>();
  let running = new Subscription();
  let ending: ReturnType<typeof setTimeout> | undefined;
  let sent = 0;
  let fault: Fault | undefined;
  let isSlow = false;
  let isPaused = true;

  const due = (): number => performance.now() + (isSlow ? LONG_LAG : LAG) + GRACE;
  const tick = (): void => {
    sent++;
    conditions.set(sent, fault ?? (isSlow ? 'lag' : 'up'));
    conditions.delete(sent - 500);
    lanes.forEach((lane, index) => {
      const isTaken = lane.send(sent);
      tallies[index]?.sent(sent, isTaken ? due() : 0);
      tallies[index]?.review(performance.now(), due());
    });
    onChange();
  };
  const end = (): void => {
    clearTimeout(ending);
    for (const { network } of lanes) {
      network.restore();
      // Connections do not survive a black hole: the network has forgotten them, and resets them.
      if (fault === 'black hole') network.drop();
    }
    fault = undefined;
    onChange();
  };
  const begin = (next: Fault): void => {
    if (fault) end();
    fault = next;
    for (const lane of lanes) {
      if (next === 'black hole') lane.network.blackhole();
      else {
        if (next === 'killed') lane.killServer();
        lane.network.cut();
      }
    }
    ending = setTimeout(end, DURATIONS[next]);
    onChange();
  };

  return {
    get sent() {
      return sent;
    },
    get fault() {
      return fault;
    },
    get isSlow() {
      return isSlow;
    },
    counts: tallies.map(({ counts }) => counts),
    fateOf: (lane, number) => tallies[lane]?.fateOf(number),
    conditionOf: (number) => conditions.get(number) ?? 'up',
    run() {
      if (!isPaused) return;
      isPaused = false;
      running = interval(PACE).subscribe(tick);
    },
    pause() {
      isPaused = true;
      running.unsubscribe();
    },
    toggle: (next) => (fault === next ? end() : begin(next)),
    toggleLag() {
      isSlow = !isSlow;
      for (const { network } of lanes) network.lag(isSlow ? LONG_LAG : LAG);
      onChange();
    },
    close() {
      running.unsubscribe();
      clearTimeout(ending);
      for (const lane of lanes) lane.close();
    },
  };
}
