/** The licences that the packages which users install with rxwire may have. */
const LICENCES: readonly string[] = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** What package-lock.json says of a package. */
interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly peer?: boolean;
}

export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** Returns why the top heading of CHANGELOG.md does not announce this version. Its form is `## [0.1.0] - 2026-01-31`. */
export function changelogFaults(changelog: string, version: string): readonly string[] {
  const [heading = 'none'] = /^## .*$/m.exec(changelog) ?? [];
  const [, announced, date = ''] = /^## \[(.+?)\](?: - (\d{4}-\d{2}-\d{2}))?$/.exec(heading) ?? [];
  const isDate = !Number.isNaN(Date.parse(date));
  return announced === version && isDate ? [] : [`the top heading of CHANGELOG.md must be "## [${version}] - <date>", got "${heading}"`];
}

/** The fields with which a reader of the registry's page finds the site and the issues. */
const ADDRESSES = ['homepage', 'repository', 'bugs'];
/** The top-level domain of placeholders: it is reserved, and leads nowhere. */
const PLACEHOLDER = /\.example\b/;

/** Returns why a manifest cannot be published. */
export function manifestFaults(manifest: Readonly<Record<string, unknown>>): readonly string[] {
  const missing = ['name', 'version', 'description', 'license', 'exports', ...ADDRESSES].filter((field) => manifest[field] === undefined);
  const placeholders = ADDRESSES.filter((field) => PLACEHOLDER.test(JSON.stringify([manifest[field]])));
  return [
    ...missing.map((field) => `package.json has no "${field}"`),
    ...placeholders.map((field) => `"${field}" of package.json is a placeholder: write the address of the project, also in README.md`),
    ...(manifest['private'] === undefined ? [] : ['package.json is private: npm refuses to publish it']),
  ];
}

export interface Licences {
  /** Each package with its licence: `nanoid 3.3.20: MIT`. */
  readonly list: readonly string[];
  readonly faults: readonly string[];
}

/**
 * Returns the licences of the packages that npm installs with rxwire, and of those that the command contains.
 *
 * @param bundled The names of the packages that the command contains.
 */
export function licencesOf({ packages }: Lock, bundled: readonly string[]): Licences {
  const installed = Object.entries(packages).flatMap(([path, { version = '', license = 'none', dev, peer }]) => {
    const name = path.replace(/^.*node_modules\//, '');
    const isInstalled = path !== '' && !dev && !peer;
    return isInstalled || (path === `node_modules/${name}` && bundled.includes(name)) ? [{ name: `${name} ${version}`, license }] : [];
  });
  const isAllowed = (license: string): boolean =>
    license
      .replace(/[()]/g, '')
      .split(' OR ')
      .some((one) => LICENCES.includes(one));
  return {
    list: installed.map(({ name, license }) => `${name}: ${license}`),
    faults: installed.filter(({ license }) => !isAllowed(license)).map(({ name, license }) => `${name} has the licence ${license}`),
  };
}

/** The outcome of a check. */
export interface Outcome {
  readonly name: string;
  /** Why the check has failed; empty if it has not. Undefined if it did not run. */
  readonly faults: readonly string[] | undefined;
  /** How long the check took, in ms. */
  readonly time: number;
}

/** Returns the line of a check: `✓`, `✗` or `-`, its name and its time. */
export function outcomeLine({ name, faults, time }: Outcome): string {
  const mark = faults === undefined ? '-' : faults.length === 0 ? '✓' : '✗';
  return `${mark} ${name.padEnd(44)} ${faults === undefined ? 'left out' : `${(time / 1_000).toFixed(1)} s`.padStart(8)}`;
}

/** Returns the table of all checks, with the faults below the checks that have failed. */
export function outcomeTable(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.flatMap((outcome) => [
    outcomeLine(outcome),
    ...(outcome.faults ?? []).map((fault) => `    ${fault.replaceAll('\n', '\n    ')}`),
  ]);
}
