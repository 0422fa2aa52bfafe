/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment -- Angular's injectors are not made by their constructors */
import {
  createEnvironmentInjector,
  ɵChangeDetectionScheduler as ChangeDetectionScheduler,
  ɵEffectScheduler as EffectScheduler,
  ɵINJECTOR_SCOPE as INJECTOR_SCOPE,
  ɵNoopNgZone as NoopNgZone,
  Injector,
  InjectionToken,
  NgZone,
  PLATFORM_ID,
  runInInjectionContext,
  signal,
  type EnvironmentInjector,
  type Provider,
  type Signal,
} from '@angular/core';
import { consumerAfterComputation, consumerBeforeComputation, REACTIVE_NODE } from '@angular/core/primitives/signals';
import { lastValueFrom, NEVER, of } from 'rxjs';
import {
  injectChannel,
  injectMessages,
  injectPending,
  injectReceipt,
  injectRequest,
  injectWire,
  provideWire,
} from '../../../lib/adapters/angular/index.js';
import { createMessage, hub, reply, webStorageOutbox, type Message, type MessageIn, type Wire } from '../../../lib/index.js';
import { testWire, type TestWire, type TestWireOptions } from '../../../lib/adapters/testing/index.js';
import { eventually } from '../../examples/consoleSupport.js';
import { fakeStorage } from '../../stores/fakeStorage.js';

interface Notes {
  'note.added': { readonly text: string };
  'note.removed': { readonly id: string };
}
const NOTES = new InjectionToken<Wire<MessageIn<Notes>>>('notes');

const open: { close: () => void }[] = [];
const injectors: EnvironmentInjector[] = [];
afterEach(() => {
  injectors.splice(0).forEach((injector) => injector.destroy());
  open.splice(0).forEach(({ close }) => close());
});

/** Ends a component before its application. */
function destroy(injector: EnvironmentInjector): void {
  injectors.splice(injectors.indexOf(injector), 1);
  injector.destroy();
}

/** An application with a wire, as far as injection goes. */
function bootstrap(options: TestWireOptions = {}, providers: Provider[] = []) {
  const network: TestWire<MessageIn<Notes>> = testWire<Notes>(options);
  open.push(network);
  const all = [
    { provide: INJECTOR_SCOPE, useValue: 'root' },
    { provide: NgZone, useValue: new NoopNgZone() },
    { provide: ChangeDetectionScheduler, useValue: { notify: () => undefined, runningTick: false } },
    ...providers,
    provideWire(() => network.wire),
    provideWire(() => network.wire, { token: NOTES }),
  ];
  const root = createEnvironmentInjector(all, Injector.NULL as EnvironmentInjector);
  /** What a component is: it ends by itself. */
  const component = (): EnvironmentInjector => {
    const created = createEnvironmentInjector([], root);
    injectors.unshift(created);
    return created;
  };
  injectors.push(root);
  return {
    ...network,
    component,
    ask: <T>(work: () => T, parent: EnvironmentInjector = root): T => runInInjectionContext(parent, work),
    runEffects: () => root.get(EffectScheduler).flush(),
  };
}

/** Calls back in the moment in which a signal changes. */
function noteChanges(changed: Signal<unknown>, onChange: () => void): void {
  const reaction = { consumerIsAlwaysLive: true, consumerMarkedDirty: onChange };
  const node = Object.assign(Object.create(REACTIVE_NODE) as typeof REACTIVE_NODE, reaction);
  const previous = consumerBeforeComputation(node);
  changed();
  consumerAfterComputation(node, previous);
}

const note = (text: string) => createMessage('note.added', { text });

