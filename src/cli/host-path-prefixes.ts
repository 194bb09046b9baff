/** The directories of `--host-path-prefix`. */
import { isAbsolute } from "node:path";

/** Throws an Error that says what is wrong with the text. */
export function parseHostPathPrefixes(text: string): readonly string[] {
  if (text === "none") return [];
  const prefixes = text.split(",").map((part) => part.trim());
  const wrong = prefixes.find((prefix) => !isAbsolute(prefix));
  if (wrong !== undefined)
    throw new Error(
      `${JSON.stringify(wrong)} is no absolute path: write directories with commas between, e.g. /srv,/mnt/data, or none`,
    );
  return prefixes;
}
