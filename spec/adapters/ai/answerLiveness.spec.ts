import { Chat } from '@ai-sdk/react';
import type { UIMessage, UIMessageChunk } from 'ai';
import { asyncScheduler, BehaviorSubject, delay, firstValueFrom, fromEvent, map, NEVER, of, startWith, takeUntil, toArray } from 'rxjs';
import type { SchedulerLike } from 'rxjs';
import { chatTransport, serveChat, type ChatHandler, type ServeChatOptions } from '../../../lib/adapters/ai/index.js';
import { createMessage, hub, memoryChannelLog, type ChannelLog, type Wire } from '../../../lib/index.js';
import { testWire } from '../../../lib/adapters/testing/index.js';
import { eventually } from '../../support/eventually.js';
import { textOf } from './chatModel.js';
import { ManualTime } from './manualTime.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

const STARTED: UIMessageChunk[] = [{ type: 'start' }, { type: 'text-start', id: '1' }, { type: 'text-delta', id: '1', delta: 'so far' }];

/** A server whose model says something, and then thinks until it is stopped. */
function chatServer(log: ChannelLog, options: ServeChatOptions = {}) {
  const errors: unknown[] = [];
  const signals: AbortSignal[] = [];
  const over = new AbortController();
  closing.push(() => over.abort());
  const handler: ChatHandler = ({ signal }) => {
    signals.push(signal);
    return NEVER.pipe(startWith(...STARTED), takeUntil(fromEvent(signal, 'abort')), takeUntil(fromEvent(over.signal, 'abort')));
  };
  const rooms = hub({ log, authorize: ({ action }) => action === 'join' });
  const chat = serveChat(rooms, handler, { flush: 1, onError: (error) => errors.push(error), ...options });
  const open = (): Wire => {
    const { wire, close } = testWire({ serve: (served: Wire) => void (rooms.serve(served), chat(served)) });
    closing.push(close);
    return wire;
  };
  /** Writes what a process leaves that is killed. */
  const leave = async (): Promise<void> => {
    const room = rooms.channel('ai/c/left', { retain: { age: 86_400_000 } });
    await room.send(createMessage('ai.started', { mark: 'another', node: 'dead' }, { source: '@rxwire/ai' }));
    await room.send(createMessage('ai.chunks', STARTED, { source: '@rxwire/ai' }));
  };
  return { rooms, open, errors, signals, leave };
}

const page = (wire: Wire, scheduler?: SchedulerLike): Chat<UIMessage> =>
  new Chat<UIMessage>({ id: 'c', transport: chatTransport(wire, scheduler && { scheduler }) });
const resume = (wire: Wire) => chatTransport(wire).reconnectToStream({ chatId: 'c' });

/** A clock of the time of day that steps. */
function steppingClock() {
  const clock = { ahead: 0 };
  const scheduler = Object.assign(Object.create(asyncScheduler) as SchedulerLike, { now: () => Date.now() + clock.ahead });
  return { clock, scheduler };
}

/** A log that a network is in front of: nothing arrives at once. */
function remoteLog(log = memoryChannelLog()): ChannelLog {
  return {
    ...log,
    append: (name, message) =>
      of(0).pipe(
        delay(1),
        map(() => firstOf(log.append(name, message))),
      ),
    read: (name, query) =>
      of(0).pipe(
        delay(1),
        map(() => firstOf(log.read(name, query))),
      ),
    tail: (name) => log.tail(name).pipe(delay(1)),
  };
}
const firstOf = <T>(value: T): Exclude<T, { subscribe: unknown }> => value as never;

const isOpen = async ({ rooms }: Pick<ReturnType<typeof chatServer>, 'rooms'>): Promise<boolean | undefined> => {
  const [info] = await firstValueFrom(rooms.list('ai/c/').pipe(toArray()));
  return info && !info.hasEnded;
};
const pingsIn = async ({ rooms }: Pick<ReturnType<typeof chatServer>, 'rooms'>): Promise<number> => {
  const [info] = await firstValueFrom(rooms.list('ai/c/').pipe(toArray()));
  const seen: string[] = [];
  rooms
    .channel(info!.name, { from: 'start' })
    .subscribe(({ type }) => seen.push(type))
    .unsubscribe();
  return seen.filter((type) => type === 'ai.ping').length;
};

