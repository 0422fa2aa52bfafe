import { ProtocolError } from '../../lib/message/errors.js';
import { readFrame } from '../support/protocol/frames.js';
import { clientStage } from './runner/clientStage.js';
import { play, type Stage } from './runner/play.js';
import { load, type Item, type Role, type Step } from './runner/script.js';
import { dialWebSocket, serverStage } from './runner/serverStage.js';
import { textOf, Variables } from './runner/variables.js';

interface FrameVector extends Item {
  readonly text?: unknown;
  readonly hex?: string;
  readonly parsed?: Readonly<Record<string, unknown>>;
  readonly close?: number;
}

interface HandshakeVector extends Item {
  readonly frame: 'hello' | 'welcome';
  readonly change: object;
  readonly close?: number;
}

const stages: readonly (readonly [Role, () => Promise<Stage>])[] = [
  ['server', () => serverStage({}, false, dialWebSocket)],
  ['client', () => clientStage({}, false)],
];

async function run(vector: Item, steps: readonly Step[], role: Role, open: () => Promise<Stage>): Promise<void> {
  const stage = await open();
  try {
    await play({ ...vector, steps }, {}, stage, role);
  } finally {
    await stage.close();
  }
}

describe('the vectors of frames', () => {
  const vectors = load<readonly FrameVector[]>('frames.json').map((vector) => [`${vector.section}: ${vector.name}`, vector] as const);
  const bad = vectors.filter(([, { close }]) => close !== undefined);

  it.each(vectors)('%s', (_, { text, hex, parsed }) => {
    const read = () => {
      const frame = readFrame(hex === undefined ? textOf(text) : new Uint8Array(Buffer.from(hex, 'hex')));
      if (frame.kind !== 'msg' || typeof frame.body === 'string') return frame;
      const { body, ...others } = frame;
      return { ...others, bodyHex: Buffer.from(body).toString('hex') };
    };
    if (parsed) expect(read()).toMatchObject(new Variables().fill(parsed) as object);
    else expect(read).toThrow(ProtocolError);
  });

  describe.each(stages)('a %s closes the connection for', (role, open) => {
    it.each(bad)('%s', (_, vector) => {
      const { hex, text, close } = vector;
      const send = hex === undefined ? { sendText: text } : { sendHex: hex };
      return run(vector, [{ use: 'start' }, send, { expectClose: close }, { appGets: [] }], role, open);
    });
  });
});

describe('the vectors of handshakes', () => {
  const [server, client] = stages.map(([, open]) => open) as [() => Promise<Stage>, () => Promise<Stage>];
  const vectors = load<readonly HandshakeVector[]>('handshakes.json').map((vector) => [vector.frame, vector.name, vector] as const);

  it.each(vectors)('%s: %s', (frame, _, vector) => {
    const { change, close } = vector;
    if (frame === 'hello') {
      const end = close === undefined ? { expect: ['welcome', {}] } : { expectClose: close };
      return run(vector, [{ open: 'c' }, { send: ['hello', { '...': 'hello', ...change }] }, end], 'server', server);
    }
    const end = close === undefined ? [{ expectAck: 0 }] : [{ expectClose: close }, { appEnds: true }];
    const steps = [{ accept: 'c' }, { expect: ['hello', { n: '$n' }] }, { send: ['welcome', { '...': 'welcome', ...change }] }, ...end];
    return run(vector, steps, 'client', client);
  });
});
