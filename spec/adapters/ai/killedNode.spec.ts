import { Chat } from '@ai-sdk/react';
import type { UIMessage } from 'ai';
import { chatTransport, serveChat } from '../../../lib/adapters/ai/index.js';
import { connect, hub, webSocket } from '../../../lib/index.js';
import { natsCluster } from '../../../lib/stores/nats/index.js';
import { testWire } from '../../../lib/adapters/testing/index.js';
import { bundle } from '../../chaos/bundle.js';
import { describeWith } from '../../support/debian.js';
import { eventually } from '../../support/eventually.js';
import { killExamples, startProgram } from '../../support/exampleProcess.js';
import { startNats } from '../../support/nats.js';
import { CountingModel, textOf } from './chatModel.js';

describeWith('nats-server', 'an answer whose node is killed', (program) => {
  afterEach(killExamples);

  it('ends with an error behind what was said, for a reader at another node', async () => {
    const nats = await startNats(program);
    const node = startProgram(bundle('spec/adapters/ai/chatNode.ts'), [`127.0.0.1:${nats.port()}`]);
    await eventually(() => expect(node.stdout()).toMatch(/^\d+\n$/), 20_000);
    const asking = connect({ link: webSocket(`ws://127.0.0.1:${node.stdout().trim()}/wire`) });
    asking.errors$.subscribe();
    void new Chat<UIMessage>({ id: 'c', transport: chatTransport(asking) }).sendMessage({ text: 'count' });
    await eventually(() => expect(node.stdout()).toContain('asked'));

    const model = new CountingModel(1);
    const cluster = natsCluster({ connection: await nats.connect() });
    const rooms = hub({ log: cluster.log, authorize: ({ action }) => action === 'join' });
    const chat = serveChat(rooms, model.answer, { cluster });
    const other = testWire({
      serve(wire) {
        rooms.serve(wire);
        chat(wire);
      },
    });
    const reader = new Chat<UIMessage>({ id: 'c', transport: chatTransport(other.wire) });
    const read = reader.resumeStream();
    await eventually(() => expect(textOf(reader.lastMessage)).toContain('w9 '));
    await node.kill();
    const begin = performance.now();
    await read;
    const seconds = (performance.now() - begin) / 1_000;
    const words = textOf(reader.lastMessage).split(' ').slice(0, -1);
    expect([reader.status, reader.error?.message]).toEqual(['error', expect.stringContaining('the server of this answer has stopped')]);
    expect(words).toEqual(words.map((_, index) => `w${index}`));
    // The cluster notices the death within 4.5 s, and the log has half a second for a reply.
    expect(seconds).toBeLessThan(6);
    expect(await chatTransport(other.wire).reconnectToStream({ chatId: 'c' })).toBeNull();
    expect([node.stdout().split('asked').length - 1, model.calls]).toEqual([1, 0]);
    asking.unsubscribe();
    other.close();
    await nats.close();
  }, 60_000);
});
