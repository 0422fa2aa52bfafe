import { jest } from '@jest/globals';
import { delay, distinctUntilChanged, map, of, Subject, type Observable } from 'rxjs';
import { CloseCode, explainCloseCode } from '../../lib/message/closeCode.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { serve } from '../../lib/server/serve.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { record } from '../support/record.js';
import { pair } from '../support/sessionPair.js';
import { wireServer } from '../support/wireServer.js';

const reconnect = { initialInterval: 10, maxInterval: 10, jitter: 0 };
const statuses = (wire: Wire) =>
  record(
    wire.state$.pipe(
      map(({ status, isFinal }) => (isFinal ? `${status}, final` : status)),
      distinctUntilChanged(),
    ),
  );
const closeOf = ({ state: { closeCode, closeReason } }: Wire) => [closeCode, closeReason];

describe('the state of a wire contains the reason of the end of its last connection', () => {
  it('has no close code until a connection has ended', async () => {
    const { wire, close } = pair();
    expect(wire.state).not.toHaveProperty('closeCode');
    await eventually(() => expect(wire.state.status).toBe('connected'));
    expect(wire.state).not.toHaveProperty('closeCode');
    close();
  });

  it('shows "disconnected", then "reconnecting", when a connection is lost, and marks only the last state as final', async () => {
    const { wire, cut, close, serverWire } = pair({ client: { reconnect } });
    const seen = statuses(wire);
    const there = await serverWire();
    const seenThere = statuses(there);
    await eventually(() => expect([wire.state.status, there.state.status]).toEqual(['connected', 'connected']));
    cut(1006);
    await eventually(() => expect(wire.state.status).toBe('connected'));
    await eventually(() => expect(there.state.status).toBe('connected'));
    wire.complete();
    expect([await seen.ended, await seenThere.ended]).toEqual(['complete', 'complete']);
    expect(seen.values).toEqual([
      'connecting',
      'connected',
      'disconnected',
      'reconnecting',
      'connected',
      'disconnecting',
      'disconnected, final',
    ]);
    expect(seenThere.values.slice(-4)).toEqual(['disconnected', 'reconnecting', 'connected', 'disconnected, final']);
    close();
  });

  it('keeps the code and the reason of a lost connection, also after the next one is open', async () => {
    const { wire, cut, close, serverWire } = pair({ client: { reconnect } });
    const there = await serverWire();
    await eventually(() => expect(wire.state.status).toBe('connected'));
    cut(4411);
    expect([closeOf(wire), closeOf(there)]).toEqual([
      [4411, 'cut'],
      [4411, 'cut'],
    ]);
    await eventually(() => expect(wire.state.status).toBe('connected'));
    expect(closeOf(wire)).toEqual([4411, 'cut']);
    close();
  });

  it('says 1000 on both sides after a normal end', async () => {
    const { wire, close, serverWire } = pair();
    const there = await serverWire();
    const ended = record(there);
    wire.complete();
    await ended.ended;
    await eventually(() => expect(wire.state.isFinal).toBe(true));
    expect([closeOf(wire), closeOf(there)]).toEqual([
      [1000, ''],
      [1000, ''],
    ]);
    close();
  });

  it('says 4000 on both sides when one side ends its wire without draining', async () => {
    const server = await wireServer((wire) => wires.push(wire), { detachedTimeout: 20 });
    const wires: Wire[] = [];
    const wire = connect({ link: webSocket(server.url) });
    await eventually(() => expect(wire.state.status).toBe('connected'));
    wire.unsubscribe();
    expect(closeOf(wire)).toEqual([4000, '']);
    await eventually(() => expect(wires[0]?.state).toMatchObject({ isFinal: true, closeCode: 4000, closeReason: '' }));
    await server.close();
  });

  it('says 1006 when no server answers', async () => {
    const server = await wireServer(() => undefined);
    await server.close();
    const wire = connect({ link: webSocket(server.url), reconnect: { maxRetries: 0 } });
    const { ended } = record(wire);
    expect(await ended).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP' });
    expect(wire.state).toMatchObject({ status: 'error', isFinal: true, closeCode: 1006 });
    expect(wire.state.closeReason).toContain('ECONNREFUSED');
  });

  it('says 4401 when the server rejects the client', async () => {
    const server = await wireServer(() => undefined, { authenticate: () => undefined });
    const wire = connect({ link: webSocket(server.url), token: 'wrong' });
    expect(await record(wire).ended).toMatchObject({ code: 'ERR_UNAUTHORIZED' });
    expect(wire.state).toMatchObject({ status: 'error', closeCode: 4401 });
    await server.close();
  });

  it('says 1001 on both sides when the server stops', async () => {
    const shutdown$ = new Subject<void>();
    const wires: Wire[] = [];
    const server = await wireServer((wire) => wires.push(wire), { shutdown$ });
    const wire = connect({ link: webSocket(server.url) });
    await eventually(() => expect(wires[0]?.state.status).toBe('connected'));
    shutdown$.next();
    await eventually(() => expect(wires[0]?.state.isFinal).toBe(true));
    expect(wires[0]?.state.closeCode).toBe(1001);
    await eventually(() => expect(wire.state.closeCode).toBe(1001));
    wire.unsubscribe();
    await server.close();
  });
});

