import { Chat } from '@ai-sdk/react';
import type { UIMessage, UIMessageChunk } from 'ai';
import { setTimeout as delay } from 'node:timers/promises';
import { BehaviorSubject, firstValueFrom, map, noop, Observable, throwError, toArray } from 'rxjs';
import { chatTransport, serveChat, stopChat, type ChatCluster, type ChatHandler } from '../../../lib/adapters/ai/index.js';
import { createMessage, hub, memoryChannelLog, type ChannelLog, type Wire } from '../../../lib/index.js';
import { testWire } from '../../../lib/adapters/testing/index.js';
import { eventually } from '../../support/eventually.js';
import { CountingModel, textOf } from './chatModel.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** A cluster whose living nodes a test sets. */
function testCluster(...living: string[]) {
  const nodes$ = new BehaviorSubject<readonly string[]>(living);
  const state$ = nodes$.pipe(map((nodes) => ({ nodes: nodes.map((node) => ({ node })) })));
  return { nodes$, of: (node: string): ChatCluster => ({ node, state$ }) };
}

/** A node of a cluster, over the log that all nodes share. */
function nodeOf(cluster: ChatCluster, log: ChannelLog, model = new CountingModel(10_000)) {
  const errors: unknown[] = [];
  const rooms = hub({ log, authorize: ({ action }) => action === 'join' });
  const over = new AbortController();
  closing.push(() => over.abort());
  const answer: ChatHandler = (turn) => model.answer({ ...turn, signal: AbortSignal.any([turn.signal, over.signal]) });
  const chat = serveChat(rooms, answer, { cluster, onError: (error) => errors.push(error) });
  const open = (): Wire => {
    const { wire, close } = testWire({ serve: (served: Wire) => void (rooms.serve(served), chat(served)) });
    closing.push(close);
    return wire;
  };
  /** Writes an answer that no process goes on with, as a node leaves it that is killed. */
  const leave = async (chatId: string, node: string): Promise<void> => {
    const room = rooms.channel(`ai/${chatId}/answer`);
    await room.send(createMessage('ai.started', { mark: 'another', node }, { source: '@rxwire/ai' }));
    const said: UIMessageChunk[] = [{ type: 'start' }, { type: 'text-start', id: '1' }, { type: 'text-delta', id: '1', delta: 'so far' }];
    await room.send(createMessage('ai.chunks', said, { source: '@rxwire/ai' }));
  };
  return { rooms, open, leave, errors, model };
}

const page = (wire: Wire, id: string): Chat<UIMessage> => new Chat<UIMessage>({ id, transport: chatTransport(wire) });

