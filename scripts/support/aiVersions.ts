import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { examplesOf } from '../../spec/docs/extract.js';
import { freePort } from '../../spec/support/freePort.js';
import { root, run, tool } from './run.js';

/** The lowest version of the AI SDK in the peer range, and the latest of each major version, with its package for React and the class of its mock model. */
const VERSIONS = [
  { ai: '6.0.0', react: '3.0.0', model: 'MockLanguageModelV3' },
  { ai: '^6.0.0', react: '^3.0.0', model: 'MockLanguageModelV3' },
  { ai: '^7.0.0', react: '^4.0.0', model: 'MockLanguageModelV4' },
] as const;

const RECIPE = 'docs/recipes/ai.md';

/** A chat with a model of the AI SDK: a whole answer, an answer that is resumed and stopped from there, and one that is stopped where it was requested. */
const program = (model: string): string => `
import { Chat } from '@ai-sdk/react';
import { convertToModelMessages, streamText, type ChatTransport, type UIMessage } from 'ai';
import { ${model} as Model } from 'ai/test';
import { setTimeout as delay } from 'node:timers/promises';
import { hub } from 'rxwire';
import { chatTransport, serveChat, stopChat } from 'rxwire/ai';
import { testWire } from 'rxwire/testing';

let [calls, stops, words] = [0, 0, 5];
type Stream = Awaited<ReturnType<Model['doStream']>>['stream'];
const model = new Model({
  doStream({ abortSignal }) {
    calls++;
    abortSignal?.addEventListener('abort', () => stops++);
    const stream: Stream = new ReadableStream({
      async start(controller) {
        controller.enqueue({ type: 'stream-start', warnings: [] });
        controller.enqueue({ type: 'text-start', id: '1' });
        for (let word = 0; word < words && !abortSignal?.aborted; word++) {
          await delay(5);
          controller.enqueue({ type: 'text-delta', id: '1', delta: word + ' ' });
        }
        controller.enqueue({ type: 'text-end', id: '1' });
        const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
        controller.enqueue({ type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage } as never);
        controller.close();
      },
    });
    return Promise.resolve({ stream });
  },
});
const rooms = hub({ authorize: ({ action }) => action === 'join' });
const chat = serveChat(rooms, async ({ messages, signal }) =>
  streamText({ model, messages: await convertToModelMessages(messages), abortSignal: signal }).toUIMessageStream(),
);
const open = () => testWire({ serve(wire) { rooms.serve(wire); chat(wire); } }).wire;
const page = (wire: ReturnType<typeof open>) => {
  const transport: ChatTransport<UIMessage> = chatTransport(wire);
  return new Chat<UIMessage>({ id: 'c', transport });
};
const textOf = (one: { readonly messages: readonly UIMessage[] }): string =>
  (one.messages.at(-1)?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');
const until = async (check: () => boolean): Promise<void> => {
  for (let tries = 0; !check(); tries++) {
    if (tries === 1_000) throw new Error('it must become true: ' + String(check));
    await delay(5);
  }
};
const [one, otherWire] = [page(open()), open()];
await one.sendMessage({ text: 'count' });
if (textOf(one) !== '0 1 2 3 4 ') throw new Error('the answer is ' + textOf(one));

words = 2_000;
void one.sendMessage({ text: 'count' });
await until(() => textOf(one).startsWith('0 1 2 3 '));
const other = page(otherWire);
const resumed = other.resumeStream();
await until(() => textOf(other).startsWith('0 1 2 3 '));
stopChat(otherWire, 'c');
await resumed;
await until(() => one.status === 'ready');
if (textOf(one) !== textOf(other)) throw new Error('the readers differ: ' + textOf(one) + '; ' + textOf(other));

void one.sendMessage({ text: 'count' });
await until(() => calls === 3 && one.status === 'streaming');
await one.stop();
await until(() => stops === 2);
console.log('ok');
process.exit(0);
`;

/** Type-checks and runs the recipe and a chat with each version of the AI SDK that the package accepts. */
export async function aiVersions(folder: string, tarball: string): Promise<void> {
  const [recipe, page] = examplesOf(RECIPE, await readFile(join(root, RECIPE), 'utf8'));
  if (!recipe || !page?.isJsx) throw new Error(`${RECIPE} must begin with a program and a page`);
  for (const [index, { ai, react, model }] of VERSIONS.entries()) {
    const app = join(folder, `ai${index}`);
    const typesOfReact = { '@types/react': '^19.0.0', '@types/react-dom': '^19.0.0', '@types/node': '^20.0.0', '@types/ws': '^8.0.0' };
    const dependencies = {
      rxwire: `file:${tarball}`,
      rxjs: '^7.8.0',
      ws: '^8.0.0',
      react: '^19.0.0',
      'react-dom': '^19.0.0',
      ...typesOfReact,
    };
    const options = {
      module: 'nodenext',
      target: 'es2022',
      jsx: 'react-jsx',
      strict: true,
      skipLibCheck: true,
      outDir: 'out',
      rootDir: '.',
    };
    const compilerOptions = { ...options, types: ['node'], lib: ['es2023', 'dom', 'dom.asynciterable'] };
    const files = {
      'package.json': JSON.stringify({ private: true, type: 'module', dependencies: { ...dependencies, ai, '@ai-sdk/react': react } }),
      'tsconfig.json': JSON.stringify({ compilerOptions }),
      'recipe.ts': recipe.code.replaceAll('4870', String(await freePort())),
      'page.tsx': page.code,
      'chat.ts': program(model),
    };
    await mkdir(app);
    for (const [name, text] of Object.entries(files)) await writeFile(join(app, name), text);
    await run('npm', ['install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], app);
    await tool('typescript/bin/tsc', '-p', app);
    expectOutput(app, 'recipe.js', 'An answer of five words');
    expectOutput(app, 'chat.js', 'ok');
    const { version } = JSON.parse(await readFile(join(app, 'node_modules/ai/package.json'), 'utf8')) as { readonly version: string };
    console.log(`ai ${version}: ok`);
  }
}

/** Runs a program. Ends this process unless the program prints this text. */
function expectOutput(app: string, file: string, text: string): void {
  // The wires of a page stay connected.
  const { stdout, stderr } = spawnSync(process.execPath, [join('out', file)], { cwd: app, encoding: 'utf8', timeout: 15_000 });
  if (stdout.includes(text)) return;
  console.error(`${file} in ${app} must print "${text}", got: ${stdout}\n${stderr}`);
  process.exit(1);
}