describe('injectReceipt', () => {
  it('is the latest receipt of a message, through a cut', async () => {
    const { ask, wire, cut, restore } = bootstrap();
    const message = note('a');
    const receipt = ask(() => injectReceipt(message.id));
    expect(receipt()).toBeUndefined();
    cut();
    wire.next(message);
    expect(receipt()).toEqual({ id: message.id, status: 'queued' });
    restore();
    await eventually(() => receipt()?.status === 'acked');
    expect(receipt()).toMatchObject({ id: message.id, status: 'acked' });
  });

  it('follows the id that a function returns, and never shows the receipt of the former one', () => {
    const { ask, wire, cut, runEffects } = bootstrap();
    cut();
    const [a, b] = [note('a'), note('b')];
    const id = signal<string | undefined>(undefined);
    const receipt = ask(() => injectReceipt(id, NOTES));
    runEffects();
    expect(receipt()).toBeUndefined();
    wire.next(a);
    wire.next(b);
    id.set(a.id);
    runEffects();
    expect(receipt()?.id).toBe(a.id);
    id.set(b.id);
    expect(receipt()).toBeUndefined();
    runEffects();
    expect(receipt()).toEqual({ id: b.id, status: 'queued' });
    id.set(undefined);
    runEffects();
    expect(receipt()).toBeUndefined();
  });

  it('reports why a message was given up', async () => {
    const { ask, wire, cut } = bootstrap();
    const message = note('a');
    const receipt = ask(() => injectReceipt(message.id));
    cut();
    wire.next(message);
    wire.unsubscribe();
    await eventually(() => receipt()?.status === 'dead');
    expect(receipt()?.error).toMatchObject({ code: 'ERR_DROPPED' });
  });

  it('no longer follows the message when its owner is destroyed', () => {
    const { ask, component, wire, cut } = bootstrap();
    cut();
    const row = component();
    const message = note('a');
    const receipt = ask(() => injectReceipt(message.id), row);
    destroy(row);
    wire.next(message);
    expect(receipt()).toBeUndefined();
  });
});

describe('injectPending', () => {
  it('lists the messages without an outcome, all or some types, with the types of the token', async () => {
    const { ask, wire, cut, restore } = bootstrap();
    const [all, notes, removed] = ask(() => [injectPending(), injectPending(NOTES, 'note.added'), injectPending('note.removed')] as const);
    cut();
    wire.next(note('a'));
    wire.next(createMessage('note.removed', { id: '1' }));
    await eventually(() => all().length === 2);
    expect(notes().map(({ message, status }) => [message.payload.text, status])).toEqual([['a', 'queued']]);
    expect(removed()).toHaveLength(1);
    restore();
    await eventually(() => all().length === 0);
    expect([notes(), removed()]).toEqual([[], []]);
  });

  it('keeps its list while only messages of other types change', async () => {
    const { ask, wire, cut } = bootstrap();
    cut();
    const [all, notes] = ask(() => [injectPending(), injectPending('note.added')]);
    wire.next(note('a'));
    await eventually(() => notes().length === 1);
    const before = notes();
    wire.next(createMessage('note.removed', { id: '1' }));
    await eventually(() => all().length === 2);
    expect(notes()).toBe(before);
  });

  it('has the messages that an earlier page has left in a durable outbox', async () => {
    const storage = fakeStorage();
    const outbox = () => webStorageOutbox('notes', { storage, locks: false });
    const before = bootstrap({ outbox: outbox(), isCut: true });
    before.wire.next(note('left'));
    await eventually(() => before.wire.session?.steps()[0]?.[0] === 'stored');
    before.wire.unsubscribe();
    const { ask, restore, server } = bootstrap({ outbox: outbox(), isCut: true });
    const rows = ask(() => injectPending(NOTES, 'note.added'));
    await eventually(() => rows().length === 1);
    expect(rows()[0]).toMatchObject({ status: 'stored', message: { payload: { text: 'left' } } });
    restore();
    await eventually(() => rows().length === 0);
    expect(server.received).toHaveLength(1);
  });
});

describe('while a page is rendered on the server', () => {
  it('has all signals, and connects to nothing', async () => {
    const { ask, server } = bootstrap({ isCut: true }, [{ provide: PLATFORM_ID, useValue: 'server' }]);
    const message = note('a');
    const [pending, receipt, room] = ask(() => [injectPending('note.added'), injectReceipt(message.id), injectChannel('room.1')] as const);
    expect([pending(), receipt(), room.messages(), room.presence().members]).toEqual([[], undefined, [], []]);
    ask(() => injectWire()).next(message);
    await eventually(() => pending().length === 1);
    expect([receipt()?.status, room.state().status, server.received]).toEqual(['queued', 'joining', []]);
  });
});

