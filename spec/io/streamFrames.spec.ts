import { closeOfError, closeOfStream, frameOfStream, lostConnection, readStreamFrame } from '../../lib/io/streamFrames.js';
import { ConnectionLostError } from '../../lib/message/errors.js';

describe('frames of streams', () => {
  it.each(['', 'x', '["msg",1,1,{}]', '7:8:9', '[1]'])('carry the text %j', (frame) => {
    expect(readStreamFrame(frameOfStream(12, frame))).toEqual({ stream: 12, frame });
  });

  it('carry bytes, without a copy when they arrive', () => {
    const sent = frameOfStream(99_999_999, Uint8Array.of(1, 2, 3)) as Uint8Array;
    const read = readStreamFrame(sent);
    expect(read).toEqual({ stream: 99_999_999, frame: Uint8Array.of(1, 2, 3) });
    expect((read?.frame as Uint8Array).buffer).toBe(sent.buffer);
  });

  it('carry a view of shared memory', () => {
    const memory = new Uint8Array([9, 9, 0, 0, 0, 5, 1, 2, 9]);
    expect(readStreamFrame(memory.subarray(2, 8))).toEqual({ stream: 5, frame: Uint8Array.of(1, 2) });
  });

  it('carry the end of a stream, with at most 123 characters of its reason', () => {
    expect(readStreamFrame(closeOfStream(3, [4409, 'gone']))).toEqual({ stream: 3, close: [4409, 'gone'] });
    expect(readStreamFrame(closeOfStream(3, [1000, '"'.repeat(500)]))).toEqual({ stream: 3, close: [1000, '"'.repeat(123)] });
  });

  it.each([
    '',
    'x',
    ':x',
    '0:x',
    '01:x',
    '-1:x',
    '1.5:x',
    '100000000:x',
    '[]',
    '[1',
    '["close"]',
    '["close",0,1000,""]',
    '["close",1.5,1000,""]',
    '["close",100000000,1000,""]',
    '["close",1,"1000",""]',
    '["close",1,999,""]',
    '["close",1,5000,""]',
    '["close",1,1000]',
    '["open",1]',
    `["close",1,1000,"${'x'.repeat(2_000)}"]`,
    new Uint8Array(),
    Uint8Array.of(0, 0, 0, 1),
    Uint8Array.of(0, 0, 0, 0, 1),
    Uint8Array.of(255, 255, 255, 255, 1),
  ])('are malformed: %j', (frame) => {
    expect(readStreamFrame(frame)).toBeUndefined();
  });

  it('name the close code of an error', () => {
    expect(closeOfError(new ConnectionLostError(4411, 'silent'))).toEqual([4411, 'silent']);
    expect(closeOfError(new Error('any'))).toEqual([4000, '']);
    expect(lostConnection(undefined)).toMatchObject({ closeCode: 1006 });
  });
});
