import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import {
  useChannel,
  useMessages,
  usePending,
  usePresence,
  useReceipt,
  useRequest,
  useWire,
  WireProvider,
} from '../../../lib/adapters/react/index.js';
import { bundle, openSite } from '../../browser/site.js';
import { launch } from '../../browser/launch.js';
import { describeWith } from '../../support/debian.js';
import { Banner } from './banner.js';

const mustNotConnect = (): never => {
  throw new Error('a server must not connect');
};
const onServer = (): string => {
  const Room = (): string => useChannel('room.1').state.status;
  return renderToString(createElement(WireProvider, { wire: mustNotConnect }, createElement(Banner), ' ', createElement(Room)));
};

describe('the hooks on a server', () => {
  it('render a wire that does not connect, and a channel that is left', () => {
    expect(onServer()).toBe('connecting, 0 waiting<!-- --> <!-- -->left');
  });

  it('render nothing that needs a page', () => {
    const All = (): string => {
      useMessages('told', () => undefined);
      const view = [
        useWire().state.status,
        usePresence('room.1').others.length,
        useReceipt('1')?.status,
        useRequest().status,
        usePending('told').length,
      ];
      return view.join();
    };
    expect('window' in globalThis).toBe(false);
    expect(renderToString(createElement(WireProvider, { wire: mustNotConnect }, createElement(All)))).toBe('connecting,0,,idle,0');
  });

  it('have the names of the injectables of Angular, as the composables of Vue do', () => {
    const names = (door: string): readonly string[] =>
      [...readFileSync(`spec/api/rxwire-${door}.api.md`, 'utf8').matchAll(/^export function (?:inject|use)(\w+)/gm)].map(
        ([, name = '']) => name,
      );
    const [angular, react, vue] = ['angular', 'react', 'vue'].map((door) => new Set(names(door)));
    expect(angular!.size).toBeGreaterThan(5);
    // injectChannel returns the members, too.
    expect(react).toEqual(new Set([...angular!, 'Presence']));
    expect(vue).toEqual(react);
  });

  it('need a provider', () => {
    expect(() => renderToString(createElement(() => useWire().state.status))).toThrow(
      'useWire: the component must be inside of a WireProvider',
    );
  });
});

describeWith('chromium', 'the hooks in a page', (executablePath) => {
  let browser: Browser;
  let script: string;
  beforeAll(async () => {
    [browser, script] = await Promise.all([launch(executablePath), bundle('spec/adapters/react/reactPage.ts')]);
  });
  afterAll(() => browser.close());

  const run = async (name: string, hash = ''): Promise<unknown> => {
    const site = await openSite(browser, script);
    const page = await site.open(hash);
    const result = await page.evaluate(`window.scenarios.${name}()`);
    expect(site.complaints).toEqual([]);
    await site.close();
    return result;
  };

  it('follow the connection', () => run('connection'));

  it('join a channel once, follow its name, share its messages, and leave it', async () => {
    expect(await run('channel')).toBe('TypeError: useChannel: "name" is undefined, so there is no channel to send to');
  });

  it('receive messages, and follow those that wait, while the component is mounted', async () => {
    expect(await run('messages')).toEqual(['x']);
  });

  it('send a request, show its progress, replies and error, and cancel it with the component', async () => {
    expect(await run('request')).toEqual(['/b']);
  });

  it('continue a page that a server has rendered, with one wire', async () => {
    const html = renderToString(createElement(WireProvider, { wire: mustNotConnect }, createElement(Banner)));
    expect(await run('hydration', `#${encodeURIComponent(html)}`)).toEqual({ created: 1, errors: [] });
  });
});
