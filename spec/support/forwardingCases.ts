import { filter, type Subscription } from 'rxjs';
import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { Authenticate, Principal } from '../../lib/server/principal.js';
import type { ServerCluster } from '../../lib/wire/session/serverCluster.js';
import { connect } from '../../lib/wire/connect.js';
import { EVENTS, itemsOf, rawLink, RECORDS, textUntil } from '../server/http/rawHttpLink.js';
import { attacker, requestOf } from './attacker.js';
import { eventually } from './eventually.js';
import { byTurns, httpProxy } from './httpProxy.js';
import { record } from './record.js';
import { serve } from './recordingServer.js';
import { helloFrame } from './sessionFrames.js';

const links = { sse: serverSentEvents, 'long-polling': longPolling };
const COUNT = 200;
const numbers = Array.from({ length: COUNT }, (_, index) => index);

type Node = Awaited<ReturnType<typeof serve>>;

/** Two servers, `a` and `b`, on one cluster; all requests of a link but the first reach another server than the link's. */
export function forwardingCases(join: (node: string) => ServerCluster): void {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const start = async (options: ListenOptions<Principal | undefined> = {}): Promise<readonly [a: Node, b: Node]> => {
    const nodes = await Promise.all(['a', 'b'].map((node) => serve({ ...options, cluster: join(node) })));
    closing.push(...nodes.map((node) => () => node.close()));
    return [nodes[0]!, nodes[1]!];
  };
  /** A link that was opened at `a`, and goes on at `b`. */
  const opened = async ([a, b]: readonly [Node, Node], accept = RECORDS, common: Readonly<Record<string, string>> = {}) => {
    const first = rawLink(a.url, undefined, common);
    const response = await first.post(1, [helloFrame()], accept);
    const node = response.headers.get('rxwire-node')!;
    return { response, node, there: rawLink(b.url, first.name, { ...common, 'rxwire-node': node }) };
  };

  describe.each(Object.keys(links) as (keyof typeof links)[])('%s', (transport) => {
    const proxies: readonly (readonly [name: string, choose: (ports: readonly number[]) => Parameters<typeof httpProxy>[0]])[] = [
      ['by turns', byTurns],
      [
        'all requests but the first at the other node',
        ([a, b]) =>
          ({ headers }) =>
            'rxwire-node' in headers ? b! : a!,
      ],
    ];

    const run = async (choose: (ports: readonly number[]) => Parameters<typeof httpProxy>[0], payloads: readonly unknown[]) => {
      const nodes = await start();
      const proxy = await httpProxy(choose(nodes.map(({ port }) => port)));
      closing.push(() => proxy.close());
      const wire = connect({ link: links[transport](proxy.url), delivery: 'exactly-once' });
      const received: unknown[] = [];
      const got: Subscription = wire.pipe(filter(({ type }) => type === 'test.down')).subscribe(({ payload }) => received.push(payload));
      closing.push(
        () => wire.unsubscribe(),
        () => got.unsubscribe(),
      );
      for (const payload of payloads) wire.next(createMessage('test.up', payload));
      await eventually(() => expect(nodes[0].count() + nodes[1].count()).toBe(1));
      const served = await nodes[nodes[0].count() === 1 ? 0 : 1].wire();
      for (const payload of payloads) served.wire.next(createMessage('test.down', payload));
      const sent = await served.messages.take(payloads.length);
      await eventually(() => expect(received).toHaveLength(payloads.length), 20_000);
      expect(sent.map(({ payload }) => payload)).toEqual(payloads);
      expect(received).toEqual(payloads);
      expect(served.state.values.filter(({ status }) => status === 'reconnecting')).toEqual([]);
    };

    it.each(proxies)('loses, doubles and reorders no message of 200 in both directions: %s', (_, choose) => run(choose, numbers));

    it('passes frames of nearly 1 MiB in both directions', () => {
      const large = (letter: string): string => letter.repeat(1_040_000);
      return run(proxies[1]![1], [large('a'), large('b'), large('c')]);
    });

    it('continues at another node when the node of the link has ended', async () => {
      const [a, b] = await start();
      let ports = [a.port];
      const proxy = await httpProxy(({ headers }) => ('rxwire-node' in headers ? b.port : ports[0]!));
      closing.push(() => proxy.close());
      const wire = connect({ link: links[transport](proxy.url), reconnect: { initialInterval: 5, maxInterval: 20 } });
      const states = record(wire.state$);
      wire.errors$.subscribe();
      closing.push(() => wire.unsubscribe());
      await a.wire();
      ports = [b.port];
      await a.close();
      const { messages } = await b.wire();
      wire.next(createMessage('test.up', 'there'));
      expect((await messages.take(1))[0]).toMatchObject({ payload: 'there' });
      expect(states.values.map(({ status }) => status)).toContain('reconnecting');
    });
  });

  it('sends the node to the client, and forwards its further requests', async () => {
    const nodes = await start();
    const { node, response, there } = await opened(nodes);
    expect(node).toBe('a');
    expect(await itemsOf(response)).toEqual([expect.stringMatching(/^\["welcome",/)]);
    expect((await there.post(2, ['["ack",0,1024]'])).status).toBe(204);
    const answer = await there.poll(1);
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([200, RECORDS, 'no-store']);
    expect(await itemsOf(answer)).toEqual([expect.stringMatching(/^\["ack",0,/)]);
    expect((await there.poll(1)).status).toBe(409);
    expect((await there.leave()).status).toBe(204);
    expect((await there.poll(2)).status).toBe(404);
    expect([nodes[0].count(), nodes[1].count()]).toEqual([1, 0]);
  });

  it('answers a malformed name of a node with 400, and an unknown one with 404', async () => {
    const nodes = await start();
    const { there } = await opened(nodes);
    for (const name of ['a.b', '*', '>', 'a b', 'ä', 'x'.repeat(65)]) {
      expect((await there.request('GET', { 'rxwire-node': name, 'rxwire-number': '1', accept: RECORDS })).status).toBe(400);
    }
    for (const name of ['c', 'b', 'A', '__proto__', 'x'.repeat(64)]) {
      expect((await there.request('GET', { 'rxwire-node': name, 'rxwire-number': '1', accept: RECORDS })).status).toBe(404);
    }
    expect((await there.post(2, ['["ack",0,1024]'])).status).toBe(204);
  });

  it('judges a forwarded request as one of its own', async () => {
    const nodes = await start();
    const { there } = await opened(nodes);
    expect((await there.request('PUT', {})).status).toBe(405);
    expect((await there.post('x')).status).toBe(400);
    expect((await there.leave('x')).status).toBe(400);
    expect((await rawLink(nodes[1].url, undefined, { 'rxwire-node': 'a' }).poll(1)).status).toBe(404);
    expect((await there.request('POST', { 'rxwire-number': '2' }, Uint8Array.of(9, 9, 9))).status).toBe(400);
    expect(await itemsOf(await there.poll(1))).toEqual([{ code: 4_400, reason: '' }]);
  });

  it('refuses a body above the limit with 413, and closes the link with 1009', async () => {
    const nodes = await start({ maxFrame: 1_000 });
    const { there } = await opened(nodes);
    const response = await there.request('POST', { 'rxwire-number': '2' }, new Uint8Array(300_000)).catch(() => undefined);
    // The server need not wait for all of the body before it answers, and closes the connection.
    if (response) expect(response.status).toBe(413);
    expect(await itemsOf(await there.poll(1))).toEqual([{ code: 1_009, reason: '' }]);
  });

  it('opens a link at the node that the request has reached, whatever it names', async () => {
    const [, b] = await start();
    const response = await rawLink(b.url, undefined, { 'rxwire-node': 'a' }).post(1, [helloFrame()]);
    expect([response.status, response.headers.get('rxwire-node')]).toEqual([200, 'b']);
  });

  it('notices that the client has disconnected during a poll', async () => {
    const nodes = await start();
    const { there } = await opened(nodes);
    await there.post(2, ['["ack",0,1024]']);
    const { state } = await nodes[0].wire();
    await there.poll(1);
    const aborting = new AbortController();
    const poll = there.poll(2, aborting.signal).catch(() => 'aborted');
    await there.post(3, []);
    aborting.abort();
    expect(await poll).toBe('aborted');
    await eventually(() => expect(state.values.at(-1)).toMatchObject({ status: 'reconnecting', error: { closeCode: 1_006 } }));
  });

  it('closes a link whose client has disconnected within a body', async () => {
    const nodes = await start();
    const { there } = await opened(nodes);
    await there.post(2, ['["ack",0,1024]']);
    const { state } = await nodes[0].wire();
    const client = await attacker(nodes[1].port);
    const head = String(requestOf('POST', there.name, 3, ['["ping",0]']).subarray(0, -5));
    client.socket.write(head.replace('\r\n', '\r\nrxwire-node: a\r\nexpect: 100-continue\r\n'));
    await client.until('HTTP/1.1 100');
    client.socket.destroy();
    await eventually(() => expect(state.values.at(-1)).toMatchObject({ status: 'reconnecting' }));
  });

  it('gives a link to its principal only', async () => {
    const authenticate: Authenticate<Principal> = ({ request }) => {
      asked.push(request.url);
      const [id] = String(request.headers.authorization).split('#');
      return { id: id! };
    };
    const asked: unknown[] = [];
    const nodes = await start({ authenticate });
    const { there } = await opened(nodes, EVENTS, { authorization: 'ann' });
    expect((await there.post(2, ['["ack",0,1024]'])).status).toBe(204);
    const as = (authorization: string) => rawLink(nodes[1].url, there.name, { 'rxwire-node': 'a', authorization });
    expect((await as('eve').post(3)).status).toBe(404);
    expect((await as('eve').leave()).status).toBe(404);
    expect((await as('ann#2').post(3)).status).toBe(204);
    expect(asked).toEqual(['/wire', '/wire', '/wire', '/wire']);
  });

  it('streams events at the node of the link', async () => {
    const nodes = await start();
    const { response, there } = await opened(nodes, EVENTS);
    expect(await textUntil(response, '\n\n')).toMatch(/^data: \["welcome",/);
    expect((await there.post(2, ['["ack",0,1024]'])).status).toBe(204);
    expect((await there.poll(1)).status).toBe(406);
    const { wire } = await nodes[0].wire();
    wire.unsubscribe();
    expect(await textUntil(response, 'event: end')).toContain('"code":4000');
    expect((await there.leave()).status).toBe(204);
  });
}
