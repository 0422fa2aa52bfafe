import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { filter, firstValueFrom } from 'rxjs';
import { connect, createMessage, webSocket } from 'rxwire';
import { listen } from 'rxwire/server';
import ts from 'typescript';
import { describeWith } from '../support/debian.js';
import { startNginx } from '../support/proxies.js';
import { linkOf, transports, type Transport } from '../transports/cases.js';

const page = readFileSync('docs/deploy.md', 'utf8');
/** The page of limits, and the page of the envelope protocol, which has options of its own. */
const limits = ['docs/guide/limits.md', 'docs/protocol-envelope.md'].map((file) => readFileSync(file, 'utf8')).join('\n');
const block = (language: string, mark: string): string =>
  [...page.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].find(([, info, code]) => info === language && code?.includes(mark))?.[2] ?? '';

jest.setTimeout(30_000);

describe('docs/deploy.md', () => {
  it.each([
    ['nginx', 'docs/examples/nginx.conf', 'location'],
    ['txt', 'docs/examples/haproxy.cfg', 'backend wires'],
    ['txt', 'docs/examples/Caddyfile', 'reverse_proxy'],
    ['ts no-run', 'docs/examples/deploy/server.ts', 'listen('],
  ])('shows as %s the content of %s', (language, file, mark) => {
    expect(block(language, mark).trim()).toBe(readFileSync(file, 'utf8').trim());
  });
});

describe('docs/guide/limits.md', () => {
  it('has each option of listen that is a number, with its default', () => {
    const numbers = [...optionsOf('ListenOptions', 'lib/server/index.ts')].filter(([, initial]) => shown(initial) !== '');
    expect(numbers.length).toBeGreaterThan(20);
    const missing = numbers.filter(([name, initial]) => !rowsOf(name).some((row) => row.includes(shown(initial))));
    expect(missing).toEqual([]);
  });
});

/** The rows of tables whose first cell names it. */
function rowsOf(name: string): readonly string[] {
  return limits.split('\n').filter((line) => line.split('|')[1]?.includes(`\`${name}\``));
}

/** Of a default, what must be read there, too: a number, with its unit where it has one. */
function shown(initial: string): string {
  const [number = ''] = /^\d[\d_]*( [KM]iB)?/.exec(initial) ?? [];
  return number.replaceAll('_', ',');
}

/** The options there are, and what their docstrings say is the default. */
function optionsOf(name: string, file: string): ReadonlyMap<string, string> {
  // Nothing but names and comments is looked at: with as few libraries as can be it is quicker.
  const { NodeNext: module } = ts.ModuleKind;
  const program = ts.createProgram([file], {
    module,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es5.d.ts'],
    types: [],
  });
  const checker = program.getTypeChecker();
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!);
  const type = checker.getDeclaredTypeOfSymbol(checker.getAliasedSymbol(exported.find((one) => one.name === name)!));
  const initial = (property: ts.Symbol): string =>
    ts.displayPartsToString(property.getJsDocTags(checker).find((tag) => tag.name === 'default')?.text);
  return new Map(checker.getPropertiesOfType(type).map((property) => [property.name, initial(property)]));
}

describe('the server of docs/deploy.md', () => {
  it('counts under the names that are there, and says goodbye at SIGTERM before it ends', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'docs/examples/deploy/server.ts'], {
      env: { PATH: process.env['PATH'], PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const host = `127.0.0.1:${/port (\d+)/.exec(line.toString())?.[1]}`;
    const wire = connect({ link: webSocket(`ws://${host}/wire`) });
    wire.errors$.subscribe();
    await wire.send(createMessage('test', 'hello'));

    const metrics = await (await fetch(`http://${host}/metrics`)).text();
    const names = [...new Set([...page.matchAll(/`((?:rxwire|app)_[a-z_]+)/g)].map(([, name = '']) => name))];
    expect(names.length).toBeGreaterThan(6);
    expect(names.filter((name) => !metrics.includes(`# TYPE ${name} `))).toEqual([]);
    expect(metrics).toContain('rxwire_messages_total{direction="received",type="test"} 1');
    expect((await fetch(`http://${host}/health`)).status).toBe(204);

    const left = firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'reconnecting')));
    child.kill('SIGTERM');
    const { closeCode, error } = await left;
    // The server has announced it, so it is no error.
    expect([closeCode, error]).toEqual([1001, undefined]);
    wire.unsubscribe();
    expect(await ended).toEqual([0, null]);
  });
});

describeWith('nginx', 'several processes behind nginx, as docs/deploy.md has them', (program) => {
  it.each(Object.keys(transports) as Transport[])('lets a client over %s find the one that knows it', async (transport) => {
    const started = await Promise.all([serverOf('one'), serverOf('two')]);
    const [one, two] = started;
    const upstream = block('nginx', 'hash $remote_addr').replace('127.0.0.1:4871', `127.0.0.1:${two.port}`);
    expect(upstream).toContain('hash $remote_addr consistent;');
    const nginx = await startNginx(program, one.port, (config) => config.replace(/^upstream wires \{[\s\S]*?^\}/m, () => upstream));
    const wire = connect({ link: linkOf({ transport, url: `ws://127.0.0.1:${nginx.port}/wire` }) });
    const served = new Set<unknown>();
    wire.subscribe(({ payload }) => served.add(payload));
    for (let count = 0; count < 20; count++) await wire.send(createMessage('test', count));
    expect(served.size).toBe(1);
    wire.unsubscribe();
    await nginx.close();
    for (const { close } of started) close();
  });
});

/** Answers each message with its name. */
async function serverOf(name: string) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served = listen(server).subscribe((wire) => wire.subscribe(() => wire.next(createMessage('test', name))));
  const close = (): void => {
    served.unsubscribe();
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, close };
}
