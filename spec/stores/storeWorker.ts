import { inboxStory, outboxStory, queueStory, type Tally } from './storeStories.js';

/** Prints the first seed that fails, and how; nothing if none does. */
const tally: Tally = { lost: 0, failed: 0, late: 0, crashes: 0, fenced: 0, stored: 0 };
for (let seed = 1; seed <= Number(process.argv[2]); seed++) {
  try {
    for (const story of [outboxStory, inboxStory, queueStory]) story(seed, tally);
  } catch (error) {
    process.stdout.write(`${seed}: ${(error as Error).message}`);
    break;
  }
}
