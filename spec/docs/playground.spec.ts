import { readdirSync, readFileSync } from 'node:fs';
import { copiedTest } from '../../docs/.vitepress/theme/playground/copiedTest.js';
import { draw } from '../../docs/.vitepress/theme/playground/drawing.js';
import { queryOf, readQuery, specOf, type Input, type Marbles, type Pipeline } from '../../docs/.vitepress/theme/playground/playground.js';
import { runMarble } from '../../lib/adapters/testing/index.js';
import { compile } from './compile.js';

const folder = 'docs/.vitepress/theme/playground/pipelines';
const names = readdirSync(folder).map((file) => file.replace('.ts', ''));
const operators = readdirSync('docs/operators').flatMap((file) => (file === 'README.md' ? [] : [file.replace('.md', '')]));
const diagrams = readdirSync('marbles').map((file) => file.replace('.ts', ''));
const load = async (name: string): Promise<Pipeline> => (await import(`../../${folder}/${name}.ts`)) as Pipeline;

/** The marbles of a drawing. @throws {Error} If there is none. */
function drawn(name: string, pipeline: Pipeline, input: Input): Marbles {
  const drawing = draw(name, pipeline, input);
  if ('fault' in drawing) throw new Error(drawing.fault);
  return drawing.marbles;
}

describe('the playgrounds of the site', () => {
  it('are there for each operator, for the pipeline of the README and for a wire, each beside a diagram', () => {
    expect(names).toEqual(expect.arrayContaining([...operators, 'pipeline', 'wire']));
    expect(diagrams).toEqual(expect.arrayContaining(names));
  });

  it.each(names)('%s: draws, and its marbles expect what they show', async (name) => {
    const pipeline = await load(name);
    const { lines, values, hasError, fault } = drawn(name, pipeline, pipeline);
    const outputs = Object.fromEntries(lines.filter(({ role }) => role === 'output').map((line) => [line.name, line.marbles]));
    const expected = lines.at(-1)!.marbles;
    expect([fault, hasError]).toEqual([undefined, false]);
    expect(expected).toMatch(/\w/);
    runMarble({ ...specOf(pipeline.lines), outputs, expected, values }, pipeline.pipeline(pipeline.options as never) as never);
  });

  it('are copied as tests that compile', async () => {
    const tests = names.map(async (name) => {
      const pipeline = await load(name);
      const code = copiedTest(name, readFileSync(`${folder}/${name}.ts`, 'utf8'), pipeline, drawn(name, pipeline, pipeline));
      return { file: name, line: 1, code, runs: false };
    });
    expect(compile(await Promise.all(tests)).flatMap(({ faults }) => faults)).toEqual([]);
  });

  it('copy the marbles, options and errors of the reader', async () => {
    const pipeline = await load('priorityMerge');
    const input = { lines: { source: '-abc' }, options: { ...pipeline.options, maxSize: 1, overflow: 'error' } };
    const text = copiedTest(
      'priorityMerge',
      readFileSync(`${folder}/priorityMerge.ts`, 'utf8'),
      input,
      drawn('priorityMerge', pipeline, input),
    );
    expect(text).toContain("const options = { takes: 3, concurrency: 1, maxSize: 1, maxAge: 50, overflow: 'error' as const };");
    expect(text).toContain("source: '-abc',\n    outputs: { dropped: '---b' },\n    expected: '---#',\n    error: expect.any(Error),");
    expect(text).not.toContain('export');
  });

  it.each([
    ['-a-(b', '"source" must close each "(" with a ")".'],
    ['-a-é', '"source" contains "é". Write letters, digits, and - | # ^ ! ( ).'],
    ['-a-!', '"source" contains "!", which ends a subscription. Write it in "unsub" only.'],
  ])('say what is wrong with %s', async (source, fault) => {
    expect(draw('dedupe', await load('dedupe'), { lines: { source }, options: { ttl: 1, maxSize: 1 } })).toEqual({ fault });
  });

  it.each(['', ' 3s !'])('do not run for ever: an end of "%s"', async (unsub) => {
    const pipeline = await load('wire');
    const drawing = draw('wire', pipeline, { lines: { ...pipeline.lines, unsub }, options: pipeline.options });
    expect(drawing).toEqual({ fault: '"unsub" must contain "!" in its first 2000 ms.' });
  });

  it('say what is wrong with an option', async () => {
    const drawing = draw('dedupe', await load('dedupe'), { lines: { source: '-a|' }, options: { ttl: 1, maxSize: 0 } });
    expect(drawing).toEqual({ fault: 'dedupe: "maxSize" must be > 0, got 0.' });
  });

  it('say so when marbles cannot express a result', async () => {
    const pipeline = await load('unbatch');
    const input = { lines: { source: '--xy|' }, options: { size: 3 } };
    expect(drawn('unbatch', pipeline, input).fault).toBe(
      'Marbles cannot express this result: "result" emits at 3 ms, and the group of values before takes longer.',
    );
  });

  it('keep what the reader has changed in a link, and nothing else', async () => {
    const pipeline = await load('dedupe');
    const input = { lines: { source: '-a&b=|' }, options: { ttl: 9, maxSize: 10 } };
    const query = queryOf(input, pipeline);
    expect(query).toBe('source=-a%26b%3D%7C&ttl=9');
    expect(readQuery(query, pipeline)).toEqual(input);
    expect(readQuery('ttl=-1&maxSize=99999&other=1', pipeline)).toEqual({ lines: pipeline.lines, options: { ttl: 4, maxSize: 1_000 } });
    expect(readQuery('overflow=sideways', await load('priorityMerge')).options['overflow']).toBe('drop-oldest');
  });
});
