/** npm start: serves the page, and the room that all pages share. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { build } from 'esbuild';
import { hub, listen } from 'rxwire/server';
import { isSaid } from './messages.js';

const port = Number(process.env['PORT'] ?? 4870);
const { outputFiles } = await build({
  entryPoints: ['page.ts'],
  bundle: true,
  conditions: ['development'], // sentences and checks of the options, while you develop
  minify: true,
  write: false,
});
const html = await readFile('index.html');
const script = outputFiles[0]?.contents;

const server = createServer(({ url }, response) => {
  if (url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(html);
  else if (url === '/page.js') response.setHeader('content-type', 'text/javascript').end(script);
  else response.writeHead(404).end();
});

// The hub keeps the messages in memory: `hub({ log })` keeps them on disk.
const rooms = hub({
  authorize: ({ action, channel, message }) => {
    if (channel !== 'room' || action === 'end') return false;
    if (message && !(message.type === 'room.said' && isSaid(message.payload))) return { reason: 'a message has 1 to 500 characters' };
    return true;
  },
});
// A person whose page was closed stays in the list until the session ends.
listen(server, { path: '/wire', detachedTimeout: 15_000 }).subscribe((wire) => rooms.serve(wire));
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));
