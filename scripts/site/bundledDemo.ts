import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';
import type { Plugin } from 'vite';
import { root } from '../support/run.js';

const folder = `${root}docs/.vitepress/theme/liveDemo`;

/**
 * Bundles the demonstration of the front page into a file of its own. It would otherwise share files
 * with the playgrounds, and the front page would load the parts of the package that only they use.
 */
export const bundledDemo: Plugin = {
  name: 'bundled-demo',
  enforce: 'pre',
  resolveId: (source, importer = '') => (source === './demo.js' && dirname(importer) === folder ? join(folder, 'demo.js') : undefined),
  async load(id) {
    if (id !== join(folder, 'demo.js')) return undefined;
    const bundle = await rolldown({
      input: join(folder, 'demo.ts'),
      platform: 'browser',
      // The paths of tsconfig.json lead to the sources of the package. The page runs the package as it is built.
      tsconfig: false,
      resolve: { conditionNames: ['es2015', 'import', 'default'], extensionAlias: { '.js': ['.ts', '.js'] } },
      transform: { target: 'es2022' },
    });
    const { output } = await bundle.generate({ format: 'esm', minify: true });
    await bundle.close();
    return output[0].code;
  },
};
