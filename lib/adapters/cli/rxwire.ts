import { createRequire } from 'node:module';
import { runCommandLine } from './runCommandLine.js';

const { version } = createRequire(import.meta.url)('../../../package.json') as { readonly version: string };
const templates = new URL('../../../templates.json.gz', import.meta.url);

// Open resources, such as a connection attempt, do not delay the end.
process.exit(await runCommandLine(process.argv, { version, templates }));
