/** One end of a peer, which is measured from outside: node --expose-gc child.js <server | client> <peer> <variant as JSON> [URL] */
import type { Call, Methods, Reply } from './process.js';
import { peers } from './registry.js';
import type { Variant } from './peer.js';

const [role = '', name = '', json = '{}', url = ''] = process.argv.slice(2);

async function start(): Promise<Methods> {
  const load = peers[name];
  if (!load) throw new RangeError(`no peer "${name}"`);
  const variant = JSON.parse(json) as Variant;
  const peer = await load();
  if (role === 'server') return (await import('./serverEnd.js')).serverEnd(peer, variant);
  return (await import('./clientEnd.js')).clientEnd(peer, url, variant);
}

const reply = (message: Reply): void => void process.send?.(message);
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message || error.name : String(error));

process.on('disconnect', () => process.exit());
// Also when the program that started this process was killed, and what it started is to be removed.
process.on('SIGTERM', () => process.exit());
process.on('uncaughtException', (error) => {
  reply({ id: -1, error: reasonOf(error) });
  setImmediate(() => process.exit(1));
});

try {
  const methods: Readonly<Record<string, ((argument: never) => unknown) | undefined>> = { ...(await start()) };
  process.on('message', ({ id, method, argument }: Call) => {
    Promise.resolve()
      .then(() => methods[method]?.(argument as never))
      .then(
        (value) => reply({ id, value }),
        (error: unknown) => reply({ id, error: reasonOf(error) }),
      );
  });
  reply({ id: 0 });
} catch (error) {
  reply({ id: -1, error: reasonOf(error) });
  setImmediate(() => process.exit(1));
}
