import { createHash } from 'node:crypto';
import { transform, version } from 'esbuild';

// As in tsconfig.json: an import without `type` stays, and decorators are those of Nest.
const compilerOptions = { verbatimModuleSyntax: true, experimentalDecorators: true };
const options = { loader: 'ts', format: 'esm', target: 'node20', tsconfigRaw: { compilerOptions } };

/** Transforms TypeScript for jest, without a check of the types. */
// eslint-disable-next-line no-restricted-exports -- jest loads the default export
export default {
  async processAsync(source, sourcefile) {
    const { code, map } = await transform(source, { ...options, sourcefile, sourcemap: 'external' });
    return { code, map };
  },
  getCacheKeyAsync: (source, sourcefile) =>
    Promise.resolve(
      createHash('sha256')
        .update(`${version} ${JSON.stringify(options)} ${sourcefile} ${source}`)
        .digest('hex'),
    ),
};
