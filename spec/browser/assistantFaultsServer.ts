/**
 * A server for the page of docs/examples/assistant, whose model says what is hard to send: an image of 2 MB, and the output of a tool with a BigInt. A
 * line `step <ms>` of the standard input steps the clock of this process, and `say` ends the thoughts of its model.
 */
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import { convertToModelMessages, jsonSchema, streamText, tool, toUIMessageStream } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { build } from 'esbuild';
import { forBrowsers } from '../../docs/examples/console/http.js';
import { serveChat } from '../../lib/adapters/ai/index.js';
import { lmdbChannelLog } from '../../lib/stores/lmdb/lmdbChannelLog.js';
import { hub } from '../../lib/server/hub/hub.js';
import { listen } from '../../lib/server/listen.js';

type StreamPart = Awaited<ReturnType<MockLanguageModelV4['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never;

const thoughts = new EventEmitter();
const { now } = Date;
createInterface(process.stdin).on('line', (line) => {
  const [command, ms] = line.split(' ');
  if (command === 'step') Date.now = () => now() + Number(ms);
  else thoughts.emit('say');
});

/** An image of noise: 840 x 840 pixels, 2.1 MB. */
function image(size = 840): Uint8Array {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    let crc = ~0;
    for (const byte of body) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(~crc >>> 0);
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.from([0, 0, size >> 8, size & 255, 0, 0, size >> 8, size & 255, 8, 2, 0, 0, 0]);
  let seed = 1;
  const pixels = Buffer.alloc(size * (3 * size + 1));
  for (let at = 0; at < pixels.length; at++) {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    const [row, column] = [Math.floor(at / (3 * size + 1)), at % (3 * size + 1)];
    pixels[at] = column === 0 ? 0 : (seed >> 18) + (at % 3 === 0 ? row / 6 : column / 20);
  }
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(pixels)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), ...parts]);
}

async function* answer(question: string): AsyncGenerator<StreamPart, void> {
  yield { type: 'stream-start', warnings: [] };
  yield { type: 'text-start', id: '1' };
  yield { type: 'text-delta', id: '1', delta: `You asked: ${question}. ` };
  if (question.startsWith('Think')) await once(thoughts, 'say');
  // The page shows the text before the rest arrives.
  await delay(100);
  yield { type: 'text-delta', id: '1', delta: 'Here it is.' };
  yield { type: 'text-end', id: '1' };
  if (question.startsWith('Draw')) yield { type: 'file', mediaType: 'image/png', data: { type: 'data', data: image() } };
  if (question.startsWith('Add')) yield { type: 'tool-call', toolCallId: 't1', toolName: 'sum', input: '{}' };
  const unified = question.startsWith('Add') ? 'tool-calls' : 'stop';
  const inputTokens = { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 };
  const outputTokens = { total: 1, text: 1, reasoning: 0 };
  yield { type: 'finish', finishReason: { unified, raw: unified }, usage: { inputTokens, outputTokens } };
}

const model = new MockLanguageModelV4({
  doStream({ prompt }) {
    const last = prompt.at(-1);
    const question = last?.role === 'user' ? last.content.map((part) => (part.type === 'text' ? part.text : '')).join('') : '';
    const parts = answer(question);
    const stream = new ReadableStream<StreamPart>({
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    });
    return Promise.resolve({ stream });
  },
});
const tools = { sum: tool({ description: 'adds', inputSchema: jsonSchema({ type: 'object' }), execute: () => ({ total: 12n }) }) };

const { outputFiles } = await build({
  entryPoints: ['docs/examples/assistant/chat.tsx'],
  tsconfig: 'tsconfig.json',
  bundle: true,
  minify: true,
  write: false,
  define: { 'process.env.NODE_ENV': '"production"' },
  plugins: [forBrowsers],
});
const html = readFileSync('docs/examples/assistant/index.html');
const server = createServer(({ url }, response) => {
  if (url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(html);
  else response.setHeader('content-type', 'text/javascript').end(outputFiles[0]?.text);
});
const rooms = hub({ authorize: ({ action }) => action === 'join', log: lmdbChannelLog({ path: process.env['FOLDER'] ?? '' }) });
rooms.errors$.subscribe((error) => process.stdout.write(`hub: ${error.message}\n`));
const chat = serveChat(
  rooms,
  async ({ messages, signal }) => {
    const prompt = await convertToModelMessages(messages, { ignoreIncompleteToolCalls: true });
    const { stream } = streamText({ model, tools, messages: prompt, abortSignal: signal });
    return toUIMessageStream({ stream });
  },
  { onError: (error) => process.stdout.write(`error: ${(error as Error).message}\n`) },
);
listen(server, { path: '/wire' }).subscribe((wire) => {
  rooms.serve(wire);
  chat(wire);
});
server.listen(Number(process.env['PORT']), '127.0.0.1');
await once(server, 'listening');
process.stdout.write('listening\n');
