import { asapScheduler, observeOn, of, throwError } from 'rxjs';
import type { Codec } from '../../../lib/codec/codec.js';
import { createEncoder } from '../../../lib/wire/envelope/framed.js';
import { asObservable } from '../../../lib/message/maybeAsync.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { boundCodec } from '../../support/boundCodec.js';
import { record } from '../../support/record.js';

describe('createEncoder', () => {
  it.each([true, false])('halves a batch until each message that cannot be encoded is alone (late: %s)', async (isLate) => {
    const asked: string[] = [];
    const dead: string[] = [];
    const codec: Codec = {
      ...boundCodec(),
      encode(batch) {
        const ids = batch.map(({ id }) => id).join();
        asked.push(ids);
        const answer = /m0|m5/.test(ids) ? throwError(() => new Error('no')) : of(ids);
        return isLate ? answer.pipe(observeOn(asapScheduler)) : answer;
      },
    };
    const encode = createEncoder(codec, 1_000, ({ id }) => dead.push(id));
    const messages = Array.from({ length: 8 }, (_, index) => createMessage('test.any', null, { id: `m${index}` }));
    const [frames] = await record(asObservable(() => encode(messages))).take(1);
    expect(frames).toEqual(['m1', 'm2,m3', 'm4', 'm6,m7']);
    expect(dead).toEqual(['m0', 'm5']);
    expect(asked.slice(0, 4)).toEqual(['m0,m1,m2,m3,m4,m5,m6,m7', 'm0,m1,m2,m3', 'm0,m1', 'm0']);
  });
});
