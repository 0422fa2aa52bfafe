/// <reference types="vite/client" />
import type { Pipeline } from './playground.js';

const modules = import.meta.glob<Pipeline>('./pipelines/*.ts');
const texts = import.meta.glob<string>('./pipelines/*.ts', { query: '?raw', import: 'default' });

/** Loads a file of `pipelines/`, and its text. */
export async function loadPipeline(name: string): Promise<{ readonly pipeline: Pipeline; readonly text: string }> {
  const file = `./pipelines/${name}.ts`;
  const [pipeline, text] = await Promise.all([modules[file]?.(), texts[file]?.()]);
  if (!pipeline || text === undefined) throw new Error(`there is no pipeline of the name ${name}`);
  return { pipeline, text };
}
