import type { RxwireError } from '../../../lib/message/errors.js';
import { createClusterControl } from '../../../lib/stores/nats/clusterNodes.js';
import type { NodeContext } from '../../../lib/stores/nats/natsContext.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