describe('the answers of a node that dies', () => {
  it('end with an error behind what was said, and those of living nodes go on', async () => {
    const [log, cluster] = [memoryChannelLog(), testCluster('a', 'b', 'c')];
    const [b, c] = [nodeOf(cluster.of('b'), log), nodeOf(cluster.of('c'), log)];
    await b.leave('dead', 'a');
    const [reader, asking] = [page(b.open(), 'dead'), page(c.open(), 'living')];
    const [read] = [reader.resumeStream(), asking.sendMessage({ text: 'count' })];
    await eventually(() => expect([textOf(reader.lastMessage), textOf(asking.lastMessage).length > 20]).toEqual(['so far', true]));
    await delay(700);
    expect(reader.status).toBe('streaming');
    cluster.nodes$.next(['b', 'c']);
    const begin = performance.now();
    await read;
    expect(performance.now() - begin).toBeLessThan(1_500);
    expect([reader.status, textOf(reader.lastMessage)]).toEqual(['error', 'so far']);
    expect(reader.error?.message).toContain('the server of this answer has stopped');
    const { length } = textOf(asking.lastMessage);
    await eventually(() => expect(textOf(asking.lastMessage).length).toBeGreaterThan(length));
    expect([b.errors, c.errors]).toEqual([[], []]);
  });

  it('end also when a second node dies while the answers of the first one are checked', async () => {
    const [log, cluster] = [memoryChannelLog(), testCluster('a', 'b', 'c')];
    const c = nodeOf(cluster.of('c'), log);
    await c.leave('first', 'a');
    await c.leave('second', 'b');
    const reader = page(c.open(), 'second');
    const read = reader.resumeStream();
    await eventually(() => expect(textOf(reader.lastMessage)).toBe('so far'));
    cluster.nodes$.next(['b', 'c']);
    await delay(200);
    cluster.nodes$.next(['c']);
    await Promise.race([read, delay(2_000)]);
    expect(reader.status).toBe('error');
  });

  it.each([
    ['for a reader that comes to a node which did not see the death', 'b'],
    ['when the node is started again at once, with the same name', 'a'],
  ])('end %s', async (_, living) => {
    const [log, cluster] = [memoryChannelLog(), testCluster(living)];
    const node = nodeOf(cluster.of(living), log);
    await node.leave('dead', 'a');
    const reader = page(node.open(), 'dead');
    await reader.resumeStream();
    expect([reader.status, textOf(reader.lastMessage)]).toEqual(['error', 'so far']);
  });

  it('go on when only the cluster has lost the node, while the model is silent', async () => {
    const [log, cluster] = [memoryChannelLog(), testCluster('a', 'b')];
    const model = new CountingModel(2);
    model.lastWord = new Promise(noop);
    const [a, b] = [nodeOf(cluster.of('a'), log, model), nodeOf(cluster.of('b'), log)];
    const asking = page(a.open(), 'cut');
    void asking.sendMessage({ text: 'count' });
    await eventually(() => expect(textOf(asking.lastMessage)).toBe('w0 '));
    const wire = b.open();
    for (let round = 0; round < 2; round++) {
      cluster.nodes$.next([]);
      await delay(700);
      cluster.nodes$.next(['a', 'b']);
    }
    const [info] = await firstValueFrom(b.rooms.list('ai/cut/').pipe(toArray()));
    expect([info?.hasEnded, asking.status, a.model.stops]).toEqual([false, 'streaming', 0]);
    stopChat(wire, 'cut');
    await eventually(() => expect(a.model.stops).toBe(1));
  });

  it('go on when their servers name no node, and among what others have written', async () => {
    const [log, cluster] = [memoryChannelLog(), testCluster('a', 'b')];
    const b = nodeOf(cluster.of('b'), log);
    const older = b.rooms.channel('ai/older/answer');
    await older.send(createMessage('ai.started', 'a mark', { source: '@rxwire/ai' }));
    await b.rooms.channel('ai/forged/answer').send(createMessage('ai.started', { mark: 'm', node: 'a' }, { source: 'somebody' }));
    await b.leave('dead', 'a');
    b.open();
    cluster.nodes$.next(['b']);
    await delay(1_500);
    const open = (await firstValueFrom(b.rooms.list('ai/').pipe(toArray()))).filter(({ hasEnded }) => !hasEnded);
    expect(open.map(({ name }) => name).sort()).toEqual(['ai/forged/answer', 'ai/older/answer']);
  });

  it('end also when the log had failed at first, which is reported', async () => {
    const [real, cluster] = [memoryChannelLog(), testCluster('a', 'b')];
    let fails = false;
    const log: ChannelLog = { ...real, list: (prefix) => (fails ? throwError(() => new Error('no list')) : real.list!(prefix)) };
    const b = nodeOf(cluster.of('b'), log);
    await b.leave('dead', 'a');
    const reader = page(b.open(), 'dead');
    const read = reader.resumeStream();
    await eventually(() => expect(textOf(reader.lastMessage)).toBe('so far'));
    fails = true;
    cluster.nodes$.next(['b']);
    await eventually(() => expect(b.errors).toEqual([new Error('no list')]));
    fails = false;
    cluster.nodes$.next(['b']);
    await read;
    expect(reader.status).toBe('error');
  });

  it('are watched while the server has a client', async () => {
    let watches = 0;
    const state$ = new Observable<never>(() => {
      watches++;
      return () => watches--;
    });
    const chat = serveChat(hub(), () => [], { cluster: { node: 'a', state$ } });
    let clients = 0;
    const serve = (served: Wire): void => {
      clients++;
      chat(served).add(() => clients--);
    };
    const open = () => testWire({ serve });
    const [one, other] = [open(), open()];
    await eventually(() => expect([clients, watches]).toEqual([2, 1]));
    one.close();
    await eventually(() => expect([clients, watches]).toEqual([1, 1]));
    other.close();
    await eventually(() => expect([clients, watches]).toEqual([0, 0]));
  });
});
