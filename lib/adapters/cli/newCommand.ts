import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Argument, type Command } from 'commander';
import { escapeControls } from '../../message/escapeControls.js';
import { type CommandContext, ExitCode, type RunCommand, UsageError } from './commandContext.js';

export const TEMPLATES = ['angular', 'assistant', 'chat', 'deploy', 'express', 'fastify', 'nest', 'node'] as const;

export type TemplateName = (typeof TEMPLATES)[number];

/** The text of each file of each template, by its path in the project. */
export type Templates = Readonly<Record<TemplateName, Readonly<Record<string, string>>>>;

/** The package that the command is part of. */
export interface CommandPackage {
  readonly version: string;
  /** The file of the {@link Templates}, as JSON, compressed with gzip. */
  readonly templates: URL;
}

export function addNew(program: Command, run: RunCommand, source: CommandPackage): void {
  program
    .command('new')
    .description('write a small project that runs')
    .addArgument(new Argument('<template>', 'what the project is').choices(TEMPLATES))
    .argument('[folder]', 'the new folder (default: the name of the template)')
    .action((template: TemplateName, folder: string = template) => run((context) => writeNew(template, folder, source, context)));
}

async function writeNew(template: TemplateName, folder: string, source: CommandPackage, { print }: CommandContext): Promise<number> {
  const files = await createProject(template, folder, source);
  const next = [...(folder === '.' ? [] : [`cd ${/^[\w./~-]+$/.test(folder) ? folder : `"${folder}"`}`]), 'npm install', 'npm start'];
  const text = (): string =>
    [`${files.length} files are in ${folder}. Next:`, '', ...next.map((command) => `  ${command}`)].map(escapeControls).join('\n');
  await print({ event: 'created', template, folder, files, next }, text);
  return ExitCode.DONE;
}

/**
 * Writes the files of a template, which depend on this version, and returns their paths. It
 * overwrites nothing.
 * @throws {UsageError} If the folder is not empty.
 * @throws The error of the file system.
 */
export async function createProject(
  template: TemplateName,
  folder: string,
  { version, templates }: CommandPackage,
): Promise<readonly string[]> {
  if ((await entriesOf(folder)).length > 0) throw new UsageError(`the folder ${folder} is not empty: name another one`);
  const files = (JSON.parse(gunzipSync(await readFile(templates)).toString()) as Templates)[template];
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, path === 'package.json' ? withVersion(text, version) : text, { flag: 'wx' });
  }
  return Object.keys(files);
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Returns a package.json that depends on this version of rxwire, or on a compatible later one. */
function withVersion(text: string, version: string): string {
  const manifest = JSON.parse(text) as { readonly dependencies: Readonly<Record<string, string>> };
  const dependencies = { ...manifest.dependencies, rxwire: `^${version}` };
  return `${JSON.stringify({ ...manifest, dependencies }, null, 2)}\n`;
}
