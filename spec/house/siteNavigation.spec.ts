import { pagesOfDocs, sidebarOfDocs, type SidebarItem } from '../../scripts/site/navigation.js';
import { linkTo, sitePage } from '../../scripts/site/sitePaths.js';

const linksOf = (items: readonly SidebarItem[]): readonly string[] =>
  items.flatMap(({ link, items: inner = [] }) => [...(link === undefined ? [] : [link]), ...linksOf(inner)]);

describe('the sidebar of the documentation site', () => {
  const sidebar = sidebarOfDocs();
  const links = linksOf(sidebar);

  it.each(pagesOfDocs())('has %s, once', (file) => {
    expect(links.filter((link) => link === linkTo(sitePage(file).page))).toHaveLength(1);
  });

  it('has a part for users and one for contributors, and the operators in the order of their page', () => {
    expect(sidebar.slice(0, 2).map(({ text }) => text)).toEqual(['Use it', 'How it is made']);
    const groups = sidebar[0]?.items ?? [];
    expect(groups.map(({ text }) => text)).toEqual(expect.arrayContaining(['Start', 'Wires', 'Recipes', 'Operators', 'Reference']));
    const operators = groups.find(({ text }) => text === 'Operators')?.items ?? [];
    expect(operators[0]).toEqual({ text: 'Operators', link: '/operators/' });
    expect(operators.length).toBeGreaterThan(10);
  });

  it('has no page for contributors among those for users', () => {
    const forContributors = ['protocol', 'protocol-envelope', 'architecture', 'faults', 'tested', 'benchmarks'].map((page) => `/${page}`);
    expect(linksOf(sidebar[0]?.items ?? []).filter((link) => forContributors.includes(link))).toEqual([]);
    expect(linksOf(sidebar[1]?.items ?? [])).toEqual(expect.arrayContaining(forContributors));
  });
});

describe('the path of a page of the site', () => {
  it.each([
    ['README.md', '/'],
    ['docs/README.md', '/pages'],
    ['docs/errors.md', '/errors'],
    ['docs/operators/README.md', '/operators/'],
    ['docs/operators/ackWithin.md', '/operators/ackWithin'],
    ['docs/examples/angular/README.md', '/examples/angular/'],
    ['CHANGELOG.md', '/project/changelog'],
    ['spec/conformance/README.md', '/project/spec/conformance/'],
    ['docs/examples/deploy/wires@.service', '/source/docs/examples/deploy/wires@-service'],
    ['LICENSE', '/source/LICENSE'],
  ])('%s: %s', (file, link) => {
    expect(linkTo(sitePage(file).page)).toBe(link);
  });
});
