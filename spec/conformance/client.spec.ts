import { clientStage } from './runner/clientStage.js';
import { isWatching, play } from './runner/play.js';
import { scriptsOf } from './runner/script.js';

describe('connect follows the protocol', () => {
  it.each([...scriptsOf('both'), ...scriptsOf('client')])('%s', async (_, script, values) => {
    const stage = await clientStage(script.given ?? {}, isWatching(script));
    try {
      await play(script, values, stage, 'client');
    } finally {
      await stage.close();
    }
  });
});
