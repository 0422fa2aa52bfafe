import { concatMap, retry, take, tap, timer } from 'rxjs';
import { collectMarbles, marble, renderMarbles } from '../../../lib/adapters/testing/index.js';

/** The picture of what is stated in `state`. */
async function draw(state: () => void, name = 'operator'): Promise<string> {
  const diagrams = await collectMarbles(() => {
    state();
    return Promise.resolve();
  });
  return renderMarbles(name, diagrams);
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The marbles: of each, its box, its colour and its text. */
function discs(svg: string): (Box & { readonly text: string; readonly colour: string })[] {
  const pattern = /<rect class="disc" fill="(.*?)" x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)".*?<text.*?>(.*?)</g;
  return [...svg.matchAll(pattern)].map(([, colour = '', x, y, width, height, text = '']) => {
    const [left, top] = [Number(x), Number(y)];
    return { left, right: left + Number(width), top, bottom: top + Number(height), text, colour };
  });
}

function texts(svg: string, name: string): string[] {
  return [...svg.matchAll(new RegExp(`<text class="${name}"[^>]*>(.*?)</text>`, 'g'))].map(([, text = '']) => text);
}

function count(svg: string, name: string): number {
  return svg.split(`class="${name}"`).length - 1;
}

function overlap(one: Box, other: Box): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

