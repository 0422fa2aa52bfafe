import { readFileSync } from 'node:fs';
import { changelogFaults, licencesOf, manifestFaults, outcomeTable, type Outcome } from '../../scripts/support/release.js';

describe('the top heading of the changelog', () => {
  const changelog = (heading: string): string => `# Changelog\n\nThe format.\n\n${heading}\n\n### Added\n\n## [0.1.0] - 2026-01-31\n`;

  it('announces the version of the manifest, with a date', () => {
    expect(changelogFaults(changelog('## [0.2.0] - 2026-02-01'), '0.2.0')).toEqual([]);
  });

  it.each([
    '## [Unreleased]',
    '## [0.1.0] - 2026-01-31',
    '## [0.2.0]',
    '## [0.2.0] - unreleased',
    '## 0.2.0 - 2026-02-01',
    '## [0.2.0] - 2026-13-01',
    '## [0.2.0-rc.1] - 2026-02-01',
  ])('is not %s', (heading) => {
    expect(changelogFaults(changelog(heading), '0.2.0')).toEqual([
      `the top heading of CHANGELOG.md must be "## [0.2.0] - <date>", got "${heading}"`,
    ]);
  });

  it('is missing in an empty file', () => {
    expect(changelogFaults('', '0.2.0')).toHaveLength(1);
  });
});

it('a manifest that is private or lacks a field cannot be published', () => {
  const addresses = {
    homepage: 'https://rxwire.test',
    repository: { type: 'git', url: 'git+https://rxwire.test/a.git' },
    bugs: 'https://rxwire.test/b',
  };
  const manifest = { name: 'rxwire', version: '0.1.0', description: 'messages', license: 'MIT', exports: {}, ...addresses };
  expect(manifestFaults(manifest)).toEqual([]);
  expect(manifestFaults({ ...manifest, private: true, license: undefined })).toEqual([
    'package.json has no "license"',
    'package.json is private: npm refuses to publish it',
  ]);
});

it('a manifest cannot be published with placeholders in place of addresses', () => {
  const { homepage, repository, bugs } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>;
  const manifest = { name: 'rxwire', version: '0.1.0', description: 'messages', license: 'MIT', exports: {}, homepage, repository, bugs };
  const faultOf = (field: string): string =>
    `"${field}" of package.json is a placeholder: write the address of the project, also in README.md`;
  expect(manifestFaults(manifest)).toEqual(
    JSON.stringify(manifest).includes('.example') ? ['homepage', 'repository', 'bugs'].map(faultOf) : [],
  );
  expect(manifestFaults({ ...manifest, homepage: 'https://a.example/b' })).toContain(faultOf('homepage'));
});

describe('the licences', () => {
  const packages = {
    '': { version: '0.1.0', license: 'MIT' },
    'node_modules/nanoid': { version: '3.3.20', license: 'MIT' },
    'node_modules/nanoid/node_modules/inner': { version: '1.0.0', license: '(MIT OR GPL-3.0)' },
    'node_modules/jest': { version: '30.0.0', license: 'GPL-3.0', dev: true },
    'node_modules/pg': { version: '8.0.0', license: 'MIT', peer: true },
    'node_modules/ws': { version: '8.23.0', license: 'MIT', dev: true },
  };

  it('are those of the installed packages and of those that the command contains', () => {
    expect(licencesOf({ packages }, ['ws'])).toEqual({
      list: ['nanoid 3.3.20: MIT', 'inner 1.0.0: (MIT OR GPL-3.0)', 'ws 8.23.0: MIT'],
      faults: [],
    });
  });

  it('must be known ones', () => {
    const others = { 'node_modules/a': { version: '1.0.0', license: 'AGPL-3.0' }, 'node_modules/b': { version: '2.0.0' } };
    expect(licencesOf({ packages: others }, []).faults).toEqual(['a 1.0.0 has the licence AGPL-3.0', 'b 2.0.0 has the licence none']);
  });
});

it('the table has a mark, a name and a time for each check, and the faults', () => {
  const outcomes: readonly Outcome[] = [
    { name: 'types', faults: [], time: 1_240 },
    { name: 'lint', faults: ['two\nlines'], time: 61_000 },
    { name: 'tests', faults: undefined, time: 0 },
  ];
  expect(outcomeTable(outcomes)).toEqual([
    `✓ ${'types'.padEnd(44)}    1.2 s`,
    `✗ ${'lint'.padEnd(44)}   61.0 s`,
    '    two\n    lines',
    `- ${'tests'.padEnd(44)} left out`,
  ]);
});
