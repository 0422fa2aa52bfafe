import { dirname, join, normalize } from 'node:path';

/** The Markdown pages of the package. All other pages are only in the repository. */
export const PACKED_PAGES: readonly string[] = ['README.md', 'docs/errors.md', 'docs/guide/command-line.md'];

const NOTE = '> Paths in parentheses, such as `docs/README.md`, are files of the repository of rxwire. They are not included here.';
/** Code, which is kept, or a link or picture: its mark, text and target. */
const LINK = /^( *)(```+)[^\n]*\n[\s\S]*?^\1\2 *$|`[^`\n]+`(?!\])|(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/gm;

/**
 * Returns the text of a page as it is in the package: a link to a file that is not packed becomes its text and the path of the file, and a picture becomes its
 * description. A note below the title explains the paths.
 */
export function packedPage(page: string, text: string, packed: readonly string[] = PACKED_PAGES): string {
  const rewritten = text.replace(LINK, (all, _indent, _fence, mark?: string, label?: string, target?: string) => {
    if (label === undefined || target === undefined || /^(?:[a-z]+:|#)/.test(target)) return all;
    const [path = '', anchor] = target.split('#');
    const file = normalize(join(dirname(page), path));
    if (packed.includes(file)) return all;
    if (mark) return `*Picture: ${label}*`;
    return `${label} (\`${anchor === undefined ? file : `${file}#${anchor}`}\`)`;
  });
  return rewritten === text ? text : rewritten.replace(/^# .*\n/, `$&\n${NOTE}\n`);
}