describe('explainCloseCode', () => {
  it('has a sentence of its own for each code', () => {
    const sentences = Object.values(CloseCode).map(explainCloseCode);
    expect(new Set(sentences).size).toBe(Object.keys(CloseCode).length);
    expect(sentences.filter((sentence) => sentence.includes('not one of rxwire'))).toEqual([]);
  });

  it('explains 1000 and 1006 as well', () => {
    expect(explainCloseCode(1000)).toBe('one side has closed the connection normally, because it was done');
    expect(explainCloseCode(1006)).toBe(
      'the connection ended without a close frame, or could not be opened: the network failed, or the other process died or does not run',
    );
  });

  it('says which unknown codes an application has chosen', () => {
    expect(explainCloseCode(4321)).toBe('the close code 4321 is not one of rxwire: the application or a proxy has chosen it');
  });
});

describe('the counters of a wire', () => {
  /** Opens a client, and records the true size of all frames. */
  function counted() {
    const [near, far] = memoryLink<Frame>();
    const sizes = { sent: 0, received: 0 };
    const size = (frame: Frame): number => Buffer.byteLength(frame);
    const link: Link<Frame> = (outgoing) =>
      near(outgoing.pipe(map((frame) => ((sizes.sent += size(frame)), frame)))).pipe(
        map((frame) => ((sizes.received += size(frame)), frame)),
      );
    const wires: Wire[] = [];
    const server = serve(of(far)).subscribe((wire) => {
      wires.push(wire);
      wire.subscribe((message) => wire.next(createMessage('spec.said', message.payload)));
    });
    return { link, sizes, wires, server };
  }

  it.each([
    ['ASCII', 'hello'],
    ['two-byte characters', 'äöü'.repeat(100)],
    ['three-byte characters', '漢字'.repeat(100)],
    ['four-byte characters', '😀'.repeat(20_000)],
    ['half a surrogate pair', '\ud83d'],
  ])('count the bytes of text frames, not their characters: %s', async (_, text) => {
    const { link, sizes, wires, server } = counted();
    const wire = connect({ link });
    const answers = record(wire);
    await wire.send(createMessage('spec.said', text));
    await eventually(() => expect(answers.values).toHaveLength(1));
    await eventually(() => expect(wires[0]?.state.metrics.bytesReceived).toBe(sizes.sent));
    const { bytesSent, bytesReceived } = wire.state.metrics;
    expect([bytesSent, bytesReceived]).toEqual([sizes.sent, sizes.received]);
    expect(wires[0]?.state.metrics.bytesSent).toBe(sizes.received);
    wire.unsubscribe();
    server.unsubscribe();
  });
});

describe('the latency of a wire', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 1_000 }));
  afterEach(() => void jest.useRealTimers());

  /** A client whose frames take 20 ms in each direction. */
  function slowPair() {
    const [near, far] = memoryLink<Frame>();
    const slow = <T>(source: Observable<T>): Observable<T> => source.pipe(delay(20));
    const wires: Wire[] = [];
    const link: Link<Frame> = (outgoing) => far(outgoing.pipe(slow));
    const server = serve(of(link), { pingInterval: 1_000 }).subscribe((wire) => {
      wires.push(wire);
      wire.subscribe();
    });
    const wire = connect({ link: (outgoing) => near(outgoing.pipe(slow)), delivery: 'at-most-once' });
    return { wire, wires, server };
  }

  it('is measured by pings, on a wire that sends nothing', async () => {
    const { wire, server } = slowPair();
    await jest.advanceTimersByTimeAsync(1_200);
    expect(wire.state.metrics.latency).toBe(40);
    wire.unsubscribe();
    server.unsubscribe();
  });

  it('is measured by pings, while both sides send at-most-once messages all the time', async () => {
    const { wire, wires, server } = slowPair();
    for (let time = 0; time < 1_200; time += 10) {
      wire.next(createMessage('spec.said', 'hello'));
      wires[0]?.next(createMessage('spec.said', 'hello'));
      await jest.advanceTimersByTimeAsync(10);
    }
    expect(wire.state.metrics.latency).toBe(40);
    wire.unsubscribe();
    server.unsubscribe();
  });
});
