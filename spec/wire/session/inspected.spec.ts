import { config, EMPTY, from, Subject, throwError } from 'rxjs';
import {
  connect,
  createMessage,
  inspected,
  json,
  keyring,
  memoryLink,
  msgpack,
  ofType,
  sealed,
  type Codec,
  type Frame,
  type InspectedConnection,
  type InspectedFrame,
} from '../../../lib/index.js';
import { serve } from '../../../lib/server/index.js';
import { linkFaults } from '../../../lib/adapters/testing/linkFaults.js';
import { eventually } from '../../support/eventually.js';

/** A client whose link is inspected, and an echo. */
function inspectedPair(codec: Codec, token?: string) {
  const links$ = new Subject<ReturnType<typeof memoryLink<Frame>>[1]>();
  const serving = serve(links$, { codecs: [codec] }).subscribe((wire) =>
    wire.pipe(ofType('said')).subscribe(({ payload }) => wire.next(createMessage('heard', payload))),
  );
  const faults = linkFaults();
  const frames: InspectedFrame[] = [];
  const seen: string[] = [];
  const link = faults.layer((outgoing) => {
    const [near, far] = memoryLink<Frame>();
    links$.next(far);
    return near(outgoing);
  });
  const wire = connect({
    link: inspected(link, {
      codec,
      onFrame: (frame) => {
        frames.push(frame);
        seen.push(`${frame.connection} ${frame.kind}`);
      },
      onConnection: ({ connection, status }) => seen.push(`${connection} ${status}`),
    }),
    codec,
    ...(token !== undefined && { token: () => token }),
    reconnect: { initialInterval: 1, jitter: 0 },
  });
  return {
    wire,
    frames,
    seen,
    faults,
    end: () => {
      wire.unsubscribe();
      serving.unsubscribe();
    },
  };
}

const payloadsOf = (frames: readonly InspectedFrame[]) => frames.flatMap(({ messages = [] }) => messages.map(({ payload }) => payload));

describe('inspected', () => {
  it.each([json(), msgpack(), sealed(json(), keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(7) } }))])(
    'decodes the frames of both directions: $name',
    async (codec) => {
      const { wire, frames, end } = inspectedPair(codec);
      const heard: unknown[] = [];
      wire.pipe(ofType('heard')).subscribe(({ payload }) => heard.push(payload));
      await wire.send(createMessage('said', 'hello'));
      await eventually(() => expect(heard).toEqual(['hello']));
      expect(frames.slice(0, 2).map(({ kind, direction }) => [kind, direction])).toEqual([
        ['hello', 'sent'],
        ['welcome', 'received'],
      ]);
      const batches = frames.filter(({ kind }) => kind === 'msg');
      expect(payloadsOf(batches)).toEqual(['hello', 'hello']);
      expect(batches.map(({ direction, first, count, isResent }) => [direction, first, count, isResent])).toEqual([
        ['sent', 1, 1, false],
        ['received', 1, 1, false],
      ]);
      expect(batches[0]?.size).toBe(Buffer.byteLength(batches[0]?.frame ?? ''));
      end();
    },
  );

  it('marks messages of an earlier connection', async () => {
    const { wire, frames, faults, end } = inspectedPair(json());
    await wire.send(createMessage('said', 1));
    faults.blackhole();
    wire.next(createMessage('said', 2));
    await eventually(() =>
      expect(frames.filter(({ kind }) => kind === 'msg').some(({ first, direction }) => direction === 'sent' && first === 2)).toBe(true),
    );
    faults.cut();
    faults.restore();
    await eventually(() => expect(frames.some(({ isResent }) => isResent)).toBe(true));
    expect(
      frames.filter(({ isResent, direction }) => isResent && direction === 'sent').map(({ first, connection }) => [first, connection]),
    ).toEqual([[2, 2]]);
    end();
  });

  it('reports in order when a connection opens, is lost, and closes', async () => {
    const { wire, faults, seen, end } = inspectedPair(json());
    await wire.send(createMessage('said', 1));
    faults.cut();
    await eventually(() => expect(seen.filter((what) => what.endsWith('lost')).length).toBeGreaterThan(1));
    faults.restore();
    await wire.send(createMessage('said', 2));
    end();
    expect(seen.slice(0, 3)).toEqual(['1 open', '1 hello', '1 welcome']);
    expect(seen).toContain('1 lost');
    // An attempt that was refused was never open.
    expect(seen.filter((what) => what.startsWith('2 '))).toEqual(['2 lost']);
    const last = seen.at(-1)?.split(' ')[0];
    expect(seen.filter((what) => what.startsWith(`${last} `)).slice(0, 2)).toEqual([`${last} open`, `${last} hello`]);
    expect(seen.at(-1)).toBe(`${last} closed`);
  });

  it('reports why a connection was lost, and its transport', () => {
    const error = new Error('gone');
    const events: InspectedConnection[] = [];
    const failing = Object.assign(() => throwError(() => error), { protocol: 'websocket' });
    inspected(failing, { onFrame: () => undefined, onConnection: (event) => events.push(event) })(EMPTY).subscribe({
      error: () => undefined,
    });
    expect(events).toMatchObject([{ connection: 1, status: 'lost', protocol: 'websocket', error }]);
  });

  it('shows no credentials', async () => {
    const { wire, frames, end } = inspectedPair(json(), 'a-secret-of-the-user');
    await wire.send(createMessage('said', 1));
    const [hello, welcome] = frames;
    expect(hello?.fields).toMatchObject({ token: '…', v: 1 });
    expect(welcome?.fields).toMatchObject({ rt: '…', codec: 'json' });
    end();
  });

  it('reports a frame that is none', () => {
    const frames: InspectedFrame[] = [];
    const link = inspected(() => from<Frame[]>(['{', new Uint8Array([9])]), { onFrame: (frame) => frames.push(frame) });
    link(EMPTY).subscribe();
    expect(frames.map(({ kind }) => kind)).toEqual(['unreadable', 'unreadable']);
    expect(frames[0]?.error).toMatchObject({ code: 'ERR_PROTOCOL' });
  });

  it('reports a batch that cannot be decoded', () => {
    const frames: InspectedFrame[] = [];
    inspected(() => from<Frame[]>(['["msg",1,1,[17]]']), { onFrame: (frame) => frames.push(frame) })(EMPTY).subscribe();
    expect(frames).toMatchObject([{ kind: 'msg', first: 1, count: 1, error: { code: 'ERR_INVALID_MESSAGE' } }]);
  });

  it('continues when onFrame throws, and RxJS reports it', async () => {
    const before = config.onUnhandledError;
    const reported: unknown[] = [];
    config.onUnhandledError = (error) => reported.push(error);
    const received: Frame[] = [];
    const onFrame = (): void => {
      throw new Error('no');
    };
    inspected(() => from<Frame[]>(['["ack",1,2]', '["ack",2,2]']), { onFrame })(EMPTY).subscribe((frame) => received.push(frame));
    await eventually(() => expect(reported).toHaveLength(2));
    expect(received).toHaveLength(2);
    config.onUnhandledError = before;
  });

  it('describes itself as its link does', () => {
    const link = Object.assign(() => EMPTY, { protocol: 'websocket', endpoint: 'ws://a' });
    const { protocol, endpoint } = inspected(link, { onFrame: () => undefined });
    expect([protocol, endpoint]).toEqual(['websocket', 'ws://a']);
  });
});
