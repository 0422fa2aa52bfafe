import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { patience } from './runner/line.js';
import { isWatching, play } from './runner/play.js';
import { dialLink, dialWebSocket, serverStage, type Dial } from './runner/serverStage.js';
import { scriptsOf, type Script, type Values } from './runner/script.js';

async function test(script: Script, values: Values, dial: Dial): Promise<void> {
  const stage = await serverStage(script.given ?? {}, isWatching(script), dial);
  try {
    await play(script, values, stage, 'server');
  } finally {
    await stage.close();
  }
}

const scripts = [...scriptsOf('both'), ...scriptsOf('server')];
const some = scripts.filter(([, { everywhere }]) => everywhere);

describe.each([
  ['a WebSocket', dialWebSocket, scripts],
  ['an event stream', dialLink((url) => serverSentEvents(url)), some],
  ['polls', dialLink((url) => longPolling(url)), some],
] as const)('listen follows the protocol over %s', (_, dial, played) => {
  it.each(played)('%s', (__, script, values) => test(script, values, dial));
});

it('a script fails that expects something else', async () => {
  const script = (steps: Script['steps']): Script => ({ name: '', section: '4', level: 'must', steps });
  const wrong = [
    [{ use: 'enter' }, { send: ['ping', 1] }, { expectClose: 4400 }],
    [{ use: 'enter' }, { send: ['msg', 1, 1, '#a'] }, { appGets: ['b'] }],
    [{ use: 'enter' }, { appSends: ['x'] }, { expect: ['msg', 1, 1, '#y'] }],
    [{ use: 'enter' }, { appSends: ['x'] }, { quiet: 20 }],
    [{ use: 'enter' }, { expectMessages: { first: 1, ids: ['x'] } }],
    [{ use: 'enter' }, { send: ['msg', 1, 1, '#a'] }, { expectAck: 2 }],
  ];
  const before = patience.ms;
  patience.ms = 100;
  for (const steps of wrong) await expect(test(script(steps), {}, dialWebSocket)).rejects.toThrow(/^step \d+/);
  patience.ms = before;
});
