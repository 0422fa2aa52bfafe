import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../support/freePort.js';

/** One tab of WebKit: all that its tests need of a browser. */
export interface WebKitPage {
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Calls a function in the page, and resolves with its result. */
  evaluate<A extends readonly unknown[], R>(work: (...args: A) => R | Promise<R>, ...args: A): Promise<R>;
  /** Opens another tab of the same browser. */
  another(): Promise<WebKitPage>;
  close(): Promise<void>;
}

type Reply = { readonly value: unknown };
const ERROR = 'rxwire error: ';

/** Starts WebKit, by its WebDriver, on a display that nobody sees. */
export async function startWebKit(driver: string): Promise<{ readonly page: WebKitPage; close(): Promise<void> }> {
  const port = await freePort();
  const env = { ...process.env, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' };
  // A group of its own: xvfb-run leaves its display to a child.
  const child = spawn('xvfb-run', ['-a', driver, '-p', String(port)], { env, stdio: 'ignore', detached: true });
  const command = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...init });
    const { value } = (await response.json()) as Reply;
    if (!response.ok) throw new Error(`WebKit: ${method} ${path}: ${JSON.stringify(value)}`);
    return value;
  };
  for (let tries = 0; tries < 200; tries++) {
    if (await command('GET', '/status').catch(() => undefined)) break;
    await setTimeout(50);
  }
  const binary = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser';
  const alwaysMatch = { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } };
  const { sessionId } = (await command('POST', '/session', { capabilities: { alwaysMatch } })) as { readonly sessionId: string };
  const session = `/session/${sessionId}`;
  await command('POST', `${session}/timeouts`, { script: 60_000 });

  const pageOf = (handle: string): WebKitPage => {
    /** Gives a command to this tab. */
    const order = async (method: string, path: string, body?: unknown): Promise<unknown> => {
      await command('POST', `${session}/window`, { handle });
      return command(method, session + path, body);
    };
    const run = (script: string) => order('POST', '/execute/sync', { script, args: [] });
    /** Loads a document. The driver may answer before it is there: a mark tells the old document from the new one. */
    const load = async (path: string, body: unknown): Promise<void> => {
      await run('window.isOld = true');
      await order('POST', path, body);
      while ((await run('return !window.isOld && document.readyState === "complete"').catch(() => false)) !== true) await setTimeout(20);
    };
    return {
      goto: (url) => load('/url', { url }),
      reload: () => load('/refresh', {}),
      async evaluate(work, ...args) {
        const script = `const [args, done] = arguments;
          Promise.resolve().then(() => (${String(work)})(...args)).then(done, (error) => done('${ERROR}' + error));`;
        const value = await order('POST', '/execute/async', { script, args: [args] });
        if (typeof value === 'string' && value.startsWith(ERROR)) throw new Error(value);
        return (value ?? undefined) as never;
      },
      another: async () =>
        pageOf(((await command('POST', `${session}/window/new`, { type: 'tab' })) as { readonly handle: string }).handle),
      async close() {
        await order('DELETE', '/window');
      },
    };
  };
  return {
    page: pageOf((await command('GET', `${session}/window`)) as string),
    async close() {
      await command('DELETE', session);
      process.kill(-child.pid!);
    },
  };
}
