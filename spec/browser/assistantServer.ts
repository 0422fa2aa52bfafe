/** The server of docs/examples/assistant, a process of its own. Its page has the sources of rxwire, in place of the package. */
import { build } from 'esbuild';
import { forBrowsers } from '../../docs/examples/console/http.js';
import { startService } from '../../docs/examples/assistant/service.js';

const { outputFiles } = await build({
  entryPoints: ['docs/examples/assistant/chat.tsx'],
  tsconfig: 'tsconfig.json',
  bundle: true,
  minify: true,
  write: false,
  define: { 'process.env.NODE_ENV': '"production"' },
  plugins: [forBrowsers],
});
await startService(outputFiles[0]?.text ?? '');