describe('an answer that is written', () => {
  it.each([
    ['forward, for its own server', 3_600_000, 'own'],
    ['back, for its own server', -3_600_000, 'own'],
    ['forward, for another server', 3_600_000, 'another'],
    ['back, for another server', -3_600_000, 'another'],
  ])('goes on when the clocks step by an hour %s', async (_, step, asked) => {
    const { clock, scheduler } = steppingClock();
    const log = memoryChannelLog({ scheduler });
    const time = new ManualTime();
    const [own, another] = [chatServer(log, { scheduler }), chatServer(log, { scheduler: time })];
    const chat = page(own.open());
    void chat.sendMessage({ text: 'think' });
    await eventually(() => expect(textOf(chat.lastMessage)).toBe('so far'));
    clock.ahead = step;
    const wire = (asked === 'own' ? own : another).open();
    for (let rounds = 0; rounds < 3; rounds++) {
      expect(await resume(wire)).not.toBeNull();
      await time.advance(40_000);
    }
    expect([await isOpen(own), chat.status, own.signals.map(({ aborted }) => aborted), own.errors]).toEqual([
      true,
      'streaming',
      [false],
      [],
    ]);
    expect(await pingsIn(own)).toBe(asked === 'own' ? 0 : 3);
  });

  it('goes on when its process has paused for a minute, and is asked at once', async () => {
    const time = new ManualTime();
    const server = chatServer(memoryChannelLog({ scheduler: time }), { scheduler: time });
    const chat = page(server.open());
    void chat.sendMessage({ text: 'think' });
    await eventually(() => {
      time.pause(1);
      expect(textOf(chat.lastMessage)).toBe('so far');
    });
    time.sleep(60_000);
    expect(await resume(server.open())).not.toBeNull();
    await time.advance(60_000);
    expect([await isOpen(server), chat.status, server.signals.map(({ aborted }) => aborted)]).toEqual([true, 'streaming', [false]]);
  });

  it('goes on when the process that asks its writer has paused for a minute', async () => {
    const time = new ManualTime();
    const log = remoteLog();
    const [own, another] = [chatServer(log), chatServer(log, { scheduler: time })];
    const chat = page(own.open());
    void chat.sendMessage({ text: 'think' });
    await eventually(() => expect(textOf(chat.lastMessage)).toBe('so far'));
    expect(await resume(another.open())).not.toBeNull();
    // The question is on its way: its reply arrives behind the timers of the pause.
    time.pause(1);
    await eventually(() => expect(time.actions.length).toBeGreaterThan(0));
    time.pause(60_000);
    for (let rounds = 0; rounds < 20; rounds++) await new Promise((resolve) => setTimeout(resolve, 5));
    await time.advance(60_000);
    expect([await isOpen(own), chat.status, own.signals.map(({ aborted }) => aborted)]).toEqual([true, 'streaming', [false]]);
  });

  it('is not asked again for half a minute, however many pages resume it', async () => {
    const time = new ManualTime();
    const log = memoryChannelLog();
    const [own, another] = [chatServer(log), chatServer(log, { scheduler: time })];
    const chat = page(own.open());
    void chat.sendMessage({ text: 'think' });
    await eventually(() => expect(textOf(chat.lastMessage)).toBe('so far'));
    const wire = another.open();
    for (let pages = 0; pages < 20; pages++) await (await resume(wire))?.cancel();
    await time.advance(10_000);
    expect(await pingsIn(own)).toBe(1);
  });

  it('is not asked by its own process when the cluster has lost its node', async () => {
    const time = new ManualTime();
    const nodes$ = new BehaviorSubject<readonly { readonly node: string }[]>([{ node: 'a' }]);
    const cluster = { node: 'a', state$: nodes$.pipe(map((nodes) => ({ nodes }))) };
    const server = chatServer(memoryChannelLog(), { cluster });
    const chat = page(server.open());
    void chat.sendMessage({ text: 'think' });
    await eventually(() => expect(textOf(chat.lastMessage)).toBe('so far'));
    nodes$.next([]);
    await time.advance(1_000);
    expect([await isOpen(server), await pingsIn(server)]).toEqual([true, 0]);
  });
});

describe('an answer whose writer is dead', () => {
  it.each([
    ['', 0],
    [', while the clock of the log has stepped back by an hour', -3_600_000],
    [', while the clock of the log has stepped forward by an hour', 3_600_000],
  ])('ends 15 s after the server is asked%s', async (_, step) => {
    const { clock, scheduler } = steppingClock();
    const time = new ManualTime();
    const server = chatServer(memoryChannelLog({ scheduler }), { scheduler: time });
    await server.leave();
    clock.ahead = step;
    const chat = page(server.open(), time);
    const done = chat.resumeStream();
    await eventually(() => expect(textOf(chat.lastMessage)).toBe('so far'));
    await time.advance(14_000);
    expect(chat.status).toBe('streaming');
    await time.advance(2_000);
    await done;
    expect([chat.status, chat.error?.message, textOf(chat.lastMessage)]).toEqual([
      'error',
      'the server of this answer has stopped',
      'so far',
    ]);
  });

  it('ends within 46 s of its death for a page that reads it, and asks then', async () => {
    const time = new ManualTime();
    const server = chatServer(memoryChannelLog(), { scheduler: time });
    await server.leave();
    const room = server.rooms.channel('ai/c/left');
    // It lives, and dies right after it was asked.
    const writer = room.subscribe(({ type }) => {
      if (type !== 'ai.ping') return;
      writer.unsubscribe();
      void room.send(createMessage('ai.alive', null, { source: '@rxwire/ai' }));
    });
    const chat = page(server.open(), time);
    const done = chat.resumeStream();
    await eventually(() => expect([textOf(chat.lastMessage), writer.closed]).toEqual(['so far', true]));
    await time.advance(44_000);
    expect(chat.status).toBe('streaming');
    await time.advance(3_000);
    await done;
    expect([chat.status, chat.error?.message]).toEqual(['error', 'the server of this answer has stopped']);
  });

  it('ends also if the log had failed while the server asked, which is reported', async () => {
    const time = new ManualTime();
    const log = memoryChannelLog();
    let failures = 1;
    const server = chatServer(
      {
        ...log,
        append(name, message) {
          if (message.type === 'ai.ping' && failures-- > 0) throw new Error('the disk is full');
          return log.append(name, message);
        },
      },
      { scheduler: time },
    );
    await server.leave();
    const wire = server.open();
    expect(await resume(wire)).not.toBeNull();
    await eventually(() => expect(server.errors).toEqual([expect.objectContaining({ code: 'ERR_CHANNEL_FAILED' })]));
    expect(await resume(wire)).not.toBeNull();
    await time.advance(16_000);
    expect(await isOpen(server)).toBe(false);
  });
});
