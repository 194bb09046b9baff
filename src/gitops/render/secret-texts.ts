/**
 * What must not be repeated of the files that a program was given: it quotes what it stumbles over,
 * and that may be a password that somebody wrote without quotes. The files are not parsed, as they
 * are what is broken.
 */
import type { LoadedFiles } from "./visible-files.ts";
import { decodeText } from "./yaml/decode-text.ts";

/** A file with one of these holds secrets anywhere. */
const SECRET_FILE = /\bkind["']?\s*:\s*["']?Secret\b|\bsecretGenerator\b|\bstringData\b/;
/** In other files, such as values of charts, only what stands under such a name. */
const SECRET_KEY =
  /(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key|credentials?)$/i;
/** What names an object or a file says no secret, and messages need it. */
const PUBLIC_KEY =
  /^(?:apiVersion|kind|name|namespace|type|metadata|resources|path|target|group|version|op|from)$/;
const FILE_NAME = /\.(?:ya?ml|json|env|txt|tpl|tgz|properties)$/;
/** `key: value` of YAML and JSON, `key=value` of environment files and literals. */
const FIELD = /^[\s{,"'-]*([\w.$/-]+)["']?\s*[:=]\s*(.*)$/;
const MANIFEST = /\.(?:ya?ml|json)$/;
/** Shorter values are words that stand everywhere. */
export const MIN_SECRET_CHARACTERS = 4;
/** Hundreds of Secrets. */
const MAX_TEXTS = 50_000;

/** Undefined: there are more than can be looked for, so that nothing may be quoted. */
export function secretTexts({ files }: Pick<LoadedFiles, "files">): readonly string[] | undefined {
  const found = new Set<string>();
  const texts = files.flatMap((file) => {
    if (!("content" in file)) return [];
    const decoded = decodeText(Buffer.from(file.content));
    return "text" in decoded ? [{ path: file.path, text: decoded.text }] : [];
  });
  const isGenerating = texts.some(({ text }) => /\bsecretGenerator\b/.test(text));
  for (const { path, text } of texts) {
    const isSecret = SECRET_FILE.test(text) || (isGenerating && !MANIFEST.test(path));
    for (const line of text.split("\n")) {
      const [, key, rest] = FIELD.exec(line) ?? [];
      if (isSecret ? key !== undefined && PUBLIC_KEY.test(key) : !SECRET_KEY.test(key ?? ""))
        continue;
      addWords(rest ?? line, found);
      if (found.size > MAX_TEXTS) return undefined;
    }
  }
  return [...found];
}

/** A value, and its parts: in broken text nobody knows where it ends. */
function addWords(value: string, found: Set<string>): void {
  // A template says where a secret comes from, not what it is.
  if (value.includes("{{")) return;
  const bare = value.trim().replace(/^[*!&|>@<"'[{\s-]+|["'\]}>,!\s]+$/g, "");
  for (const word of [bare, ...bare.split(/[\s"',=[\]{}]+/)])
    if (word.length >= MIN_SECRET_CHARACTERS && !FILE_NAME.test(word)) found.add(word);
}
