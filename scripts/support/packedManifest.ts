/** What the scripts read of package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly browser: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly [field: string]: unknown;
}

/** What only the repository needs. */
const OF_REPOSITORY: readonly string[] = ['scripts', 'devDependencies', 'files'];

/** Returns the manifest of the package, whose root is dist/, from that of the repository. */
export function packedManifest(manifest: Manifest): Manifest {
  const entries = Object.entries(manifest).filter(([field]) => !OF_REPOSITORY.includes(field));
  return JSON.parse(JSON.stringify(Object.fromEntries(entries)).replaceAll('"./dist/', '"./')) as Manifest;
}
