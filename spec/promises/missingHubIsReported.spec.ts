import { filter, firstValueFrom } from 'rxjs';
import { channel } from '../../lib/operators/channels/channel.js';
import { hub } from '../../lib/server/hub/hub.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { ChannelTimeoutError } from '../../lib/message/errors.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { pair } from '../support/sessionPair.js';

describe('A channel whose server has no hub', () => {
  it.each([
    ['handles other messages', (wire: Wire) => void wire.subscribe()],
    ['has not subscribed to the wire', () => undefined],
  ])(
    'reports that within answerTimeout in its errors$, its state$ and the errors$ of the wire, and keeps trying: the server %s',
    async (_, onServerWire) => {
      const { wire, serverWire, close } = pair({ onServerWire });
      const room = channel(wire, 'room.1', { answerTimeout: 60 });
      const [errors, states, ofWire] = [record(room.errors$), record(room.state$), record(wire.errors$)];
      const messages = record(room);
      const [error] = await errors.take(1);
      expect(error).toEqual(new ChannelTimeoutError('room.1', 60));
      expect(error).toMatchObject({ code: 'ERR_CHANNEL_TIMEOUT', channel: 'room.1', timeout: 60 });
      expect(String(error)).toContain('the server did not answer a request of the channel room.1 within 60 ms');
      expect(String(error)).toContain('It has no hub that serves this wire');
      expect(states.values.at(-1)).toEqual({ status: 'joining', error });
      expect([ofWire.values, messages.isOver()]).toEqual([[error], false]);

      hub().serve(await serverWire());
      const joined = await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
      expect(joined).toEqual({ status: 'joined', member: expect.any(String) });
      expect(errors.values).toHaveLength(1);
      close();
    },
  );

  it('rejects send and history with the same sentence', async () => {
    const { wire, close } = pair({ onServerWire: (served) => void served.subscribe() });
    const room = channel(wire, 'room.1', { answerTimeout: 60 });
    const error = new ChannelTimeoutError('room.1', 60);
    await expect(room.send(createMessage('note', 'hello'))).rejects.toEqual(error);
    expect(await record(room.history()).ended).toEqual(error);
    close();
  });

  it('is not reported while there is no connection', async () => {
    const { wire, serverWire, down, up, close } = pair({ onServerWire: (served) => hub().serve(served) });
    await serverWire();
    down();
    const room = channel(wire, 'room.1', { answerTimeout: 10 });
    const errors = record(room.errors$);
    const messages = record(room);
    // Five times as long as an answer may take.
    await firstValueFrom(wire.state$.pipe(filter(({ reconnectAttempts }) => reconnectAttempts >= 5)));
    up();
    await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
    expect([errors.values, messages.isOver()]).toEqual([[], false]);
    close();
  });
});
