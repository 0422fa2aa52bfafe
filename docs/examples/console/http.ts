import { readFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

/** The files of the page by path, each with its type. */
export type Assets = ReadonlyMap<string, { readonly type: string; readonly body: string | Uint8Array }>;

let built: Promise<Assets> | undefined;

/** Makes the page ready: its TypeScript becomes one script, once in a process. */
export function buildPage(): Promise<Assets> {
  return (built ??= build());
}

/** Replaces the files of rxwire that are for Node by those for browsers, as package.json names them for the package: here, its sources are bundled. */
export const forBrowsers: Plugin = {
  name: 'for browsers',
  setup(build) {
    build.onResolve({ filter: /\/node(Platform|WebSocket)\.js$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.replace(/node(\w+)\.js$/, 'browser$1.ts')),
    }));
  },
};

async function build(): Promise<Assets> {
  // Only here: it takes a while to load, and the command line does without a page.
  const esbuild = await import('esbuild');
  const file = (name: string): string => fileURLToPath(new URL(`page/${name}`, import.meta.url));
  const script = esbuild.build({
    entryPoints: [file('app.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    conditions: ['es2015'],
    plugins: [forBrowsers],
    minify: true,
  });
  const [html, css, icon, js] = await Promise.all([
    readFile(file('index.html')),
    readFile(file('style.css')),
    readFile(file('icon.svg')),
    script,
  ]);
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: html }],
    ['/style.css', { type: 'text/css; charset=utf-8', body: css }],
    ['/icon.svg', { type: 'image/svg+xml', body: icon }],
    ['/app.js', { type: 'text/javascript; charset=utf-8', body: Buffer.concat(js.outputFiles.map(({ contents }) => contents)) }],
  ]);
}

export interface HandlerOptions {
  readonly assets: Assets;
  /** The hosts under which the page may be asked for; any other is somebody's rebound name. */
  readonly hosts: () => readonly string[];
  /** Cuts the connection of the page with that id; false if there is none. */
  readonly cut: (id: string) => boolean;
}

/** Serves the page, and `POST /cut?console=<id>`. */
export function createHandler({ assets, hosts, cut }: HandlerOptions): RequestListener {
  return (request, response) => {
    const { host = '' } = request.headers;
    if (!hosts().includes(host)) {
      answer(response, 403, 'This server answers to its own name only.\n');
      return;
    }

    protect(response, host);
    const { pathname, searchParams } = parsePath(request.url);
    if (pathname === '/cut') {
      answerCut(request, response, () => cut(searchParams.get('console') ?? ''));
      return;
    }

    const asset = assets.get(pathname);
    if (!asset) {
      answer(response, 404, 'There is nothing here.\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'GET only.\n');
      return;
    }
    response.setHeader('Content-Type', asset.type).end(asset.body);
  };
}

/** The address of a request, which may be any text. */
export function parsePath(path = '/'): URL {
  const url = `http://localhost${path}`;
  return new URL(URL.canParse(url) ? url : 'http://localhost/');
}

function answerCut(request: IncomingMessage, response: ServerResponse, cut: () => boolean): void {
  const { host, origin } = request.headers;
  if (request.method !== 'POST') {
    answer(response, 405, 'POST only.\n');
    return;
  }
  if (origin !== `http://${host}`) {
    answer(response, 403, 'Only the page itself may do this.\n');
    return;
  }
  if (!cut()) {
    answer(response, 404, 'This page is not connected.\n');
    return;
  }
  response.writeHead(204).end();
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
}

function protect(response: ServerResponse, host: string): void {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ws://${host}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ];
  response
    .setHeader('Content-Security-Policy', policy.join('; '))
    .setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    .setHeader('Cross-Origin-Resource-Policy', 'same-origin')
    .setHeader('X-Content-Type-Options', 'nosniff')
    .setHeader('Referrer-Policy', 'no-referrer')
    .setHeader('Cache-Control', 'no-store');
}
