import { createRequire } from 'node:module';
import { runCommandLine } from './runCommandLine.js';

const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string };

// What is still open, such as a connection that is being tried, does not delay the end.
process.exit(await runCommandLine(process.argv, version));
