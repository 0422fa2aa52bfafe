/** @jest-config-loader esbuild-register */
import { readdirSync, readFileSync } from 'node:fs';
import type { Config } from 'jest';

/** The specs that take long, most of them more than 8 s on two cores. */
const LONG = [
  'spec/operators/channels/liveState.random',
  'spec/adapters/ai/brokenChats',
  'spec/chaos/chaos',
  'spec/adapters/cli/requestCommand',
  'spec/adapters/cli/runCommandLine',
  'spec/adapters/cli/sendCommand',
  'spec/adapters/cli/tailCommand',
  'spec/adapters/ai/deadNodes',
  'spec/codec/gzipMember',
  'spec/codec/gzipped',
  'spec/conformance/server',
  'spec/docs/examples',
  'spec/examples/consoleCli',
  'spec/examples/consoleDocument',
  'spec/examples/gettingStarted',
  'spec/examples/node',
  'spec/fuzz/app/attackApp',
  'spec/fuzz/fuzz',
  'spec/fuzz/server/server',
  'spec/integration/delivery',
  'spec/stores/nats/clusterStores.random',
  'spec/stores/postgres/postgresInbox',
  'spec/stores/postgres/postgresStore',
  'spec/promises/droppedRepliesAreForgotten',
  'spec/promises/encodedAfterNext',
  'spec/promises/exitTellsLosses',
  'spec/promises/fastSourcesWait',
  'spec/promises/refusedFrameBricksNobody',
  'spec/promises/unseenLossIsReported',
  'spec/server/hostileInput',
  'spec/server/limits/floodGuard',
  'spec/stores/storedThings.random',
  'spec/simulation/channels/channels',
  'spec/message/warnings.sessions',
  'spec/simulation/simulate',
  'spec/simulation/tabs/tabs',
  'spec/simulation/wave',
  'spec/adapters/testing/simulate',
].map((name) => `${name}.spec.ts`);
/** The specs that drive a program of Debian. */
const withPrograms = readdirSync('spec', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.spec.ts'))
  .map((name) => `spec/${name}`)
  .filter((file) => /\bdescribe(?:With|InBrowsers)\(/.test(readFileSync(file, 'utf8')));
const inFull = [...new Set([...LONG, ...withPrograms])].map((file) => `<rootDir>/${file}`);

const project: Config = {
  testEnvironment: 'node',
  setupFilesAfterEnv: ['<rootDir>/spec/support/seed.ts'],
  roots: ['<rootDir>/spec', '<rootDir>/marbles'],
  testMatch: ['<rootDir>/spec/**/*.spec.ts', '<rootDir>/marbles/*.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  // tsconfig.json has isolatedModules: ts-jest transpiles each file alone, and `npm run types` checks the types.
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, diagnostics: false }] },
  moduleNameMapper: {
    '^rxwire$': '<rootDir>/lib/index.ts',
    '^rxwire/server$': '<rootDir>/lib/server/index.ts',
    '^rxwire/fetch$': '<rootDir>/lib/server/fetch/index.ts',
    '^rxwire/durable-objects$': '<rootDir>/lib/stores/durableobject/index.ts',
    '^rxwire/protobuf$': '<rootDir>/lib/codec/protobuf/index.ts',
    '^rxwire/(indexeddb|nats|postgres)$': '<rootDir>/lib/stores/$1/index.ts',
    '^rxwire/(testing|node|metrics|opentelemetry|prometheus|angular|react|vue|ai)$': '<rootDir>/lib/adapters/$1/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};

/** `npm test` runs the project `fast`, and `npm run test:full` the rest. */
const config: Config = {
  projects: [
    { ...project, displayName: 'fast', testPathIgnorePatterns: inFull.map((file) => file.replaceAll('.', '\\.')) },
    { ...project, displayName: 'full', testMatch: inFull },
  ],
  // What hangs, hangs; a machine that is busy with other things may take its time.
  testTimeout: 20_000,
  // Jest leaves one core to itself unless told otherwise.
  maxWorkers: '100%',
  // Each suite leaves 10 to 20 MB and an AsyncLocalStorage of jest, which slows each Promise of the suites behind it: a new process is faster.
  workerIdleMemoryLimit: '400MB',
};

export default config;
