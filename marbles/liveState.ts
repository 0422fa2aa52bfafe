import { delay, map, of, Subject, throwError, timer, type Observable } from 'rxjs';
import { liveState, type ChannelSnapshot } from '../lib/operators/channels/liveState.js';
import { createMessage } from '../lib/message/createMessage.js';
import type { ChannelJoin } from '../lib/message/channelTypes.js';
import type { Message } from '../lib/message/types.js';
import { marble } from '../lib/adapters/testing/index.js';
import type { Wire } from '../lib/wire/wire.js';

/** A wire to a hub that answers after 1 ms. The source publishes; `removed` is the number of messages that its log no longer has. */
function wireTo(source: Observable<string>, removed = 0): Wire {
  const received$ = new Subject<Message>();
  const log: string[] = [];
  let isJoined = false;
  const deliver = (offset: number): void => {
    const message = createMessage('note', log[offset - 1], { timestamp: 0 });
    received$.next(createMessage('channel.message', { channel: 'c', epoch: 'e', offset, message }));
  };
  source.subscribe((letter) => {
    log.push(letter);
    if (isJoined) deliver(log.length);
  });
  const join = ({ join: number, after }: ChannelJoin): void => {
    const offset = Math.max(after?.offset ?? 0, removed);
    const joined = { channel: 'c', join: number, member: 'm', epoch: 'e', offset, complete: offset === after?.offset };
    received$.next(createMessage('channel.joined', joined));
    isJoined = true;
    for (let next = offset + 1; next <= log.length; next++) deliver(next);
  };
  const next = ({ type, payload }: Message): void => {
    if (type === 'channel.join') timer(1).subscribe(() => join(payload as ChannelJoin));
  };
  const state = { status: 'connected', metrics: { uptime: 0 } };
  return Object.assign(received$.asObservable(), {
    next,
    state,
    errors$: new Subject(),
    latency$: new Subject(),
    report: () => undefined,
  }) as unknown as Wire;
}

const at = (state: string): ChannelSnapshot<string> => ({ state, position: { epoch: 'e', offset: state.length } });
const options = { reduce: (state: string, { payload }: Message) => state + String(payload), retry: { initialInterval: 4, jitter: 0 } };
const values = { w: '', x: 'a', y: 'ab', z: 'abc' };

marble(
  'emits the state, then the state after each message',
  { operator: 'liveState(load: 2 ms)', values, source: '------a--b--', expected: '--w---x--y--' },
  (source) => liveState(wireTo(source), 'c', { ...options, load: () => of(at('')).pipe(delay(2)) }),
);

marble(
  'applies the messages of the time of the load once: those behind the position of the state',
  { operator: 'liveState(load: ab in 5 ms)', values, source: '-a-b-c------', expected: '-----yz-----' },
  (source) => liveState(wireTo(source), 'c', { ...options, load: () => timer(5).pipe(map(() => at('ab'))) }),
);

marble(
  'loads again after a gap',
  { operator: 'liveState(load: w, then ab; retry: 4 ms)', values, source: '(ab)---c-----', expected: 'w-----yz-----' },
  (source) => {
    const states = [at(''), at('ab')];
    return liveState(wireTo(source, 2), 'c', { ...options, load: () => of(states.shift()!) });
  },
);

marble(
  'loads again after a failure',
  { operator: 'liveState(load: fails once; retry: 4 ms)', values, source: '-a---b------', expected: '----xy------' },
  (source) => {
    const loads = [throwError(() => new Error('offline')), of(at('a'))];
    return liveState(wireTo(source), 'c', { ...options, load: () => loads.shift()! });
  },
);