describe('injectChannel', () => {
  const texts = (messages: readonly Message[]): readonly unknown[] => messages.map(({ payload }) => (payload as { text: string }).text);

  it('has the messages and the state of a channel, and the members', async () => {
    const rooms = hub();
    const { ask } = bootstrap({ serve: rooms.serve });
    const room = ask(() => injectChannel<Notes>('room.1', { token: NOTES }));
    expect([room.state().status, room.messages(), room.presence().members]).toEqual(['joining', [], []]);
    await eventually(() => room.state().status === 'joined' && room.presence().members.length === 1);
    expect(room.presence().others).toEqual([]);
    room.updatePresence({ name: 'Ann' });
    await eventually(() => room.presence().members[0]?.state !== undefined);
    expect(room.presence().members).toEqual([{ id: room.state().member, state: { name: 'Ann' } }]);
    await expect(room.send(note('a'))).resolves.toMatchObject({ offset: 1 });
    room.next(note('b'));
    await eventually(() => room.messages().length === 2);
    expect(texts(room.messages())).toEqual(['a', 'b']);
  });

  it('continues after a crash of the server', async () => {
    const rooms = hub();
    const { ask, crashServer } = bootstrap({ serve: rooms.serve });
    const log = rooms.channel('log');
    log.next(note('a'));
    const room = ask(() => injectChannel<Notes>('log', { from: 'start' }));
    await eventually(() => room.messages().length === 1);
    crashServer();
    log.next(note('b'));
    await eventually(() => room.messages().length === 2);
    expect(texts(room.messages())).toEqual(['a', 'b']);
  });

  it('keeps the latest messages only', async () => {
    const rooms = hub();
    for (const text of 'abcde') rooms.channel('log').next(note(text));
    const { ask } = bootstrap({ serve: rooms.serve });
    const [two, three] = ask(() => [injectChannel('log', { from: 'start', keep: 2 }), injectChannel('log', { keep: 3 })] as const);
    await eventually(() => three.messages().length === 3);
    expect([texts(two.messages()), texts(three.messages())]).toEqual(['de'.split(''), 'cde'.split('')]);
    const four = ask(() => injectChannel('log', { keep: 4 }));
    rooms.channel('log').next(note('f'));
    await eventually(() => four.messages().length === 4);
    rooms.channel('log').next(note('g'));
    await eventually(() => texts(four.messages()).includes('g'));
    expect(texts(four.messages())).toEqual('defg'.split(''));
    expect(texts(ask(() => injectChannel('log', { keep: 9 })).messages())).toEqual('defg'.split(''));
  });

  it('shows all messages to a later component, and leaves the channel with the last component', async () => {
    const rooms = hub();
    rooms.channel('log').next(note('a'));
    const { ask, component, wire } = bootstrap({ serve: rooms.serve });
    const [first, second] = [component(), component()];
    const one = ask(() => injectChannel('log', { from: 'start' }), first);
    await eventually(() => one.messages().length === 1);
    const other = ask(() => injectChannel('log'), second);
    expect(texts(other.messages())).toEqual(['a']);
    destroy(first);
    expect(other.state().status).toBe('joined');
    const { channel } = other;
    destroy(second);
    let status: string | undefined;
    channel()!.state$.subscribe((state) => (status = state.status));
    expect(status).toBe('left');
    wire.complete();
  });

  it('reports no loss when an application ends its wire before its channels leave', async () => {
    const { ask, wire } = bootstrap({ serve: hub().serve });
    const room = ask(() => injectChannel('log'));
    const failed: unknown[] = [];
    wire.errors$.subscribe((error) => failed.push(error));
    await eventually(() => room.presence().members.length === 1);
    const ended = lastValueFrom(wire, { defaultValue: undefined });
    destroy(injectors[0]!);
    await ended;
    expect(failed).toEqual([]);
  });

  it('follows the name that a function returns, and never shows messages of the former channel', async () => {
    const rooms = hub();
    rooms.channel('a').next(note('a'));
    rooms.channel('b').next(note('b'));
    const { ask, runEffects } = bootstrap({ serve: rooms.serve });
    const name = signal<string | undefined>(undefined);
    const room = ask(() => injectChannel<Notes>(() => name(), { from: 'start' }));
    runEffects();
    expect([room.state().status, room.channel(), room.presence().members]).toEqual(['left', undefined, []]);
    expect(() => room.next(note('c'))).toThrow(TypeError);
    await expect(room.send(note('c'))).rejects.toThrow('injectChannel: "name" is undefined');
    name.set('a');
    runEffects();
    await eventually(() => room.messages().length === 1 && room.presence().members.length === 1);
    const former = room.channel()!;
    name.set('b');
    expect([room.messages(), room.state().status, room.presence().members]).toEqual([[], 'left', []]);
    runEffects();
    await eventually(() => room.messages().length === 1);
    expect(texts(room.messages())).toEqual(['b']);
    let status: string | undefined;
    former.state$.subscribe((state) => (status = state.status));
    expect(status).toBe('left');
  });

  it('reports a refusal in its state, and keeps its signals readable', async () => {
    const rooms = hub({ authorize: () => ({ reason: 'members only' }) });
    const { ask } = bootstrap({ serve: rooms.serve });
    const room = ask(() => injectChannel('room.1'));
    expect(room.presence().members).toEqual([]);
    await eventually(() => room.state().status === 'refused');
    expect(room.state().error).toMatchObject({ code: 'ERR_CHANNEL_REFUSED', reason: 'members only' });
    expect([room.messages(), room.presence().members]).toEqual([[], []]);
  });

  it('shows the end of a stream, behind its last message', async () => {
    const rooms = hub();
    const { ask } = bootstrap({ serve: rooms.serve });
    const log = rooms.channel('log');
    log.next(note('a'));
    await log.end();
    const room = ask(() => injectChannel('log', { from: 'start' }));
    await eventually(() => room.state().status === 'ended');
    await eventually(() => room.messages().length === 1);
    expect(room.state().end).toEqual({ status: 'completed' });
  });

  it('rejects invalid names and numbers at call time', () => {
    const { ask } = bootstrap();
    expect(() => ask(() => injectChannel('no name'))).toThrow(TypeError);
    expect(() => ask(() => injectChannel('log', { keep: 0 }))).toThrow(RangeError);
  });
});

