/** The page of react.spec.ts: components of an application, with its server in the page. */
import { createElement, StrictMode, type FunctionComponent, type ReactNode } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import { createMessage, hub, type Wire } from '../../../lib/index.js';
import {
  useChannel,
  useConnection,
  useMessages,
  usePending,
  usePresence,
  useReceipt,
  useRequest,
  WireProvider,
} from '../../../lib/adapters/react/index.js';
import { testWire } from '../../../lib/adapters/testing/index.js';
import { folderServer } from '../../support/folderServer.js';
import { Banner } from './banner.js';

const root = document.body.appendChild(document.createElement('div'));
const text = (): string => root.textContent;

/** Waits until the page shows this. */
async function shows(expected: string): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (text() !== expected) {
    if (performance.now() > deadline) throw new Error(`the page must show ${expected}, and shows ${text()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Renders components inside of a provider, twice where React's strict mode does so. */
function mount(wire: Wire, ...components: readonly FunctionComponent[]) {
  const app = createRoot(root);
  const render = (...all: readonly FunctionComponent[]): void => {
    const children: readonly ReactNode[] = all.map((component, index) => createElement(component, { key: index }));
    app.render(createElement(StrictMode, undefined, createElement(WireProvider, { wire }, children)));
  };
  render(...components);
  return { render, unmount: () => app.unmount() };
}

const scenarios = {
  async connection() {
    const { wire, cut, restore, close } = testWire();
    const { unmount } = mount(wire, () => useConnection().status);
    await shows('connected');
    cut();
    await shows('reconnecting');
    restore();
    await shows('connected');
    unmount();
    close();
  },

  async channel() {
    const rooms = hub();
    const { wire, close } = testWire({ serve: rooms.serve });
    let name: string | undefined = 'room.1';
    let say: (word: string) => void = () => undefined;
    const Room = (): string => {
      const { messages, state, next } = useChannel(name, { from: 'start', keep: 2 });
      say = (word) => next(createMessage('said', word));
      return `${state.status}: ${messages.map(({ payload }) => payload).join()}. `;
    };
    const People = (): string => `${usePresence(name).members.length} here`;
    const { render, unmount } = mount(wire, Room, People);
    await shows('joined: . 1 here');
    ['a', 'b', 'c'].forEach((word) => say(word));
    await shows('joined: b,c. 1 here');
    name = 'room.2';
    render(Room, People);
    await shows('joined: . 1 here');
    say('d');
    await shows('joined: d. 1 here');
    name = undefined;
    render(Room, People);
    await shows('left: . 0 here');
    const failure = await Promise.resolve()
      .then(() => say('e'))
      .catch((error: unknown) => String(error));
    name = 'room.1';
    render(Room, Room);
    await shows('joined: b,c. joined: b,c. ');
    unmount();
    const members = rooms.channel('room.1').presence$;
    await new Promise<void>((resolve) => members.subscribe(({ members: { length } }) => length === 0 && resolve()));
    close();
    return failure;
  },

  async messages() {
    const { wire, server, cut, restore, close } = testWire();
    const received: unknown[] = [];
    const sent = createMessage('noted', 1);
    const { unmount } = mount(wire, () => {
      useMessages('told', ({ payload }) => received.push(payload));
      const rows = usePending('noted').map(({ message, status }) => `${String(message.payload)} ${status}`);
      return `${rows.join()}; ${useReceipt(sent.id)?.status}`;
    });
    await shows('; undefined');
    cut();
    wire.next(createMessage('other', 0));
    wire.next(sent);
    await shows('1 queued; queued');
    restore();
    await shows('; acked');
    server.next(createMessage('told', 'x'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    unmount();
    server.next(createMessage('told', 'y'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    close();
    return received;
  },

  async request() {
    const { replies, cancelled, serve } = folderServer();
    const { wire, close } = testWire({ serve });
    let run: (folder: string) => void = () => undefined;
    const { unmount } = mount(wire, () => {
      const { status, value, progress, error, run: start } = useRequest<string>();
      run = (folder) => start(createMessage('files.list', folder));
      return [status, value, progress, error === undefined ? '' : 'failed with an error'].join(' ');
    });
    await shows('idle   ');
    // The strict mode of React ends the effects of a new component once, and begins them again.
    await new Promise((resolve) => setTimeout(resolve, 50));
    run('/a');
    await shows('running  50 ');
    replies.next('one');
    await shows('running one 50 ');
    replies.complete();
    await shows('done one 50 ');
    run('/none');
    await shows('failed   failed with an error');
    run('/b');
    await shows('running  50 ');
    unmount();
    while (cancelled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    close();
    return cancelled;
  },

  async hydration() {
    const { wire, close } = testWire();
    let created = 0;
    const create = (): Wire => {
      created++;
      return wire;
    };
    root.textContent = decodeURIComponent(location.hash.slice(1));
    const errors: unknown[] = [];
    const app = hydrateRoot(
      root,
      createElement(StrictMode, undefined, createElement(WireProvider, { wire: create }, createElement(Banner))),
      { onRecoverableError: (error) => errors.push(String(error)) },
    );
    await shows('connected, 0 waiting');
    app.unmount();
    close();
    return { created, errors };
  },
};

export type Scenario = keyof typeof scenarios;
declare global {
  interface Window {
    readonly scenarios: typeof scenarios;
  }
}
Object.assign(window, { scenarios });
