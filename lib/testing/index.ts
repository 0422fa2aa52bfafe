export { collectMarbles, marble, runMarble, type MarbleDiagram } from './marble.js';
export type {
  MarbleContext,
  MarbleEvent,
  MarbleLine,
  MarblePipeline,
  MarbleRecording,
  MarbleSpec,
  MarbleStrings,
  MarbleValue,
  MarbleValues,
  MarbleWindow,
} from './marbleSpec.js';