describe('injectRequest', () => {
  it('has the state of the latest request, and cancels it with the component', async () => {
    const cancelled: unknown[] = [];
    const answer = reply({
      'files.list': ({ payload }, { progress, signal }) => {
        signal.addEventListener('abort', () => cancelled.push(payload));
        progress(50);
        return payload === '/a' ? of('one') : NEVER;
      },
    });
    const { ask, component } = bootstrap({ serve: (served) => served.pipe(answer).subscribe(served) });
    const owner = component();
    const { state, run } = ask(() => injectRequest<string>(), owner);
    expect(state()).toEqual({ status: 'idle' });
    run(createMessage('files.list', '/a'));
    expect(state()).toEqual({ status: 'running' });
    await eventually(() => state().status === 'done');
    expect(state()).toEqual({ status: 'done', progress: 50, value: 'one' });
    run(createMessage('files.list', '/b'));
    await eventually(() => state().progress === 50);
    destroy(owner);
    await eventually(() => cancelled.length === 1);
    expect(cancelled).toEqual(['/b']);
  });
});

describe('a token', () => {
  it('selects the wire of messages', async () => {
    const { ask, server } = bootstrap();
    const seen: string[] = [];
    ask(() => injectMessages(NOTES, 'note.added')).subscribe(({ payload }) => seen.push(payload.text));
    server.next(note('a'));
    server.next(createMessage('note.removed', { id: '1' }));
    server.next(note('b'));
    await eventually(() => seen.length === 2);
    expect(seen).toEqual(['a', 'b']);
  });

  it('selects the wire of each function', async () => {
    const other = testWire<Notes>({ isCut: true });
    open.push(other);
    const OTHER = new InjectionToken<Wire<MessageIn<Notes>>>('other');
    const { ask } = bootstrap({}, [provideWire(() => other.wire, { token: OTHER }) as unknown as Provider]);
    const message = note('a');
    const [own, pending, added] = ask(() => [injectPending(), injectPending(OTHER), injectPending(OTHER, 'note.added')] as const);
    const receipt = ask(() => injectReceipt(message.id, OTHER));
    const room = ask(() => injectChannel('room.1', { token: OTHER }));
    expect(ask(() => injectWire(OTHER))).toBe(other.wire);
    other.wire.next(message);
    await eventually(() => added().length === 1);
    expect([own().length, pending().map(({ message: { type } }) => type)]).toEqual([0, ['channel.join', 'note.added']]);
    expect([receipt()?.status, room.state().status]).toEqual(['queued', 'joining']);
  });
});

describe('the zone', () => {
  it('is where signals change, and not where the wire is subscribed to', async () => {
    const rooms = hub();
    const seen: string[] = [];
    let isInside = false;
    const within =
      (inside: boolean) =>
      <T>(work: () => T): T => {
        const before = isInside;
        isInside = inside;
        try {
          return work();
        } finally {
          isInside = before;
        }
      };
    const zone = { run: within(true), runOutsideAngular: within(false) };
    const { ask, wire, restore } = bootstrap({ serve: rooms.serve, isCut: true }, [{ provide: NgZone, useValue: zone }]);
    const message = note('a');
    const [receipt, pending, { state }] = ask(() => [injectReceipt(message.id), injectPending(), injectChannel('room.1')] as const);
    for (const changed of [receipt, pending, state]) noteChanges(changed, () => seen.push(isInside ? 'inside' : 'outside'));
    wire.next(message);
    await eventually(() => pending().length > 0);
    restore();
    await eventually(() => state().status === 'joined');
    expect(seen).toEqual(['inside', 'inside', 'inside']);
  });
});
