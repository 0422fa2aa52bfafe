/** npm start: bundles the page, and serves it with the answers of the model. */
import { build } from 'esbuild';
import { startService } from './service.js';

const { outputFiles } = await build({
  entryPoints: ['chat.tsx'],
  bundle: true,
  conditions: ['development'], // sentences and checks of the options, while you develop
  define: { 'process.env.NODE_ENV': '"development"' },
  minify: true,
  write: false,
});
await startService(outputFiles[0]?.text ?? '');
