/**
 * npm run api: writes what each door exports to spec/api/, so that a change of it is a diff that somebody reads; and the options of each function, with the
 * kinds of their values, to lib/, where a check at run time reads them.
 * npm run api -- --check: fails when that is not what is committed.
 */
import { Extractor, ExtractorConfig, ExtractorLogLevel, type IConfigFile } from '@microsoft/api-extractor';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { compileTypes } from './support/bundleTypes.js';
import { doors, type Door } from './support/doors.js';
import { optionKinds } from './support/optionKinds.js';
import { root } from './support/run.js';

const check = process.argv.includes('--check');
process.chdir(root);

interface Report {
  readonly committed: string;
  readonly current: string;
}

/** Extracts the report of one door from its compiled types. */
function extract({ specifier, module }: Door): Report {
  const reportFileName = `${specifier.replaceAll('/', '-')}.api.md`;
  const none = { logLevel: ExtractorLogLevel.None };
  // The main door has to export what its signatures name; the others may name what is exported there.
  const forgotten = module === 'index' ? { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true } : none;
  const configObject: IConfigFile = {
    projectFolder: root,
    mainEntryPointFilePath: `${types}/${module}.d.ts`,
    newlineKind: 'lf',
    compiler: { tsconfigFilePath: `${root}tsconfig.build.json` },
    apiReport: { enabled: true, reportFileName, reportFolder: `${root}.tmp/api`, reportTempFolder: `${root}.tmp/api/temp` },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: { extractorMessageReporting: { default: none, 'ae-forgotten-export': forgotten }, tsdocMessageReporting: { default: none } },
  };
  const config = ExtractorConfig.prepare({ configObject, packageJsonFullPath: `${root}package.json`, configObjectFullPath: undefined });
  Extractor.invoke(config, { localBuild: true, messageCallback: (message) => (message.handled = true) });
  return { committed: `spec/api/${reportFileName}`, current: `.tmp/api/${reportFileName}` };
}

async function isCommitted({ committed, current }: Report): Promise<boolean> {
  const [before, after] = await Promise.all([readFile(committed, 'utf8').catch(() => ''), readFile(current, 'utf8')]);
  return before === after;
}

const types = await compileTypes();
await Promise.all(['.tmp/api', 'spec/api'].map((folder) => mkdir(folder, { recursive: true })));

const kinds: Report = { committed: 'lib/message/options/optionKinds.ts', current: '.tmp/api/optionKinds.ts' };
await writeFile(kinds.current, await optionKinds(types));

for (const report of [...(await doors()).map(extract), kinds]) {
  if (await isCommitted(report)) continue;
  if (check) {
    console.error(`\nWhat is exported is not what ${report.committed} says:`);
    spawnSync('git', ['diff', '--no-index', report.committed, report.current], { stdio: 'inherit' });
    console.error('Where the change is meant: `npm run api`, commit the report with the change, and name it in CHANGELOG.md.');
    process.exitCode = 1;
  } else {
    await copyFile(report.current, report.committed);
    console.log(`wrote ${report.committed}`);
  }
}
