/** The text around findings, for people to look at. */
import { readFile } from "node:fs/promises";
import { printableLine } from "../../kube/printable-text.ts";
import { decodeText } from "../render/yaml/decode-text.ts";

/** A line that is longer than a terminal is cut around the place. */
const MAX_LINE_CHARS = 160;
/** Lines of larger files help nobody. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

export class SourceLines {
  readonly #files = new Map<string, Uint8Array>();
  /** The last file that was asked for: findings come file by file. */
  #last:
    | { readonly name: string; readonly lines: readonly string[]; readonly secret: boolean }
    | undefined;

  add(name: string, bytes: Uint8Array): void {
    this.#files.set(name, bytes);
  }

  /** Keeps these files only, reading from disk what is not known; what is gone has no lines. */
  async load(names: ReadonlySet<string>): Promise<void> {
    for (const name of this.#files.keys()) if (!names.has(name)) this.#files.delete(name);
    for (const name of names) {
      if (this.#files.has(name)) continue;
      const bytes = await readFile(name).catch(() => undefined);
      if (bytes !== undefined && bytes.length <= MAX_FILE_BYTES) this.#files.set(name, bytes);
    }
  }

  /**
   * A line, 1-based; undefined when the file is not text or has no such line. In a file with a
   * Secret only keys are shown: nobody can tell from a broken file which values are secret.
   */
  lineAt(file: string, line: number, hidesValue = false): string | undefined {
    const { lines, secret } = this.#read(file);
    const text = lines[line - 1]?.replace(/\r$/, "");
    if (text === undefined) return undefined;
    return secret || hidesValue ? withoutValue(text) : printableLine(text.slice(0, MAX_LINE_CHARS));
  }

  #read(name: string): { readonly lines: readonly string[]; readonly secret: boolean } {
    if (this.#last?.name === name) return this.#last;
    const bytes = this.#files.get(name);
    const decoded = bytes === undefined ? undefined : decodeText(bytes);
    const text = decoded !== undefined && "text" in decoded ? decoded.text : "";
    const secret = /["']?kind["']?\s*:\s*["']?Secret\b/.test(text);
    this.#last = { name, lines: text === "" ? [] : text.split("\n"), secret };
    return this.#last;
  }
}

/** `key: value` as `key: …`; a line without a key shows nothing. */
function withoutValue(line: string): string {
  const key = /^\s*(?:- )?["']?[\w.$/-]+["']?:(?=\s|$)/.exec(line)?.[0];
  return key === undefined ? "…" : key === line.trimEnd() ? key : `${key} …`;
}
