import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { convertToModelMessages, streamText, toUIMessageStream } from 'ai';
import { serveChat } from 'rxwire/ai';
import { lmdbChannelLog } from 'rxwire/node';
import { hub, listen } from 'rxwire/server';
import { countingModel } from './model.js';

const port = Number(process.env['PORT'] ?? 4870);
const folder = process.env['FOLDER'];

/** Serves the page, whose script is given, and the answers of the model. */
export async function startService(script: string): Promise<void> {
  const html = await readFile(new URL('index.html', import.meta.url));
  const server = createServer(({ url }, response) => {
    if (url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(html);
    else if (url === '/chat.js') response.setHeader('content-type', 'text/javascript').end(script);
    else response.writeHead(404).end();
  });

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
    // An answer may end, or be stopped, before the result of a tool arrives.
    const prompt = await convertToModelMessages(messages, { ignoreIncompleteToolCalls: true });
    const { stream } = streamText({ model, messages: prompt, abortSignal: signal });
    return toUIMessageStream({ stream });
  });
  listen(server, { path: '/wire' }).subscribe((wire) => {
    rooms.serve(wire);
    chat(wire);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  console.log(`http://127.0.0.1:${port}`);
}
