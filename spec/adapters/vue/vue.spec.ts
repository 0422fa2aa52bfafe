import { setTimeout as delay } from 'node:timers/promises';
import { createApp, createRenderer, createSSRApp, effectScope, ref, type App, type EffectScope, type ShallowUnwrapRef } from 'vue';
import { renderToString } from 'vue/server-renderer';
import { createMessage, hub, type Wire } from '../../../lib/index.js';
import { testWire, type TestWireOptions } from '../../../lib/adapters/testing/index.js';
import {
  createWirePlugin,
  useChannel,
  useConnection,
  useMessages,
  usePending,
  usePresence,
  useReceipt,
  useRequest,
  useWire,
} from '../../../lib/adapters/vue/index.js';
import { folderServer } from '../../support/folderServer.js';

const open: (() => void)[] = [];

/** Waits until a value matches. */
async function becomes(read: () => unknown, expected: unknown): Promise<void> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    try {
      expect([read()]).toMatchObject([expected]);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(5);
    }
  }
}

afterEach(() => open.splice(0).forEach((close) => close()));

/** An application with a wire, and a function that runs `setup` as one of its components does. */
function application(options: TestWireOptions = {}) {
  const network = testWire(options);
  open.push(network.close);
  const app = createApp({}).use(createWirePlugin(network.wire));
  const setUp = <T>(setup: () => T): { readonly result: T; readonly scope: EffectScope } => {
    const scope = effectScope(true);
    open.unshift(() => scope.stop());
    return { result: app.runWithContext(() => scope.run(setup)) as T, scope };
  };
  return { ...network, app, setUp };
}

describe('the composables', () => {
  it.each(['at once', 'later'])('show the history of a channel whose members are shown before: %s', async (when) => {
    const rooms = hub();
    for (const text of [1, 2]) await rooms.channel('room.1').send(createMessage('said', text));
    const { setUp } = application({ serve: rooms.serve });
    const { result: presence } = setUp(() => usePresence('room.1'));
    if (when === 'later') await becomes(() => presence.value.members.length, 1);
    const { result: room } = setUp(() => useChannel('room.1', { from: 'start' }));
    await becomes(() => room.messages.value.map(({ payload }) => payload), [1, 2]);
    await becomes(() => presence.value.members.length, 1);
  });

  it('follow the connection', async () => {
    const { setUp, cut, restore } = application();
    const { result: connection, scope } = setUp(useConnection);
    await becomes(() => connection.value.status, 'connected');
    cut();
    await becomes(() => connection.value.status, 'reconnecting');
    scope.stop();
    restore();
    await becomes(() => setUp(useConnection).result.value.status, 'connected');
    expect(connection.value.status).toBe('reconnecting');
  });

  it('join a channel, follow its name, share its messages, and leave it', async () => {
    const rooms = hub();
    const { setUp } = application({ serve: rooms.serve });
    const name = ref<string | undefined>('room.1');
    const { result, scope } = setUp(() => ({ ...useChannel(name, { from: 'start', keep: 2 }), presence: usePresence(name) }));
    const texts = (): unknown[] => result.messages.value.map(({ payload }) => payload);
    await becomes(() => [result.state.value.status, result.presence.value.members.length], ['joined', 1]);
    ['a', 'b', 'c'].forEach((text) => result.next(createMessage('said', text)));
    await becomes(() => texts(), ['b', 'c']);
    const { result: other } = setUp(() => useChannel('room.1', { keep: 1 }));
    await becomes(() => other.messages.value.map(({ payload }) => payload), ['c']);

    name.value = 'room.2';
    expect(texts()).toEqual([]);
    expect(await result.send(createMessage('said', 'd'))).toMatchObject({ offset: 1 });
    await becomes(() => texts(), ['d']);

    name.value = undefined;
    expect([result.channel.value, result.state.value, result.presence.value.members]).toEqual([undefined, { status: 'left' }, []]);
    expect(() => result.next(createMessage('said', 'e'))).toThrow('useChannel: "name" is undefined, so there is no channel to send to');

    name.value = 'room.2';
    await becomes(() => result.presence.value.members.length, 1);
    scope.stop();
    const left = new Promise<void>((resolve) =>
      rooms.channel('room.2').presence$.subscribe(({ members }) => members.length === 0 && resolve()),
    );
    await left;
  });

  it('receive messages, and follow those that wait, until the component ends', async () => {
    const { wire, server, cut, restore, setUp } = application();
    const received: unknown[] = [];
    const sent = createMessage('noted', 1);
    const { result, scope } = setUp(() => {
      useMessages('told', ({ payload }) => received.push(payload));
      return { pending: usePending('noted'), receipt: useReceipt(() => sent.id) };
    });
    expect([result.pending.value, result.receipt.value]).toEqual([[], undefined]);
    cut();
    wire.next(createMessage('other', 0));
    wire.next(sent);
    await becomes(() => result.pending.value, [{ message: { payload: 1 }, status: 'queued' }]);
    restore();
    await becomes(() => result.receipt.value?.status, 'acked');
    expect(result.pending.value).toEqual([]);
    server.next(createMessage('told', 'x'));
    await becomes(() => received, ['x']);
    scope.stop();
    server.next(createMessage('told', 'y'));
    await wire.send(createMessage('noted', 2));
    expect(received).toEqual(['x']);
  });

  it('send a request, show its progress, replies and error, and cancel it with the component', async () => {
    const { replies, cancelled, serve } = folderServer();
    const { setUp } = application({ serve });
    const { result, scope } = setUp(() => useRequest<string>());
    const list = (folder: string): void => result.run(createMessage('files.list', folder));
    expect(result.state.value).toEqual({ status: 'idle' });
    list('/a');
    await becomes(() => result.state.value, { status: 'running', progress: 50 });
    replies.next('one');
    await becomes(() => result.state.value, { status: 'running', progress: 50, value: 'one' });
    replies.complete();
    await becomes(() => result.state.value, { status: 'done', progress: 50, value: 'one' });
    list('/none');
    await becomes(() => result.state.value, { status: 'failed', error: { code: 'ERR_REPLY' } });
    list('/b');
    await becomes(() => result.state.value.progress, 50);
    list('/c');
    await becomes(() => cancelled, ['/b']);
    scope.stop();
    await becomes(() => cancelled, ['/b', '/c']);
  });

  it('need the plugin', () => {
    expect(() => createApp({}).runWithContext(() => useWire())).toThrow('the application must use the plugin of createWirePlugin');
  });
});

