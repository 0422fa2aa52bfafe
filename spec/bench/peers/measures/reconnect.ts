import { setTimeout as sleep } from 'node:timers/promises';
import { failNetwork } from '../../../support/failNetwork.js';
import { tcpProxy } from '../../../support/tcpProxy.js';
import { judge } from '../judge.js';
import type { Progress } from '../progress.js';
import { startClient, startServer } from '../process.js';
import { RXWIRE, type Side, type Sides } from '../registry.js';
import { tableOf, type Outcome, type Outcomes, type Round } from '../results.js';
import type { ReconnectPlan } from '../settings.js';
import { reasonOf } from '../sides.js';
import type { Measure } from './measure.js';

const SIDES: Sides = {
  'ws, reconnected by hand': { peer: 'ws' },
  ...RXWIRE,
  'RxJS webSocket(), retry': { peer: 'rxjs' },
  'socket.io': { peer: 'socketIo' },
  'socket.io, retries': { peer: 'socketIo', variant: { retries: true } },
  'SignalR, automatic reconnect': { peer: 'signalR' },
  'graphql-ws, retryAttempts': { peer: 'graphqlWs' },
  'rsocket-js, reconnected by hand': { peer: 'rsocket' },
  'MQTT, QoS 0': { peer: 'mqtt', variant: { qos: 0 } },
  'MQTT, QoS 1': { peer: 'mqtt', variant: { qos: 1 } },
  'MQTT, QoS 2': { peer: 'mqtt', variant: { qos: 2 } },
  'NATS core': { peer: 'natsCore' },
  'NATS JetStream, msgID': { peer: 'jetStream' },
};

/** A client sends numbers through a proxy, which swallows all for a while, then resets the connection, and then refuses others for a while. */
async function fallIntoBlackHole({ peer, variant = {} }: Side, plan: ReconnectPlan): Promise<Round> {
  const options = { ...variant, numbers: true };
  const server = await startServer(peer, options);
  const url = new URL(await server.call.url());
  const proxy = await tcpProxy(Number(url.port));
  url.port = String(proxy.port);
  try {
    const client = await startClient(peer, url.href, options);
    try {
      const { every, before, silence, refused, after, patience } = plan;
      const sending = client.call.stream({ every, ms: before + silence + refused + after });
      await sleep(before);
      const over = await failNetwork(proxy, plan);
      const sent = await sending;
      const give = Date.now() + patience;
      for (;;) {
        const found = judge(await server.call.journal(), sent, over, after + patience);
        if (found['lost'] === 0 || Date.now() > give) return found;
        await sleep(250);
      }
    } finally {
      await client.stop();
    }
  } finally {
    await server.stop();
    await proxy.close();
  }
}

/** All sides fall into it at the same time: they mostly wait, and each meets the same weather. */
async function rounds(plan: ReconnectPlan, progress: Progress): Promise<Outcomes> {
  const outcomes: Record<string, Outcome> = Object.fromEntries(Object.keys(SIDES).map((title) => [title, { rounds: [] }]));
  for (let round = 0; round < plan.rounds; round++) {
    progress.step('black hole');
    await Promise.all(
      Object.entries(SIDES).map(async ([title, side], index) => {
        const { rounds: known, reason } = outcomes[title]!;
        if (reason !== undefined) return;
        // Processes that all start at once would wait for each other.
        await sleep(index * 50);
        try {
          outcomes[title] = { rounds: [...known, await fallIntoBlackHole(side, plan)] };
        } catch (error) {
          outcomes[title] = { rounds: [], reason: reasonOf(error) };
        }
      }),
    );
  }
  return outcomes;
}

/** What a peer does about a network that fails. */
export const reconnect: Measure = {
  estimate: [60, 8],
  async run({ reconnect: plan }, begin) {
    const outcomes = await rounds(plan, begin(plan.rounds));
    const seconds = (ms: number): string => `${ms / 1_000} s`;
    const sent = Math.round((plan.before + plan.silence + plan.refused + plan.after) / plan.every);
    return {
      tables: [
        tableOf({
          key: 'reconnect',
          title: `${sent.toLocaleString('en')} messages through a black hole of ${seconds(plan.silence)}, a reset, and ${seconds(plan.refused)} of refused connections`,
          baseline: '',
          columns: [
            { key: 'next', title: 'next delivery', unit: 'ms', isCost: true, chart: 'From the end of the failure to the next delivery' },
            {
              key: 'lost',
              title: 'lost',
              unit: 'messages',
              isCost: true,
              chart: `Lost of ${sent.toLocaleString('en')} messages, through a failure of ${seconds(plan.silence + plan.refused)}`,
            },
            { key: 'doubled', title: 'doubled', unit: 'messages', isCost: true },
            { key: 'disordered', title: 'out of order', unit: 'messages', isCost: true },
          ],
          outcomes,
        }),
      ],
      goals: [],
    };
  },
};
