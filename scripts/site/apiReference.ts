import { rm, writeFile } from 'node:fs/promises';
import {
  Application,
  Comment,
  Converter,
  ReflectionKind,
  SignatureReflection,
  type CommentDisplayPart,
  type CommentTag,
  type Context,
  type ProjectReflection,
  type Reflection,
  type TypeDocOptions,
} from 'typedoc';
import { MarkdownPageEvent, type PluginOptions } from 'typedoc-plugin-markdown';
import { doors, type Door } from '../support/doors.js';
import { root } from '../support/run.js';
import type { SidebarItem } from './navigation.js';
import { apiMembersFile, apiSidebarFile, pagesFolder } from './siteFolders.js';

const folder = 'api';

/** The groups of an entry point, in their order, with the folders that TypeDoc writes them to. */
const groups = [
  { kind: ReflectionKind.Function, text: 'Functions', path: 'functions' },
  { kind: ReflectionKind.Variable, text: 'Variables', path: 'variables' },
  { kind: ReflectionKind.Class, text: 'Classes', path: 'classes' },
  { kind: ReflectionKind.Interface, text: 'Interfaces', path: 'interfaces' },
  { kind: ReflectionKind.TypeAlias, text: 'Types', path: 'type-aliases' },
] as const;

/** What each entry point is for. */
const purposes: Readonly<Record<string, string>> = {
  rxwire: 'The client: wires, messages, channels, requests, queues, links, codecs, and the operators.',
  'rxwire/server': 'The server: `listen` on a Node HTTP server, `serve` on any link, and the options of both.',
  'rxwire/fetch': 'Servers of wires on Bun, on Deno and in Durable Objects.',
  'rxwire/durable-objects': 'Stores in a Durable Object of Cloudflare.',
  'rxwire/testing': 'Wires in memory, faults, marble tests and simulations.',
  'rxwire/indexeddb': 'An outbox, an inbox, queues and dead letters that survive a reload of the page.',
  'rxwire/protobuf': 'The codec for Protocol Buffers.',
  'rxwire/node': 'Node and Web streams over a wire, and stores in LMDB.',
  'rxwire/metrics': 'Counters and histograms of wires, operators and queues.',
  'rxwire/opentelemetry': 'Metrics and traces for OpenTelemetry.',
  'rxwire/prometheus': 'Metrics for Prometheus.',
  'rxwire/ai': 'Chats of the AI SDK: the transport of a page, and the answers of a server.',
  'rxwire/react': 'Hooks for React: a wire, its state, channels, requests.',
  'rxwire/vue': 'Composables for Vue: a wire, its state, channels, requests.',
  'rxwire/angular': 'A wire by dependency injection, and signals of its state.',
  'rxwire/nats': 'Channels in NATS JetStream, and clusters of servers.',
  'rxwire/postgres': 'Stores and a log of channels in PostgreSQL.',
};

/** Writes the API reference to the pages of the site: a page for each export, from its docstring. */
export async function writeApiReference(): Promise<void> {
  const entries = await doors();
  const app = await Application.bootstrapWithPlugins(optionsFor(entries.map(({ module }) => `${root}lib/${module}.ts`)));
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }: Context) => prepare(project, entries));
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }: Context) =>
    project.getReflectionsByKind(ReflectionKind.Function).forEach(shareComment),
  );
  app.renderer.on(
    MarkdownPageEvent.END,
    (page: { contents?: string }) => (page.contents = `---\npageClass: api\n---\n${withoutRepetition(page.contents ?? '')}`),
  );
  const project = await app.convert();
  if (!project) throw new Error('TypeDoc could not read the entry points');
  await rm(pagesFolder + folder, { recursive: true, force: true });
  await app.generateOutputs(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('TypeDoc found faults in the docstrings');
  await writeFile(apiSidebarFile, JSON.stringify(sidebarOf(project)));
  await writeFile(apiMembersFile, JSON.stringify(functionsNamedAsMembers(project)));
}

function optionsFor(entryPoints: string[]): Partial<TypeDocOptions & PluginOptions> {
  return {
    entryPoints,
    tsconfig: `${root}tsconfig.build.json`,
    plugin: ['typedoc-plugin-markdown'],
    out: pagesFolder + folder,
    readme: 'none',
    entryFileName: 'index',
    logLevel: 'Warn',
    // npm run types checks them.
    skipErrorChecking: true,
    excludeInternal: true,
    excludePrivate: true,
    // A Subject of RxJS is documented there.
    excludeExternals: true,
    disableSources: true,
    preservedTypeAnnotationTags: ['@throws'],
    validation: {
      notExported: false,
      invalidLink: true,
      notDocumented: false,
      invalidPath: true,
      rewrittenLink: false,
      unusedMergeModuleWith: true,
    },
    hidePageHeader: true,
    hideBreadcrumbs: true,
    pageTitleTemplates: { index: 'API reference', module: '{name}', member: '{name}' },
    useCodeBlocks: true,
    expandParameters: true,
    typeDeclarationVisibility: 'compact',
    parametersFormat: 'table',
    indexFormat: 'table',
    sanitizeComments: true,
  };
}

