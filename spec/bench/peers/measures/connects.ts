import { median } from '../../bench.js';
import { BASELINE, type Sides } from '../registry.js';
import { tableOf } from '../results.js';
import { inRounds, startSide, stepsOf, stopSide, withCpu } from '../sides.js';
import type { Measure } from './measure.js';

/** Connections that are being opened at any time. */
const AT_ONCE = 16;

export const CONNECTING: Sides = {
  [BASELINE]: { peer: 'ws' },
  rxwire: { peer: 'rxwire' },
  'RxJS webSocket()': { peer: 'rxjs' },
  'socket.io': { peer: 'socketIo' },
  SignalR: { peer: 'signalR' },
  'graphql-ws': { peer: 'graphqlWs' },
  'rsocket-js': { peer: 'rsocket' },
  MQTT: { peer: 'mqtt', variant: { qos: 1 } },
  'NATS core': { peer: 'natsCore' },
};

/** Connections a second, and the time from the start of a connection to the ack of its first message. */
export const connects: Measure = {
  estimate: [55, 8],
  async run({ rounds, turn, warmUp, handshakes }, begin) {
    const outcomes = await inRounds(
      CONNECTING,
      {
        rounds,
        // A session of rxwire waits for its client to return: here it ends with its connection.
        start: (side) => startSide(side, { idle: true }),
        warmUp: ({ clients }) => clients[0]!.call.connects({ ms: warmUp / 2, atOnce: AT_ONCE }),
        async turn(running) {
          const { call } = running.clients[0]!;
          const { result, server, client } = await withCpu(running, () => call.connects({ ms: turn, atOnce: AT_ONCE }));
          const times = await call.handshakes(handshakes);
          return {
            rate: (1_000 * result.count) / result.ms,
            server: server / result.count,
            client: client / result.count,
            first: median(times),
          };
        },
        stop: stopSide,
      },
      begin(stepsOf(CONNECTING, rounds)),
    );
    return {
      tables: [
        tableOf({
          key: 'connects',
          title: 'Connections',
          baseline: BASELINE,
          columns: [
            { key: 'rate', title: 'connections', unit: 'per second', isCost: false, chart: 'Connections opened and closed a second' },
            { key: 'server', title: 'CPU of the server a connection', unit: 'µs', isCost: true, isCompared: false },
            { key: 'client', title: 'CPU of the client a connection', unit: 'µs', isCost: true, isCompared: false },
            {
              key: 'first',
              title: 'start to first ack',
              unit: 'ms',
              isCost: true,
              chart: 'From the start of a connection to its first ack',
            },
          ],
          outcomes,
        }),
      ],
      goals: [],
    };
  },
};
