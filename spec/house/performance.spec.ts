import { readFileSync } from 'node:fs';
import { drawnFiles, pictureAt, picturesOf, readPages } from '../bench/peers/draw.js';
import { fillPages, sectionsOf, tablesOf } from '../bench/peers/page.js';
import { judge } from '../bench/peers/judge.js';
import { tableOf, type Results } from '../bench/peers/results.js';

const pages = readPages();
const results = JSON.parse(readFileSync('spec/bench/peers/results.json', 'utf8')) as Results;

describe('docs/performance.md and docs/benchmarks.md', () => {
  it('show the figures of results.json: npm run bench -- peers --draw', () => {
    expect(fillPages(pages, sectionsOf(results))).toEqual(pages);
  });

  it('have the charts of results.json, and no others', () => {
    const pictures = picturesOf(results);
    expect([...drawnFiles()].sort()).toEqual(Object.keys(pictures).sort());
    for (const [file, picture] of Object.entries(pictures)) expect(readFileSync(pictureAt(file), 'utf8')).toBe(picture);
  });

  it('show each chart once', () => {
    const text = Object.values(pages).join('\n');
    for (const file of drawnFiles()) expect(text.split(`](images/${file})`)).toHaveLength(2);
  });

  it('show a full run', () => {
    expect(results.isQuick).toBe(false);
    expect(tablesOf(results).length).toBeGreaterThan(10);
  });

  it('would be other pages, with another figure', () => {
    const changed = JSON.parse(JSON.stringify(results).replace(/"median":[\d.]+/, '"median":12345678')) as Results;
    expect(fillPages(pages, sectionsOf(changed))).not.toEqual(pages);
    expect(picturesOf(changed)).not.toEqual(picturesOf(results));
  });

  it('need a marker for each table, and a table for each marker', () => {
    const sections = sectionsOf(results);
    expect(() => fillPages(pages, { ...sections, more: '' })).toThrow('the pages have no marker for more');
    const others = Object.fromEntries(Object.entries(sections).filter(([name]) => name !== 'goals'));
    expect(() => fillPages(pages, others)).toThrow('the results have nothing for the markers goals');
  });
});

describe('README.md', () => {
  const readme = readFileSync('README.md', 'utf8');
  const rowOf = (table: string, side: string) =>
    tablesOf(results)
      .find(({ key }) => key === table)
      ?.rows.find((row) => row.side === side);
  const rateOf = (side: string): string =>
    Number(rowOf('throughput-100', side)?.figures['rate100']?.median.toPrecision(3)).toLocaleString('en');

  it.each(['ws + msgpackr', 'ws + msgpackr, batches of 64', 'rxwire, at-least-once'])('names the rate of %s', (side) => {
    expect(readme).toContain(rateOf(side));
  });

  it('says how long a single message waits for its ack, and that nothing is lost', () => {
    const ratio = rowOf('alone-ack', 'rxwire, at-least-once')?.ratios['p50']?.median ?? 0;
    expect(readme).toContain(`${ratio.toFixed(1)} times as long`);
    const { figures } = rowOf('reconnect', 'rxwire, at-least-once')!;
    expect([figures['lost']?.max, figures['doubled']?.max, figures['disordered']?.max]).toEqual([0, 0, 0]);
  });
});

describe('the figures of the side-by-side benchmark', () => {
  it('counts what is lost, doubled and out of order, and finds the next delivery', () => {
    const journal = [
      [0, 10],
      [1, 20],
      [3, 40],
      [2, 50],
      [3, 60],
    ] as const;
    expect(judge(journal, 6, 35, 1_000)).toEqual({ next: 5, lost: 2, doubled: 1, disordered: 1 });
  });

  it('takes the observed time where nothing arrives any more', () => {
    expect(judge([[0, 10]], 2, 35, 1_000)).toEqual({ next: 1_000, lost: 1, doubled: 0, disordered: 0 });
  });

  it('divides round by round, and takes the median of the ratios', () => {
    const outcomes = {
      base: { rounds: [{ rate: 10 }, { rate: 20 }, { rate: 40 }] },
      ours: { rounds: [{ rate: 20 }, { rate: 20 }, { rate: 20 }] },
      broken: { rounds: [], reason: 'not installed' },
    };
    const columns = [{ key: 'rate', title: 'rate', unit: 'per second', isCost: false }] as const;
    const { rows } = tableOf({ key: 't', title: 't', baseline: 'base', columns, outcomes });
    expect(rows).toEqual([
      { side: 'base', figures: { rate: { median: 20, min: 10, max: 40 } }, ratios: {} },
      { side: 'ours', figures: { rate: { median: 20, min: 20, max: 20 } }, ratios: { rate: { median: 1, min: 0.5, max: 2 } } },
      { side: 'broken', figures: {}, ratios: {}, reason: 'not installed' },
    ]);
  });
});
