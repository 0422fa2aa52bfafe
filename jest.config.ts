/** @jest-config-loader esbuild-register */
import type { Config } from 'jest';

const config: Config = {
  testEnvironment: 'node',
  setupFilesAfterEnv: ['<rootDir>/spec/support/seed.ts'],
  roots: ['<rootDir>/spec', '<rootDir>/marbles'],
  testMatch: ['<rootDir>/spec/**/*.spec.ts', '<rootDir>/marbles/*.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true }] },
  moduleNameMapper: {
    '^rxwire$': '<rootDir>/lib/index.ts',
    '^rxwire/(server|testing|indexeddb|node|protobuf|metrics|opentelemetry|prometheus|angular|nats|postgres|react|vue|ai)$':
      '<rootDir>/lib/$1/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  // What hangs, hangs; a machine that is busy with other things may take its time.
  testTimeout: 20_000,
  // Jest leaves one core to itself unless told otherwise.
  maxWorkers: '100%',
  collectCoverageFrom: ['lib/**/*.ts'],
  coverageReporters: ['text-summary'],
  coverageThreshold: { global: { lines: 90, branches: 85 } },
};

export default config;
