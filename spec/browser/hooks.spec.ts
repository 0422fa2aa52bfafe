import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { build, type BuildOptions } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { compileScript, parse } from 'vue/compiler-sfc';
import { examplesOf } from '../docs/extract.js';
import { describeWith } from '../support/debian.js';
import { freePort } from '../support/freePort.js';
import { inBrowsers } from '../support/inBrowsers.js';
import { launch } from './launch.js';

const SERVER = 'node_modules/.cache/rxwire/recipesServer.mjs';

const firstExample = (file: string): string => examplesOf(file, readFileSync(file, 'utf8'))[0]!.code;

/** The code of the page of a framework, as a module that mounts it, with what compiles it. */
const apps: Readonly<Record<string, () => { readonly contents: string; readonly loader: 'ts' | 'tsx' }>> = {
  react: () => ({ contents: firstExample('docs/recipes/react.md'), loader: 'tsx' }),
  vue: () => {
    const [component = ''] = /<script setup[\s\S]*<\/template>/.exec(readFileSync('docs/recipes/vue.md', 'utf8')) ?? [];
    const { content } = compileScript(parse(component).descriptor, { id: 'app', inlineTemplate: true });
    const main = examplesOf('docs/recipes/vue.md', readFileSync('docs/recipes/vue.md', 'utf8')).at(-1)!.code;
    const mounted = main.replace(/^declare const App.*$/m, '');
    return { contents: `${content.replace('export default', 'const App =')}\n${mounted}`, loader: 'ts' };
  },
};

async function bundled(contents: string, loader: 'ts' | 'tsx', options: BuildOptions): Promise<string> {
  const define = { 'process.env.NODE_ENV': '"development"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false' };
  const stdin = { contents, loader, resolveDir: resolve('.') };
  const built = await build({ stdin, bundle: true, jsx: 'automatic', define, logLevel: 'error', write: false, ...options });
  return built.outputFiles?.[0]?.text ?? '';
}

/** Starts the server that the recipes are for. */
async function startServer(port: number, origin: string): Promise<ChildProcess> {
  const contents = `${firstExample('docs/recipes/README.md').replace('4870', String(port)).replace('http://localhost:5173', origin).replace('progress(step);', "progress(step); console.log('step');")}\nserver.on('listening', () => console.log('ready'));`;
  await bundled(contents, 'ts', { platform: 'node', format: 'esm', packages: 'external', write: true, outfile: SERVER });
  const server = spawn(process.execPath, [SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  return server;
}

/** Returns the number of steps that a job of the server makes within some time. */
async function stepsWithin(server: ChildProcess, ms: number): Promise<number> {
  let text = '';
  server.stdout?.on('data', (data: Buffer) => (text += data.toString()));
  await pause(ms);
  return text.split('step').length - 1;
}

describeWith('chromium', 'the recipes for frameworks', (executablePath) => {
  let browser: Browser;
  let server: ChildProcess;
  let port: number;
  let origin: string;
  /** What the server of the pages answers: it stands for the development server of the framework. */
  let html = '';
  const pages = createServer((_, response) => response.setHeader('content-type', 'text/html').end(html));

  beforeAll(async () => {
    await once(pages.listen(0, '127.0.0.1'), 'listening');
    origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
    port = await freePort();
    [browser, server] = await Promise.all([launch(executablePath), startServer(port, origin)]);
  });
  afterAll(async () => {
    server.kill('SIGKILL');
    await browser.close();
    pages.close();
  });

  async function open(name: string, complaints: string[]): Promise<Page> {
    const { contents, loader } = apps[name]!();
    const code = contents.replace('4870', String(port)).replaceAll('room.1', `room.${name}`);
    const script = await bundled(code, loader, { format: 'iife', plugins: [inBrowsers] });
    const page = await browser.newPage();
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (entry) => entry.type() === 'error' && complaints.push(entry.text()));
    html = `<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script>${script.replaceAll('</script', '<\\/script')}</script>`;
    await page.goto(origin);
    return page;
  }

  it.each(Object.keys(apps))(
    '%s shows the progress of a job, and stops the job at the server',
    async (name) => {
      const complaints: string[] = [];
      const page = await open(name, complaints);
      await page.getByText('The job is idle.').waitFor();
      await page.getByRole('button', { name: 'Run' }).click();
      await page.getByText(/Step [1-9]\d* of 50/).waitFor();
      expect(await stepsWithin(server, 500)).toBeGreaterThan(0);
      await page.getByRole('button', { name: 'Stop' }).click();
      await page.getByText('The job is idle.').waitFor();
      await pause(200);
      expect(await stepsWithin(server, 500)).toBe(0);
      expect(complaints).toEqual([]);
      await page.close();
    },
    60_000,
  );

  it.each(Object.keys(apps))(
    '%s sends, receives, and goes on after a restart of the server',
    async (name) => {
      const complaints: string[] = [];
      const [ann, bob] = [await open(name, complaints), await open(name, complaints)];
      const say = async (text: string): Promise<void> => {
        await ann.getByLabel('Message').fill(text);
        await ann.getByRole('button', { name: 'Send' }).click();
      };
      const texts = (page: Page): Promise<readonly string[]> => page.getByRole('listitem').allTextContents();
      await ann.getByText('The connection is connected.').waitFor();
      await say('hello');
      for (const page of [ann, bob]) await page.getByText('hello', { exact: true }).waitFor();

      server.kill('SIGKILL');
      await ann.getByText('The connection is reconnecting.').waitFor();
      await say('while away');
      const failed = complaints.splice(0);
      expect(failed.filter((text) => !text.includes('WebSocket connection'))).toEqual([]);
      server = await startServer(port, origin);
      for (const page of [ann, bob]) await page.getByText('while away', { exact: true }).waitFor();
      expect((await texts(bob)).at(-1)).toBe('while away');
      expect(complaints.filter((text) => !text.includes('WebSocket connection'))).toEqual([]);
    },
    60_000,
  );
});