/** Names the entry points, and makes the tags of all docstrings ready for the pages. */
function prepare(project: ProjectReflection, entries: readonly Door[]): void {
  for (const { specifier, module } of entries) {
    const entry = project.getChildByName([module === 'index' ? module : module.replace(/\/index$/, '')]);
    const purpose = purposes[specifier];
    if (!entry || purpose === undefined) throw new Error(`${specifier} needs a purpose, in scripts/site/apiReference.ts`);
    entry.name = specifier;
    entry.comment = new Comment([{ kind: 'text', text: purpose }]);
  }
  for (const reflection of Object.values(project.reflections)) {
    if (!reflection.comment) continue;
    if (reflection instanceof SignatureReflection) dropForeignParameters(reflection, reflection.comment);
    listErrors(project, reflection.comment.blockTags);
    moveDefault(reflection.comment);
  }
}

/** The overloads of a function have one docstring: drops the parameters that this overload does not have. */
function dropForeignParameters({ parent, parameters = [] }: SignatureReflection, comment: Comment): void {
  if ((parent.signatures?.length ?? 0) < 2) return;
  const names = parameters.map(({ name }) => name);
  comment.blockTags = comment.blockTags.filter(({ tag, name }) => tag !== '@param' || name === undefined || names.includes(name));
}

/** Makes one list of the `@throws` tags of a comment, with a link to each error. */
function listErrors(project: ProjectReflection, tags: CommentTag[]): void {
  const [first, ...others] = tags.filter(({ tag }) => tag === '@throws');
  if (!first) return;
  first.content = [first, ...others].flatMap(({ typeAnnotation = '{Error}', content }): CommentDisplayPart[] => [
    { kind: 'text', text: '\n- ' },
    errorNamed(project, typeAnnotation.replace(/^\{|\}$/g, '')),
    { kind: 'text', text: ': ' },
    ...content,
  ]);
  delete first.typeAnnotation;
  for (const other of others) tags.splice(tags.indexOf(other), 1);
}

function errorNamed(project: ProjectReflection, name: string): CommentDisplayPart {
  const exports = (project.children ?? []).flatMap(({ children = [] }) => children);
  const target = exports.find((candidate) => candidate.name === name && candidate.kindOf(ReflectionKind.Class));
  return target ? { kind: 'inline-tag', tag: '@link', text: name, target } : { kind: 'code', text: `\`${name}\`` };
}

/** Makes a last paragraph of a `@default`, in place of a section with a heading. */
function moveDefault(comment: Comment): void {
  for (const { content } of comment.getTags('@default')) {
    const [first] = content;
    // TypeDoc fences a default that has no backticks, though it may be text.
    const bare = content.length === 1 && first?.kind === 'code' ? /^```ts\n([\s\S]*)\n```$/.exec(first.text)?.[1] : undefined;
    const isValue = bare !== undefined && /^\S+$|^(['"[{(]).*$/.test(bare);
    const parts: CommentDisplayPart[] =
      bare === undefined ? content : [isValue ? { kind: 'code', text: `\`${bare}\`` } : { kind: 'text', text: bare }];
    comment.summary.push({ kind: 'text', text: '\n\nDefault: ' }, ...parts);
  }
  comment.removeTags('@default');
}

/** Shows a docstring once that all overloads of a function have in common. */
function shareComment(reflection: Reflection): void {
  if (!reflection.isDeclaration()) return;
  const { signatures = [] } = reflection;
  const [first, ...others] = signatures;
  const text = JSON.stringify([first?.comment?.summary, first?.comment?.blockTags]);
  const isShared = others.length > 0 && others.every(({ comment }) => JSON.stringify([comment?.summary, comment?.blockTags]) === text);
  if (!isShared || !first?.comment) return;
  reflection.comment = first.comment;
  for (const signature of signatures) delete signature.comment;
}

/** Drops the tables and return types that say nothing that the signature does not say: no link, no description. */
function withoutRepetition(markdown: string): string {
  return markdown
    .replace(/^#+ (?:Type )?Parameters\n\n((?:\|.*\n?)+)\n*/gm, (section, table: string) =>
      /\]\(|\| Description/.test(table) ? section : '',
    )
    .replace(/^#+ Returns\n\n(`.*)\n(?:\n+(?=#|\*\*\*|$)|$)/gm, (section, type: string) => (type.includes('](') ? section : ''));
}

/** The names of functions that an option, a field or a method has, too. */
function functionsNamedAsMembers(project: ProjectReflection): readonly string[] {
  const namesOf = (kind: ReflectionKind): readonly string[] => project.getReflectionsByKind(kind).map(({ name }) => name);
  const members = new Set(namesOf(ReflectionKind.Property | ReflectionKind.Method | ReflectionKind.Accessor));
  return [...new Set(namesOf(ReflectionKind.Function))].filter((name) => members.has(name)).sort();
}

/** The entry points, each with its exports in groups. */
function sidebarOf(project: ProjectReflection): readonly SidebarItem[] {
  return (project.children ?? []).map((entry) => ({
    text: entry.name,
    link: `/${folder}/${entry.name}/`,
    collapsed: true,
    items: groups
      .map(({ kind, text, path }) => ({
        text,
        items: (entry.children ?? [])
          .filter((child) => child.kind === kind)
          .map(({ name }) => ({ text: name, link: `/${folder}/${entry.name}/${path}/${name}` })),
      }))
      .filter(({ items }) => items.length > 0),
  }));
}
