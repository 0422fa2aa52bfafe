/** npm run example:chat: serves the page, and the answers of a model. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { convertToModelMessages, streamText, toUIMessageStream } from 'ai';
import { serveChat } from 'rxwire/ai';
import { lmdbChannelLog } from 'rxwire/node';
import { hub, listen } from 'rxwire/server';
import { forBrowsers } from '../console/http.js';
import { countingModel } from './model.js';

const port = Number(process.env['PORT'] ?? 4870);
const folder = process.env['FOLDER'];
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const html = await readFile(file('index.html'));
const { outputFiles } = await build({
  entryPoints: [file('chat.tsx')],
  bundle: true,
  minify: true,
  write: false,
  define: { 'process.env.NODE_ENV': '"production"' },
  plugins: [forBrowsers],
});
const script = outputFiles[0]?.contents;

// With a folder, the answers outlive the process. Without one, they are in memory.
const rooms = hub({
  authorize: ({ action }) => action === 'join',
  ...(folder !== undefined && { log: lmdbChannelLog({ path: folder }) }),
});
// Readers of an answer that an earlier process has not finished receive an error.
await rooms.interrupt('ai/', 'the server was restarted');

const model = countingModel({
  asked: (question) => console.log(`the model is asked: ${question}`),
  stopped: () => console.log('the model is stopped'),
});
const chat = serveChat(rooms, async ({ messages, signal }) => {
  const { stream } = streamText({ model, messages: await convertToModelMessages(messages), abortSignal: signal });
  return toUIMessageStream({ stream });
});

const server = createServer(({ url }, response) => {
  if (url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(html);
  else if (url === '/chat.js') response.setHeader('content-type', 'text/javascript').end(script);
  else response.writeHead(404).end();
});
listen(server, { path: '/wire' }).subscribe((wire) => {
  rooms.serve(wire);
  chat(wire);
});
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));
