import { queue } from '../../lib/operators/queue/queue.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect } from '../../lib/wire/connect.js';
import { fakeQueueStore } from '../support/fakeQueueStore.js';
import { wireServer } from '../support/wireServer.js';

describe('a message that a queue drops', () => {
  it('is refused: its sender receives the receipt refused', async () => {
    const jobs = queue('jobs', { maxSize: 2, maxAge: 300 });
    const server = await wireServer((wire) => wire.subscribe(jobs));
    const wire = connect({ link: webSocket(server.url) });
    const refusal = (reason: string): unknown => ({ code: 'ERR_REFUSED', remoteCode: 'ERR_DROPPED', reason });
    const sent = ['a', 'b', 'c'].map((id) => wire.send(createMessage('test.job', id, { id })));
    await expect(sent[0]).rejects.toMatchObject(refusal('the queue was full') as object);
    await expect(sent[1]).rejects.toMatchObject(refusal('the message waited in the queue for too long') as object);
    await expect(sent[2]).rejects.toMatchObject(refusal('the message waited in the queue for too long') as object);
    wire.unsubscribe();
    jobs.close();
    await server.close();
  });
});

describe('a message that a queue has stored', () => {
  it('is acked, together with others', async () => {
    const jobs = queue('jobs', { store: fakeQueueStore() });
    const server = await wireServer((wire) => wire.subscribe(jobs));
    const wire = connect({ link: webSocket(server.url) });
    await Promise.all(['a', 'b', 'c'].map((id) => wire.send(createMessage('test.job', id, { id }))));
    wire.unsubscribe();
    jobs.close();
    await server.close();
  });
});
