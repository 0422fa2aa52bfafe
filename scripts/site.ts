/**
 * The site runs the package: these commands build it to dist/ before.
 *
 * npm run docs:site: builds the documentation site to .tmp/site/html, and checks each link of it. With `-- --base /path/`, for a host that
 * serves it below a path.
 * npm run docs:dev: serves the pages while they are written. The API reference is that of the last build.
 * npm run docs:preview: serves the site that was built.
 */
import { existsSync, watch } from 'node:fs';
import { parseArgs } from 'node:util';
import { build, createServer } from 'vitepress';
import { writeApiReference } from './site/apiReference.js';
import { crawl } from './site/crawl.js';
import { serveFolder } from './site/serveFolder.js';
import { apiSidebarFile, htmlFolder } from './site/siteFolders.js';
import { stagePages } from './site/stagePages.js';
import { root } from './support/run.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { base: { type: 'string', default: '/' }, port: { type: 'string', default: '4875' } },
});
const source = `${root}docs`;
const port = Number(values.port);

async function buildSite(base: string): Promise<void> {
  await stagePages();
  await writeApiReference();
  await build(source, { base });
  const { pages, links, faults } = crawl(htmlFolder, base);
  for (const fault of faults) console.error(fault);
  console.log(`site: ${pages} pages, ${links} links, ${faults.length} faults, in ${htmlFolder}`);
  if (faults.length > 0) process.exitCode = 1;
}

async function develop(): Promise<void> {
  await stagePages();
  if (!existsSync(apiSidebarFile)) await writeApiReference();
  const server = await createServer(source, { host: '127.0.0.1', port });
  await server.listen();
  server.printUrls();
  const fail = (error: unknown): void => console.error(error);
  for (const folder of [source, root]) watch(folder, { recursive: folder === source }, () => void stagePages().catch(fail));
}

const [command = 'build'] = positionals;
if (command === 'dev') await develop();
else if (command === 'preview') console.log((await serveFolder(htmlFolder, port)).origin);
else await buildSite(values.base);
