import { readFileSync, statSync } from 'node:fs';
import { TEMPLATES, type TemplateName, type Templates } from '../../lib/adapters/cli/newCommand.js';
import { filesBelow } from './filesBelow.js';
import { packedPage } from './packedPages.js';

/** Bytes of all templates at most, compressed. */
export const TEMPLATES_BUDGET = 30_000;

/** The folders of the examples that are templates. */
export const TEMPLATE_FOLDERS: Readonly<Record<TemplateName, string>> = {
  angular: 'docs/examples/angular',
  assistant: 'docs/examples/assistant',
  chat: 'docs/examples/chat',
  deploy: 'docs/examples/deploy',
  express: 'docs/examples/express',
  fastify: 'docs/examples/fastify',
  nest: 'docs/examples/nest',
  node: 'docs/examples/script',
};
/** Files that installing and building make, and a lock, which is longer than all templates. */
const LEFT_OUT = /^(?:\.angular|dist|out-tsc)\/|^package-lock\.json$/;

/** Returns the templates of `rxwire new`: the files of their examples, with the links of their pages as those of {@link packedPage}. */
export function readTemplates(): Templates {
  return Object.fromEntries(TEMPLATES.map((template) => [template, filesOf(TEMPLATE_FOLDERS[template])])) as Templates;
}

function filesOf(folder: string): Readonly<Record<string, string>> {
  const paths = filesBelow(folder, '')
    .filter((file) => !LEFT_OUT.test(file.slice(folder.length + 1)))
    .filter((file) => statSync(file).isFile());
  const texts = paths.map((file) => {
    const text = readFileSync(file, 'utf8');
    return [file.slice(folder.length + 1), file.endsWith('.md') ? packedPage(file, text, paths) : text];
  });
  return Object.fromEntries(texts) as Readonly<Record<string, string>>;
}
