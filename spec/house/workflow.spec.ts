import { readFileSync } from 'node:fs';
import { rxjsVersions } from '../../scripts/support/rxjsVersions.js';

const workflow = readFileSync('.github/workflows/ci.yml', 'utf8');
const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly engines: { readonly node: string } };

/** The values of a list of the matrix: `name: ['a', 'b']`. */
function matrixOf(name: string): readonly string[] {
  const [, list = ''] = new RegExp(`^ +${name}: \\[(.+)\\]$`, 'm').exec(workflow) ?? [];
  return list.split(', ').map((value) => value.replace(/^'(.*)'$/, '$1'));
}

describe('the workflow of hosted CI', () => {
  it('tests the versions of Node that the runtimes check has, from the lowest that the package accepts', () => {
    const runtimes = [...readFileSync('scripts/runtimes.ts', 'utf8').matchAll(/^ {2}node\((\d+)\),$/gm)].map(([, version]) => version);
    expect(matrixOf('node')).toEqual(runtimes);
    expect(matrixOf('node')[0]).toBe(/^>=(\d+)\.\d+$/.exec(engines.node)?.[1]);
  });

  it('tests the lowest and the latest RxJS of the peer range', async () => {
    expect(matrixOf('rxjs')).toEqual(await rxjsVersions());
  });

  it('runs .ci/run, and cancels superseded runs', () => {
    expect(workflow).toMatch(/^ +- run: bash \.ci\/run$/m);
    expect(workflow).toMatch(/^ {2}cancel-in-progress: true$/m);
  });

  it('pins the major versions of its actions, and uses no secrets', () => {
    const actions = [...workflow.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
    expect(actions.length).toBeGreaterThan(0);
    expect(actions.filter((action) => !/^actions\/(?:checkout|setup-node)@v\d+$/.test(action ?? ''))).toEqual([]);
    expect(workflow).not.toContain('secrets');
  });
});
