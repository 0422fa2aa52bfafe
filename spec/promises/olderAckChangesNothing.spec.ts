import { Subject } from 'rxjs';
import type { Frame } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { readFrame } from '../support/protocol/frames.js';
import { connect } from '../../lib/wire/connect.js';
import { eventually } from '../support/eventually.js';
import { record } from '../support/record.js';
import { fieldsOf, welcomeFrame } from '../support/sessionFrames.js';

describe('an ack that is older than another one', () => {
  it('gives no credit: no more is sent than the latest ack allows', async () => {
    const [near, far] = memoryLink<Frame>();
    const toClient$ = new Subject<Frame>();
    const frames = record(far(toClient$));
    const wire = connect({ link: near });
    const { n } = fieldsOf((await frames.take(1))[0]);
    toClient$.next(welcomeFrame({ n, window: 2 }));
    const sentUpTo = (): number =>
      Math.max(...frames.values.map(readFrame).map((frame) => (frame.kind === 'msg' ? frame.first + frame.count - 1 : 0)));

    for (let number = 1; number <= 20; number++) wire.next(createMessage('test.any', number));
    await eventually(() => expect(sentUpTo()).toBe(2));
    toClient$.next('["ack",2,2]');
    await eventually(() => expect(sentUpTo()).toBe(4));
    toClient$.next('["ack",1,10]');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sentUpTo()).toBe(4);
    toClient$.next('["ack",4,2]');
    await eventually(() => expect(sentUpTo()).toBe(6));
    wire.unsubscribe();
  });
});
