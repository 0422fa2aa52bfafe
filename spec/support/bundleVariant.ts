import { build, type BuildOptions } from 'esbuild';
import { resolve } from 'node:path';

/**
 * Bundles for Node, with variants of modules, as the conditions of package.json choose them.
 * Returns the path of the bundle.
 *
 * @param name Identifies the bundle in this process.
 * @param variants The files in place of modules, by their names. A variant may import its module.
 */
export async function bundleVariant(
  input: Pick<BuildOptions, 'entryPoints' | 'stdin'>,
  name: string,
  variants: Readonly<Record<string, string>>,
): Promise<string> {
  const outfile = resolve(`node_modules/.cache/rxwire/${process.pid}-${name}.mjs`);
  await build({
    ...input,
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    plugins: [
      {
        name: 'variants',
        setup({ onResolve }) {
          for (const [module, file] of Object.entries(variants)) {
            const path = resolve(file);
            onResolve({ filter: new RegExp(`/${module}\\.js$`) }, ({ importer }) => (importer === path ? undefined : { path }));
          }
        },
      },
    ],
  });
  return outfile;
}
