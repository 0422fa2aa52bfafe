import { config, NEVER, VirtualTimeScheduler } from 'rxjs';
import type { RxwireError } from '../../../lib/message/errors.js';
import { createClusterControl, createClusterNodes } from '../../../lib/stores/nats/clusterNodes.js';
import { encodeHead } from '../../../lib/stores/nats/forwardFrame.js';
import type { NatsMessage, NodeContext } from '../../../lib/stores/nats/natsContext.js';
import { createNatsRequests } from '../../../lib/stores/nats/natsRequests.js';
import type { ClusterServer } from '../../../lib/wire/session/serverCluster.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a connection to NATS that drains', () => {
  const draining = (): never => {
    throw new Error('connection draining');
  };
  const unhandled: unknown[] = [];
  beforeEach(() => {
    config.onUnhandledError = (error) => unhandled.push(error);
  });
  afterEach(() => {
    config.onUnhandledError = null;
  });

  it('ends neither the process nor the beats of a node, nor its forwarded requests', async () => {
    const scheduler = new VirtualTimeScheduler(undefined, 2_500);
    const reported: RxwireError[] = [];
    const listeners = new Map<string, (message: NatsMessage) => void>();
    const context = {
      connection: { isClosed: () => false, publish: draining, flush: () => Promise.resolve() },
      ...{ name: 'c', node: 'n', scheduler, isConnected: () => true, lost$: NEVER, maxPayload: () => 1_000 },
      report: (error: RxwireError) => reported.push(error),
      listen: (subject: string, next: (message: NatsMessage) => void) => {
        listeners.set(subject, next);
        return { unsubscribe: () => undefined };
      },
    } as unknown as NodeContext;
    const beats = createClusterNodes(context).describe({ size: 1 } as ClusterServer);
    const requests = createNatsRequests(context);
    requests.serve(() => NEVER);
    const head = encodeHead({ method: 'GET', url: '/wire', headers: {} });
    listeners.get('c.node.n.requests')!({ data: Buffer.concat([Buffer.alloc(5), head]), reply: 'inbox.1' } as never);
    scheduler.flush();
    beats.unsubscribe();
    await turn();
    expect(unhandled).toEqual([]);
    // Three beats and the goodbye; the request was reported twice.
    expect(reported.map(({ cause }) => (cause as Error).message)).toEqual(Array.from({ length: 6 }, () => 'connection draining'));
  });
});

describe('the notices of claims', () => {
  it('are reported if NATS does not take them, and later ones are sent', async () => {
    const sent: string[] = [];
    const reported: RxwireError[] = [];
    const at = { isDraining: true };
    const publish = (_: string, text: string): void => {
      if (at.isDraining) throw new Error('connection draining');
      sent.push(text);
    };
    const context = { connection: { isClosed: () => false, publish }, name: 'c', report: (error: RxwireError) => reported.push(error) };
    const control = createClusterControl(context as unknown as NodeContext);
    control.claimed('one', { owner: 'o', epoch: 1, n: 1 });
    await turn();
    expect(reported).toMatchObject([{ code: 'ERR_STORE', cause: { message: 'connection draining' } }]);
    at.isDraining = false;
    control.claimed('two', { owner: 'o', epoch: 1, n: 1 });
    await turn();
    expect(sent).toEqual(['{"kind":"claimed","claims":[["two",{"owner":"o","epoch":1,"n":1}]]}']);
  });
});
