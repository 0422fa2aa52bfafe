import { createServer } from 'node:http';
import { map, timer } from 'rxjs';
import { createMessage, publishTo } from 'rxwire';
import { listen } from 'rxwire/server';
import sirv from 'sirv';
import { createService } from './service';
import type { AppMessages } from './src/app/messages';

const port = Number(process.env['PORT'] ?? 4870);
const { rooms, serve } = createService();

// The stream that the page follows. A channel keeps its messages in memory; `hub({ log })` keeps them on disk.
timer(0, 1_000)
  .pipe(
    map((number) => createMessage('log.line', { number, text: `${megabytes()} MB in use` })),
    publishTo(rooms.channel('log')),
  )
  .subscribe();

const server = createServer(sirv('dist/notes/browser', { single: true }));
// A person whose page was closed stays in the list until the session ends.
listen<AppMessages>(server, { detachedTimeout: 15_000 }).subscribe(serve);
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));

function megabytes(): string {
  return (process.memoryUsage.rss() / 2 ** 20).toFixed(1);
}
