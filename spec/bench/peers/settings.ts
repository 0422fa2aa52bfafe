/** How much is measured. Durations are in ms. */
export interface Settings {
  readonly rounds: number;
  /** How long one side works before the next. */
  readonly turn: number;
  /** How long each side works before the first round. */
  readonly warmUp: number;
  /** What each side does before the first round, where messages are alone: V8 still optimizes after 2,000. */
  readonly warmUpAlone: { readonly ms: number; readonly atLeast: number; readonly atMost: number };
  /** Messages that are unacked at any time, where there are several. */
  readonly inFlight: number;
  /** Members of the fan-outs. */
  readonly members: readonly [few: number, many: number];
  /** Members of a process. */
  readonly membersOfProcess: number;
  /** Deliveries of a turn. */
  readonly deliveries: number;
  /** The duration of a round at 20 and at 2 messages a second. */
  readonly rates: readonly [often: number, seldom: number];
  /** Connections that are opened one after the other in a turn, to their first ack. */
  readonly handshakes: number;
  readonly idle: { readonly connections: number; readonly warmUp: number; readonly rounds: number; readonly watched: number };
  readonly reconnect: ReconnectPlan;
  readonly growth: { readonly members: number; readonly channels: number; readonly depth: number };
}

export interface ReconnectPlan {
  readonly rounds: number;
  /** Between two numbers. */
  readonly every: number;
  readonly before: number;
  readonly silence: number;
  readonly refused: number;
  /** How long the client goes on sending. */
  readonly after: number;
  /** How long what is still missing may take. */
  readonly patience: number;
}

export const FULL: Settings = {
  rounds: 5,
  turn: 500,
  warmUp: 1_500,
  warmUpAlone: { ms: 1_500, atLeast: 20_000, atMost: 6_000 },
  inFlight: 256,
  members: [300, 3_000],
  membersOfProcess: 1_000,
  deliveries: 12_000,
  rates: [2_000, 5_000],
  handshakes: 30,
  idle: { connections: 2_000, warmUp: 400, rounds: 3, watched: 30_000 },
  reconnect: { rounds: 3, every: 10, before: 1_500, silence: 3_000, refused: 1_000, after: 6_000, patience: 5_000 },
  growth: { members: 500, channels: 1_000, depth: 2_000 },
};

/** To see that the command works: the figures say nothing. */
export const QUICK: Settings = {
  rounds: 1,
  turn: 30,
  warmUp: 0,
  warmUpAlone: { ms: 0, atLeast: 1, atMost: 100 },
  inFlight: 256,
  members: [10, 20],
  membersOfProcess: 10,
  deliveries: 40,
  rates: [200, 600],
  handshakes: 2,
  idle: { connections: 20, warmUp: 5, rounds: 1, watched: 300 },
  reconnect: { rounds: 1, every: 10, before: 200, silence: 300, refused: 100, after: 300, patience: 1_000 },
  growth: { members: 10, channels: 100, depth: 200 },
};