/** Whether every tag is closed, and nothing else looks like one. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  const rest = svg.replaceAll(/<(\/?)([a-z]+)((?: [a-zA-Z:]+="[^"<>]*")*)(\/?)>/g, (_, closes, name: string, __, empty) => {
    if (closes) return open.pop() === name ? '' : '<';
    if (!empty) open.push(name);
    return '';
  });
  return open.length === 0 && !/[<>]|&(?!#\d+;)/.test(rest);
}

const same = { source: '-a-b--a|', expected: '-a-b--a|' };

describe('renderMarbles', () => {
  it('draws the source, the operator, and the output', async () => {
    const spec = { source: '-a|', expected: '-a|', time: { wait: '-|' }, inputs: { acks: 'a' }, outputs: { sent: '-a' } };
    const svg = await draw(() => {
      marble('of all kinds', spec, (source, { sent }) => source.pipe(tap(sent)));
    }, 'ackWithin');
    expect(svg).toMatch(/^<svg [^>]*role="img" viewBox="0 0 800 \d+(\.\d)?"[^>]*><title>ackWithin: of all kinds<\/title>/);
    expect(texts(svg, 'title')).toEqual(['of all kinds']);
    expect(texts(svg, 'lane')).toEqual(['source', 'acks', 'sent', 'result']);
    expect(texts(svg, 'operator mid')).toEqual(['ackWithin(wait: 1 ms)']);
    expect(svg.indexOf('>acks<')).toBeLessThan(svg.indexOf('>ackWithin('));
    expect(svg.indexOf('>ackWithin(')).toBeLessThan(svg.indexOf('>sent<'));
  });

  it('takes the label that a spec gives', async () => {
    const svg = await draw(() => {
      marble('a', { ...same, operator: 'map(x => x)' }, (source) => source);
    });
    expect(texts(svg, 'operator mid')).toEqual(['map(x =&#62; x)']);
  });

  it('puts marbles at their time, in the colour of their value', async () => {
    const svg = await draw(() => {
      marble('a', same, (source) => source);
    });
    const [a, b, c, ...result] = discs(svg);
    expect(b!.left - a!.left).toBeCloseTo(((c!.left - a!.left) / 5) * 2, 0);
    expect([a!.colour, b!.colour]).toEqual([c!.colour, result[1]!.colour]);
    expect(a!.colour).not.toBe(b!.colour);
    expect(result.map(({ left }) => left)).toEqual([a!.left, b!.left, c!.left]);
  });

  it('gives ten letters ten colours, and a letter its own where it is free', async () => {
    const svg = await draw(() => {
      marble('a', { source: 'akubcdefgh|', expected: 'akubcdefgh|' }, (source) => source);
      marble('b', { source: 'bk|', expected: 'bk|' }, (source) => source);
    });
    const colours = discs(svg).map(({ colour }) => colour);
    expect(new Set(colours.slice(0, 10)).size).toBe(10);
    expect(colours[21]).toBe(colours[0]); // k, where no a has taken it
  });

  it('draws ends: a bar, a cross, an arrow', async () => {
    const svg = await draw(() => {
      marble('a', { source: '-a|', expected: '-a|' }, (source) => source);
      marble('b', { source: '-a#', expected: '-a#' }, (source) => source);
      marble('c', { source: '-a-', expected: '-a-' }, (source) => source);
    });
    expect([count(svg, 'end'), count(svg, 'error'), svg.split('l6 5l-6 5').length - 1]).toEqual([2, 2, 2]);
  });

  it('draws a cold source from its subscription, not from its definition', async () => {
    const again = await draw(() => {
      marble('a', { source: '-a#', expected: '-a---a---a---', unsub: '------------!' }, (source) => source.pipe(retry({ delay: 2 })));
    });
    expect(discs(again)).toHaveLength(6);
    expect([count(again, 'subscribe'), count(again, 'unsubscribe'), count(again, 'rest')]).toEqual([3, 1, 1]);

    const never = await draw(() => {
      marble('a', { source: '-a|', expected: '--(x|)', values: { x: 0 } }, () => timer(2));
    });
    expect(discs(never).map(({ text }) => text)).toEqual(['0']);
  });

  it('draws values of a hot source without a subscriber as missed', async () => {
    const svg = await draw(() => {
      const spec = { source: '^a-b-c|', expected: '---(b|)', subs: '--^!' };
      marble('a', spec, (source) => timer(2).pipe(concatMap(() => source.pipe(take(1)))));
    });
    expect(count(svg, 'missed')).toBe(2);
  });

  it('draws an array, and an object with items, as a pill of marbles', async () => {
    const values = { x: ['a', 'b'], y: { key: 'k', items: ['a'] } };
    const svg = await draw(() => {
      marble('a', { source: '-x-y|', expected: '-x-y|', values }, (source) => source);
    });
    expect(count(svg, 'pill')).toBe(4);
    expect(texts(svg, 'key')).toEqual(['k', 'k']);
    expect(discs(svg).map(({ text }) => text)).toEqual(['a', 'b', 'a', 'a', 'b', 'a']);
  });

  it('lists the values of letters for objects, and only the type of a message', async () => {
    const values = { a: { n: 1 }, m: { id: Math.random().toString(), type: 'system.ping' }, x: { long: 'x'.repeat(100) } };
    const svg = await draw(() => {
      marble('a', { source: '-a-m-x|', expected: '-a-m-x|', values }, (source) => source);
    });
    expect(svg).toContain('>{ n: 1 }<');
    expect(svg).toContain('>system.ping<');
    expect(svg).not.toContain(values.m.id);
    expect(svg).not.toContain('xxx');
  });

  it('lets no marble cover another, or leave the picture', async () => {
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    const values = { x: 'a word that is too long', y: Array.from({ length: 50 }, (_, index) => `element ${index}`) };
    const svg = await draw(() => {
      marble('dense', { source: `(abcdef)${letters}|`, expected: `(abcdef)${letters}|` }, (source) => source);
      marble('wide', { source: '(xxx)x-xxx|', expected: '(xxx)x-xxx|', values }, (source) => source);
      marble('long', { source: 'a 5m b 20ms c 1s (de|)', expected: 'a 5m b 20ms c 1s (de|)' }, (source) => source);
      marble('pills', { source: 'yy(yy)|', expected: 'yy(yy)|', values }, (source) => source);
    });
    const all = discs(svg);
    expect(all.length).toBeGreaterThan(100);
    const covered = all.flatMap((one, index) => all.slice(index + 1).filter((other) => overlap(one, other)));
    expect(covered).toEqual([]);
    expect(Math.min(...all.map(({ left }) => left))).toBeGreaterThan(0);
    expect(Math.max(...all.map(({ right }) => right))).toBeLessThan(800);
  });

  it('wraps a title, and shortens it without room', async () => {
    const svg = await draw(() => {
      const spec = { ...same, outputs: { anOutputWithAVeryLongName: '' }, operator: `f(${'option, '.repeat(30)})` };
      marble('word '.repeat(40) + 'x'.repeat(200), spec, (source) => source);
    });
    expect(texts(svg, 'title').length).toBeGreaterThan(3);
    expect(Math.max(...texts(svg, 'title').map(({ length }) => length))).toBeLessThan(85);
    expect(texts(svg, 'operator mid').length).toBeGreaterThan(3);
    expect(texts(svg, 'lane')).toContain('anOutputWithAVe…');
  });

  it('is safe with hostile text', async () => {
    const hostile = `</title><script>alert("1")</script> & ' \u0000\u001b\ud800 ]]>`;
    const svg = await draw(() => {
      const spec = { source: '-a|', expected: '-a|', values: { a: hostile }, operator: hostile, outputs: { [hostile]: '' } };
      marble(hostile, spec, (source) => source);
    }, hostile);
    expect(isWellFormed(svg)).toBe(true);
    expect(svg).not.toContain('<script');
    expect(svg.split('').filter((unit) => (unit < ' ' && unit !== '\n') || /[\ud800-\udfff]/.test(unit))).toEqual([]);
  });

  it('gives the same bytes each time, with nothing from elsewhere', async () => {
    const state = () => {
      marble('a', { ...same, time: { wait: '-|' } }, (source) => source);
    };
    const [one, two] = [await draw(state), await draw(state)];
    expect(one).toBe(two);
    expect(one).not.toMatch(/url\(|href|@import|@font-face/);
    expect(one).toContain('prefers-color-scheme:dark');
    expect(one.length).toBeLessThan(6_000);
    expect(isWellFormed(one)).toBe(true);
  });
});
