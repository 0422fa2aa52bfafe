import { createServer } from 'node:http';
import { jest } from '@jest/globals';
import { firstValueFrom, NEVER, of, ReplaySubject } from 'rxjs';
import { listen, type ListenOptions } from '../../../lib/server/listen.js';
import type { ClusterRequests } from '../../../lib/wire/session/serverCluster.js';
import { longPolling } from '../../../lib/io/longPolling.js';
import { serverSentEvents } from '../../../lib/io/serverSentEvents.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { connect } from '../../../lib/wire/connect.js';
import { describeWith } from '../../support/debian.js';
import { eventually } from '../../support/eventually.js';
import { startNginx } from '../../support/proxies.js';
import { record } from '../../support/record.js';
import { attacker, requestOf } from '../../support/attacker.js';
import { forwardingCases } from '../../support/forwardingCases.js';
import { clusterNode, memoryCluster } from '../../support/memoryCluster.js';
import { serve } from '../../support/recordingServer.js';
import { helloFrame } from '../../support/sessionFrames.js';
import { linkName, rawLink } from './rawHttpLink.js';

jest.setTimeout(20_000);

describe('requests that reach another node', () => {
  const cluster = memoryCluster();
  forwardingCases(cluster.join);
});

describeWith('nginx', 'behind nginx, which passes requests by turns', (program) => {
  it.each(Object.entries({ serverSentEvents, longPolling }))('%s reaches its node', async (_, link) => {
    const cluster = memoryCluster();
    const nodes = await Promise.all(['a', 'b', 'c'].map((node) => serve({ cluster: cluster.join(node), trustProxy: 1 })));
    const [first, ...others] = nodes.map(({ port }) => port);
    const servers = others.map((port) => `server 127.0.0.1:${port};`).join(' ');
    const nginx = await startNginx(program, first!, (config) => config.replace('keepalive 64;', `${servers} keepalive 64;`));
    const wire = connect({ link: link(`http://127.0.0.1:${nginx.port}/wire`), delivery: 'exactly-once' });
    const states = record(wire.state$);
    for (let index = 0; index < 20; index++) await wire.send(createMessage('test.up', index));
    await eventually(() => expect(cluster.sent.length).toBeGreaterThan(3));
    expect(states.values.filter(({ status }) => status === 'reconnecting')).toEqual([]);
    wire.unsubscribe();
    await nginx.close();
    await Promise.all(nodes.map((node) => node.close()));
  });
});

describe('the node that forwards', () => {
  let served: Awaited<ReturnType<typeof serve>>;
  afterEach(() => served.close());
  const start = async (send: ClusterRequests['send'], options: ListenOptions = {}) =>
    (served = await serve({ ...options, cluster: clusterNode('b', { send, serve: () => undefined }) }));
  const linkTo = (url: string, fields: Readonly<Record<string, string>> = {}) =>
    rawLink(url, linkName(), { 'rxwire-node': 'a', ...fields });

  it('forwards at most maxConnections requests at once: more get 503', async () => {
    const { url } = await start(() => NEVER, { maxConnections: 2 });
    const aborting = new AbortController();
    const held = [1, 2].map((number) =>
      linkTo(url)
        .poll(number, aborting.signal)
        .catch(() => 'aborted'),
    );
    const response = await linkTo(url).poll(1);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    aborting.abort();
    expect(await Promise.all(held)).toEqual(['aborted', 'aborted']);
    const [next] = [linkTo(url).poll(1, AbortSignal.timeout(50))];
    await expect(next).rejects.toThrow(/aborted/);
  });

  it('holds at most 64 MiB of responses: more get 503', async () => {
    const body = new Uint8Array(65 * 1024 * 1024);
    const { url } = await start(() => of({ status: 200, headers: {}, body }));
    expect((await linkTo(url).poll(1)).status).toBe(503);
  });

  it('checks the origin of a page before', async () => {
    const send = jest.fn(() => NEVER);
    const { url } = await start(send);
    expect((await linkTo(url, { origin: 'https://evil.example' }).poll(1)).status).toBe(403);
    expect(send).not.toHaveBeenCalled();
  });

  it('answers 404 when the other node fails, throws, or has nothing to say', async () => {
    const failures = [
      () => {
        throw new Error('no node');
      },
      () => of(),
    ];
    const { url } = await start(() => failures.shift()!());
    expect([(await linkTo(url).poll(1)).status, (await linkTo(url).poll(1)).status]).toEqual([404, 404]);
  });

  it('answers 500 when HTTP does not allow the reply of the other node, and serves the next request', async () => {
    const replies = [
      { status: 1_000, headers: {} },
      { status: 204, headers: { 'x-none': undefined } },
      { status: 204, headers: {} },
    ];
    const { url } = await start(() => of(replies.shift()!));
    const statuses: number[] = [];
    for (let count = 0; count < 3; count++) statuses.push((await linkTo(url).poll(1)).status);
    expect(statuses).toEqual([500, 500, 204]);
  });

  it('counts requests that find no link as new connections of their address: 429, and the connection is closed', async () => {
    let forwarded = 0;
    const send: ClusterRequests['send'] = () => {
      forwarded++;
      return of({ status: 404, headers: {} });
    };
    const { port } = await start(send, { connectionRate: { perSecond: 0.001, burst: 5 } });
    const bad = await attacker(port);
    const forged = String(requestOf('GET', linkName(), 1)).replace('\r\n', '\r\nrxwire-node: a\r\n');
    // One after the other: those that arrive in one piece are all forwarded before the first answer.
    for (let count = 1; count <= 6; count++) {
      bad.socket.write(forged);
      await bad.until(new RegExp(`(HTTP/1.1 (404|429)[^]*){${count}}`));
    }
    await bad.until('HTTP/1.1 429');
    await bad.code;
    expect(forwarded).toBe(6);
  });

  it('lets a page of an allowed origin read the node', async () => {
    const origin = 'https://app.example';
    const { url } = await start(() => NEVER, { origins: [origin] });
    const response = await rawLink(url, linkName(), { origin }).post(1, [helloFrame()]);
    expect(response.headers.get('access-control-expose-headers')).toBe('retry-after, rxwire-node');
  });

  it('ends forwarded requests when it stops: 503', async () => {
    const sent$ = new ReplaySubject<void>(1);
    const { url, stop } = await start(() => {
      sent$.next();
      return NEVER;
    });
    const poll = linkTo(url).poll(1);
    await firstValueFrom(sent$);
    stop();
    expect((await poll).status).toBe(503);
  });
});

describe('a server without a cluster', () => {
  it('names no node, and ignores the name of one', async () => {
    const served = await serve();
    const link = rawLink(served.url, undefined, { 'rxwire-node': '?' });
    const response = await link.post(1, [helloFrame()]);
    expect([response.status, response.headers.has('rxwire-node')]).toEqual([200, false]);
    expect((await link.post(2, ['["ack",0,1024]'])).status).toBe(204);
    await served.close();
  });
});

it.each(['', 'a.b', 'x'.repeat(65)])('a node must not be named %j', (node) => {
  expect(() => listen(createServer(), { cluster: memoryCluster().join(node) })).toThrow(/"cluster.node" must match/);
});
