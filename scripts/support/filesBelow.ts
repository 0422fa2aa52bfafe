import { readdirSync } from 'node:fs';

/** Returns the files below a folder whose names have this ending, in order, each with the folder before its path. The files of packages are left out. */
export function filesBelow(folder: string, ending: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith(ending) && !file.includes('node_modules'))
    .sort();
}
