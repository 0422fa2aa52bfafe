import { chromium, firefox, type Browser } from 'playwright-core';
import { describeWith, pathOf } from '../support/debian.js';

/** A browser that asks nobody for anything but its pages. */
export const LAUNCH_ARGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];

/** The browsers that tests drive, by the names of their Debian packages. */
export const ENGINES = ['chromium', 'firefox-esr'] as const;
export type Engine = (typeof ENGINES)[number];

export function launch(executablePath: string): Promise<Browser> {
  return executablePath === pathOf('firefox-esr') ? launchFirefox(executablePath) : chromium.launch({ executablePath, args: LAUNCH_ARGS });
}

/** A suite that each browser runs: gives the name of the browser and its path. */
export function describeInBrowsers(title: string, body: (engine: Engine, executablePath: string) => void): void {
  for (const engine of ENGINES) describeWith(engine, `${title}, ${engine}`, (path) => body(engine, path));
}

/** Firefox reports lost connections, and the icon that a policy forbids, as errors of the page. */
export const isOfFirefox = (message: string): boolean =>
  /^The connection to \S+ was interrupted|^Firefox can’t establish a connection|\/favicon\.ico because it violates/.test(message);

/** What Playwright has inside: the session of WebDriver BiDi with the browser. */
interface Inside {
  readonly _browserSession: { send: (command: string, parameters: unknown) => Promise<unknown> };
}

/** Firefox as its makers publish it, by WebDriver BiDi. */
async function launchFirefox(executablePath: string): Promise<Browser> {
  const browser = await firefox.launch({ channel: 'moz-firefox', executablePath });
  const { _connection } = browser as unknown as { readonly _connection: { toImpl(object: unknown): Inside } };
  const session = _connection.toImpl(browser)._browserSession;
  const send = session.send.bind(session);
  // Playwright sends this command for each context, whatever its options are; this Firefox does not know it.
  session.send = (command, parameters) =>
    command === 'emulation.setMediaFeaturesOverride' ? Promise.resolve({}) : send(command, parameters);
  return browser;
}