describe('the wire of an application', () => {
  /** Mounts nothing: an application without a document. */
  const noop = (): null => null;
  const { createApp: createTestApp } = createRenderer<object, object>({
    createElement: () => ({}),
    createText: () => ({}),
    createComment: () => ({}),
    setText: noop,
    setElementText: noop,
    parentNode: noop,
    nextSibling: noop,
    patchProp: noop,
    insert: noop,
    remove: noop,
  });
  const componentsOf = (app: (root: object) => App<object>, create: () => Wire): App<object> =>
    app({ setup: () => [useWire(), useConnection()], render: () => null }).use(createWirePlugin(create));

  it('is created once, and completes when the application is unmounted', async () => {
    const network = testWire();
    open.push(network.close);
    let count = 0;
    const app = componentsOf(createTestApp, () => {
      count++;
      return network.wire;
    });
    expect(count).toBe(0);
    app.mount({});
    app.unmount();
    await becomes(() => network.wire.state.status, 'disconnected');
    expect(count).toBe(1);
  });

  it('does not connect, and subscribes to nothing, while a server renders the page', async () => {
    const setup = () => {
      useMessages('told', () => undefined);
      const rest = { presence: usePresence('room.1'), receipt: useReceipt('1'), request: useRequest().state };
      return { connection: useConnection(), room: useChannel('room.1'), unsent: usePending(), wire: useWire(), ...rest };
    };
    const app = createSSRApp({
      setup,
      render: ({ connection, room, unsent, wire, presence, receipt, request }: ShallowUnwrapRef<ReturnType<typeof setup>>) =>
        [
          connection.status,
          room.state.value.status,
          unsent.length,
          wire.state.status,
          presence.others.length,
          receipt?.status,
          request.status,
        ].join(),
    });
    app.use(
      createWirePlugin(() => {
        throw new Error('a server must not connect');
      }),
    );
    expect(await renderToString(app)).toBe('connecting,left,0,connecting,0,,idle');
  });
});
