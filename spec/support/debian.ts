import { existsSync, readdirSync } from 'node:fs';

/** Real programs that tests drive, each a Debian package; an environment variable may lead elsewhere. */
const programs = {
  chromium: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  'firefox-esr': process.env['FIREFOX'] ?? '/usr/bin/firefox-esr',
  nginx: process.env['NGINX'] ?? '/usr/sbin/nginx',
  haproxy: process.env['HAPROXY'] ?? '/usr/sbin/haproxy',
  caddy: process.env['CADDY'] ?? '/usr/bin/caddy',
  'nats-server': process.env['NATS_SERVER'] ?? '/usr/sbin/nats-server',
  'webkit2gtk-driver': process.env['WEBKIT_DRIVER'] ?? '/usr/bin/WebKitWebDriver',
  postgresql: process.env['POSTGRESQL'] ?? newestPostgres(),
} as const;

/**
 * A `describe` that needs a program: gives its path. Where it is missing, says what to install and skips the suite; in CI the suite fails.
 */
export function describeWith(program: keyof typeof programs, title: string, body: (path: string) => void): void {
  const path = programs[program];
  if (existsSync(path)) {
    describe(title, () => body(path));
  } else if (process.env['CI'] === 'true') {
    it(title, () => {
      throw new Error(`needs ${path}: apt-get install ${program}`);
    });
  } else {
    skip(title, `no ${path}. Install it (apt-get install ${program}), or name it in ${program.toUpperCase().replace('-', '_')}.`, () =>
      body(path),
    );
  }
}

/** Returns where a program is, or would be. */
export function pathOf(program: keyof typeof programs): string {
  return programs[program];
}

/** Debian's package has the version in its path, and does not put the server on the PATH. */
function newestPostgres(): string {
  const folder = '/usr/lib/postgresql';
  const versions = existsSync(folder) ? readdirSync(folder).map(Number).filter(Number.isInteger) : [];
  return `${folder}/${Math.max(15, ...versions)}/bin/postgres`;
}

/** A `describe` for what only Linux tells of a process. */
export function describeOnLinux(title: string, body: () => void): void {
  if (process.platform === 'linux') describe(title, body);
  else skip(title, 'this system does not tell what a process uses', body);
}

function skip(title: string, reason: string, body: () => void): void {
  process.stderr.write(`skipped "${title}": ${reason}\n`);
  // eslint-disable-next-line no-restricted-syntax -- the one place where a test may be skipped, and it says so
  describe.skip(title, body);
}
