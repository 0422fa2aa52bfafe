import { runClusterStory } from './clusterStory.js';

// Prints the first seed whose story violates an invariant, and nothing if there is none.
for (let seed = 1; seed <= Number(process.argv[2]); seed++) {
  const [violation] = (await runClusterStory(seed)).violations;
  if (violation === undefined) continue;
  process.stdout.write(`${seed}: ${violation}`);
  break;
}
process.exit(0);
