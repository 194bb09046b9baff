/**
 * A reader for the YAML that nearly all manifests are written in: block maps and lists, plain and
 * quoted scalars, block scalars, small flow collections. It is some ten times faster than the full
 * parser and gives up at the first thing that it does not know for certain (anchors, tags, tabs,
 * duplicate keys, anything wrong): then the full parser reads the text and says what is what. A
 * test holds both to the same result.
 */
import type { Json } from "../../../kube/object.ts";
import { resolvePlain } from "./plain-scalar.ts";
import { set } from "./tree-converter.ts";
import type { YamlDocument, YamlLimits } from "./yaml-document.ts";

/** Thrown where the full parser must decide; made once, because its stack is never looked at. */
class NotSimple extends Error {}
const NOT_SIMPLE = new NotSimple("not simple");

const NEWLINE = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const HASH = 0x23;
const DASH = 0x2d;
const COLON = 0x3a;
const QUESTION = 0x3f;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const PIPE = 0x7c;
const FOLD = 0x3e;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;

/** Control characters other than tab and newline, and marks that YAML reads as more than text. */
const ODD_CHARACTERS = /[^\P{Cc}\t\n]|[\u2028\u2029\ufeff]/u;
const KEY = /(?:([A-Za-z0-9_./][A-Za-z0-9_./@+-]*)|"([^"\\\n\t]*)"|'([^'\n\t]*)'):(?=[ \n]|$)/y;
const DOUBLE_QUOTED = /"(?:[^"\\\n\t]|\\.)*"/y;
const SINGLE_QUOTED = /'(?:[^'\n\t]|'')*'/y;
const FLOW_WORD = /[A-Za-z0-9_./+-][A-Za-z0-9_./+*=-]*/y;
/** Characters that begin something other than a plain scalar. */
const INDICATORS: ReadonlySet<number> = new Set(
  [...",[]{}#&*!|>'\"%@`"].map((c) => c.charCodeAt(0)),
);

/** The documents of a text, or undefined when it takes the full parser to read it. */
export function parseSimpleYaml(text: string, limits: YamlLimits): YamlDocument[] | undefined {
  if (ODD_CHARACTERS.test(text)) return undefined;
  try {
    return new SimpleReader(text, limits).documents();
  } catch (error) {
    if (error === NOT_SIMPLE) return undefined;
    throw error;
  }
}

class SimpleReader {
  readonly #text: string;
  readonly #limits: YamlLimits;
  /** Where reading goes on: after `#nextLine`, at the first character of a line's content. */
  #at = 0;
  /** Column of that content. */
  #indent = 0;
  /** Whether there is such a line in this document. */
  #hasLine = false;
  /** What `#nextLine` went past. */
  #blankLines = 0;
  #sawComment = false;
  #depth = 0;

  constructor(text: string, limits: YamlLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  documents(): YamlDocument[] {
    const documents: YamlDocument[] = [];
    let marked = false;
    for (;;) {
      const begin = this.#at;
      this.#nextLine();
      const start = this.#at;
      const value = this.#hasLine ? this.#root() : null;
      const end = this.#at;
      if (marked || value !== null) documents.push({ value, start, range: [begin, end] });
      if (documents.length > this.#limits.maxDocuments) throw NOT_SIMPLE;
      if (this.#at >= this.#text.length) return documents;
      marked = true;
      this.#at += "---".length;
      this.#endOfLine();
    }
  }

  #root(): Json {
    const code = this.#code();
    if (code !== OPEN_BRACE && code !== OPEN_BRACKET) {
      const value = this.#block();
      if (this.#hasLine) throw NOT_SIMPLE;
      return value;
    }
    const value = this.#flow(true);
    this.#endOfLine();
    this.#nextLine();
    if (this.#hasLine) throw NOT_SIMPLE;
    return value;
  }

  /** The map or list that begins here. */
  #block(): Json {
    if (++this.#depth > this.#limits.maxDepth) throw NOT_SIMPLE;
    const value = this.#isDash() ? this.#list(this.#indent) : this.#map(this.#indent);
    this.#depth--;
    return value;
  }

  #map(column: number): Json {
    const map: Record<string, Json> = {};
    do {
      const key = this.#key();
      const value = this.#mapValue(column);
      if (Object.hasOwn(map, key)) throw NOT_SIMPLE;
      set(map, key, value);
    } while (this.#hasLine && this.#indent === column);
    this.#endCollection(column);
    return map;
  }

  #key(): string {
    KEY.lastIndex = this.#at;
    const match = KEY.exec(this.#text);
    if (match === null) throw NOT_SIMPLE;
    this.#at = KEY.lastIndex;
    const [, plain, double, single] = match;
    if (plain === undefined) return double ?? single ?? "";
    const resolved = resolvePlain(plain);
    if (!("value" in resolved) || typeof resolved.value !== "string") throw NOT_SIMPLE;
    return plain;
  }

  #mapValue(column: number): Json {
    if (!this.#restIsEmpty()) return this.#inline(column);
    this.#nextLine();
    if (this.#hasLine && this.#indent > column) return this.#block();
    // A list may stand in the same column as its key.
    if (this.#hasLine && this.#indent === column && this.#isDash()) return this.#block();
    return null;
  }

  #list(column: number): Json {
    const list: Json[] = [];
    do {
      list.push(this.#item(column));
    } while (this.#hasLine && this.#indent === column && this.#isDash());
    this.#endCollection(column, true);
    return list;
  }

  #item(column: number): Json {
    const dash = this.#at++;
    if (this.#restIsEmpty()) {
      this.#nextLine();
      return this.#hasLine && this.#indent > column ? this.#block() : null;
    }
    this.#indent = column + (this.#at - dash);
    KEY.lastIndex = this.#at;
    return this.#isDash() || KEY.test(this.#text) ? this.#block() : this.#inline(column);
  }

  /** A line further to the right belongs to nothing; the key of a list may follow in its column. */
  #endCollection(column: number, isList = false): void {
    if (!this.#hasLine || this.#indent < column) return;
    if (!isList || this.#indent > column) throw NOT_SIMPLE;
  }

  /** A value that begins on the line of its key or dash; `column` is where that one stands. */
  #inline(column: number): Json {
    const code = this.#code();
    if (code === PIPE || code === FOLD) return this.#blockScalar(column, code === FOLD);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const value = this.#quoted(code);
      this.#endOfLine();
      this.#nextLineAtMost(column);
      return value;
    }
    if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      const value = this.#flow(false);
      this.#endOfLine();
      this.#nextLineAtMost(column);
      return value;
    }
    return this.#plain(column, code);
  }

  #nextLineAtMost(column: number): void {
    this.#nextLine();
    if (this.#hasLine && this.#indent > column) throw NOT_SIMPLE;
  }

  #plain(column: number, first: number): Json {
    if (INDICATORS.has(first)) throw NOT_SIMPLE;
    if (first === DASH || first === QUESTION || first === COLON) {
      const second = this.#text.charCodeAt(this.#at + 1);
      if (Number.isNaN(second) || second === SPACE || second === NEWLINE) throw NOT_SIMPLE;
    }
    const { line, commented } = this.#plainLine();
    this.#nextLine();
    if (!this.#hasLine || this.#indent <= column) {
      const resolved = resolvePlain(line);
      if (!("value" in resolved)) throw NOT_SIMPLE;
      return resolved.value;
    }
    if (commented) throw NOT_SIMPLE;
    return this.#continued(column, line);
  }

  /** A plain scalar over several lines: line ends are spaces, empty lines are line ends. */
  #continued(column: number, first: string): Json {
    let value = first;
    while (this.#hasLine && this.#indent > column) {
      if (this.#sawComment) throw NOT_SIMPLE;
      const separator = this.#blankLines === 0 ? " " : "\n".repeat(this.#blankLines);
      const { line, commented } = this.#plainLine();
      if (commented) throw NOT_SIMPLE;
      value += separator + line;
      this.#nextLine();
    }
    return value;
  }

  #plainLine(): { line: string; commented: boolean } {
    const end = this.#lineEnd();
    let line = this.#text.slice(this.#at, end);
    const comment = line.indexOf(" #");
    if (comment >= 0) line = line.slice(0, comment);
    // Other spaces than this one are text.
    line = line.replace(/ +$/, "");
    if (line.endsWith(":") || line.includes(": ") || line.includes("\t")) throw NOT_SIMPLE;
    this.#at = end;
    return { line, commented: comment >= 0 };
  }

  #quoted(quote: number): string {
    const pattern = quote === DOUBLE_QUOTE ? DOUBLE_QUOTED : SINGLE_QUOTED;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) throw NOT_SIMPLE;
    this.#at = pattern.lastIndex;
    const [raw] = match;
    if (quote === SINGLE_QUOTE) return raw.slice(1, -1).replaceAll("''", "'");
    if (!raw.includes("\\")) return raw.slice(1, -1);
    // YAML's escapes that JSON has as well mean the same.
    if (
      /\\[^"\\/bfnrtu]/.test(raw.replaceAll("\\\\", "")) ||
      /\\u(?:d[89a-f]|(?![0-9a-f]{4}))/i.test(raw)
    )
      throw NOT_SIMPLE;
    return JSON.parse(raw) as string;
  }

  #blockScalar(column: number, folded: boolean): Json {
    this.#at++;
    const chomp = this.#text[this.#at];
    if (chomp === "-" || chomp === "+") this.#at++;
    this.#endOfLine();
    const lines = this.#blockLines(column);
    let last = lines.length;
    while (last > 0 && lines[last - 1] === "") last--;
    const content = lines.slice(0, last);
    if (folded && content.some((line) => line.startsWith(" ") || line.startsWith("\t")))
      throw NOT_SIMPLE;
    const body = folded ? fold(content) : content.join("\n");
    const trailing = lines.length - last;
    this.#nextLineAtMost(column);
    if (chomp === "-") return body;
    if (chomp === "+") return last === 0 ? "\n".repeat(trailing) : body + "\n".repeat(trailing + 1);
    return last === 0 ? "" : `${body}\n`;
  }

  /** The lines of a block scalar without their indentation. */
  #blockLines(column: number): string[] {
    const lines: string[] = [];
    let indent = -1;
    let widestBlank = 0;
    while (this.#at < this.#text.length) {
      const lineStart = this.#at;
      const end = this.#lineEnd();
      const content = this.#skipSpaces(lineStart, end);
      const width = content - lineStart;
      if (content === end) {
        // Spaces at the very end, without a line end, are read in two ways.
        if (end === this.#text.length) throw NOT_SIMPLE;
        widestBlank = Math.max(widestBlank, indent < 0 ? width : 0);
        lines.push(indent >= 0 && width > indent ? this.#text.slice(lineStart + indent, end) : "");
      } else {
        if (indent < 0) {
          if (width <= column) break;
          indent = width;
          if (widestBlank > indent) throw NOT_SIMPLE;
        } else if (width < indent) {
          if (width > column) throw NOT_SIMPLE;
          break;
        }
        if (this.#text.charCodeAt(content) === TAB) throw NOT_SIMPLE;
        lines.push(this.#text.slice(lineStart + indent, end));
      }
      this.#at = Math.min(end + 1, this.#text.length);
    }
    // Lines of spaces only, wider than the content, are content: where they end it, let others judge.
    if (lines.at(-1)?.trim() === "" && lines.at(-1) !== "") throw NOT_SIMPLE;
    return lines;
  }

  #flow(isRoot: boolean): Json {
    if (++this.#depth > this.#limits.maxDepth) throw NOT_SIMPLE;
    const value = this.#code() === OPEN_BRACKET ? this.#flowList(isRoot) : this.#flowMap(isRoot);
    this.#depth--;
    return value;
  }

  #flowList(isRoot: boolean): Json {
    const list: Json[] = [];
    this.#at++;
    this.#skipFlowSpace(isRoot);
    while (this.#code() !== CLOSE_BRACKET) {
      list.push(this.#flowValue(isRoot));
      this.#flowSeparator(isRoot, CLOSE_BRACKET);
    }
    this.#at++;
    return list;
  }

  #flowMap(isRoot: boolean): Json {
    const map: Record<string, Json> = {};
    this.#at++;
    this.#skipFlowSpace(isRoot);
    while (this.#code() !== CLOSE_BRACE) {
      const code = this.#code();
      const isQuoted = code === DOUBLE_QUOTE || code === SINGLE_QUOTE;
      const key = isQuoted ? this.#quoted(code) : this.#flowWord();
      if (typeof key !== "string" || this.#code() !== COLON) throw NOT_SIMPLE;
      this.#at++;
      if (!isQuoted && this.#code() !== SPACE) throw NOT_SIMPLE;
      this.#skipFlowSpace(isRoot);
      const value = this.#flowValue(isRoot);
      if (Object.hasOwn(map, key)) throw NOT_SIMPLE;
      set(map, key, value);
      this.#flowSeparator(isRoot, CLOSE_BRACE);
    }
    this.#at++;
    return map;
  }

  #flowSeparator(isRoot: boolean, close: number): void {
    this.#skipFlowSpace(isRoot);
    const code = this.#code();
    if (code === close) return;
    if (code !== COMMA) throw NOT_SIMPLE;
    this.#at++;
    this.#skipFlowSpace(isRoot);
    if (this.#code() === close) throw NOT_SIMPLE;
  }

  #flowValue(isRoot: boolean): Json {
    const code = this.#code();
    if (code === OPEN_BRACKET || code === OPEN_BRACE) return this.#flow(isRoot);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) return this.#quoted(code);
    return this.#flowWord();
  }

  /** One plain word; several would need the full rules. */
  #flowWord(): Json {
    FLOW_WORD.lastIndex = this.#at;
    const word = FLOW_WORD.exec(this.#text)?.[0];
    if (word === undefined || word === "-") throw NOT_SIMPLE;
    this.#at += word.length;
    const resolved = resolvePlain(word);
    if (!("value" in resolved)) throw NOT_SIMPLE;
    return resolved.value;
  }

  /** Only at the root, where there is no indentation to keep to, may flow collections span lines. */
  #skipFlowSpace(acrossLines: boolean): void {
    for (;;) {
      const code = this.#code();
      if (code !== SPACE && !(acrossLines && code === NEWLINE)) return;
      this.#at++;
      if (code === NEWLINE && this.#isMarker(this.#at)) throw NOT_SIMPLE;
    }
  }

  /** Goes to the content of the next line that has any; a document marker ends the document. */
  #nextLine(): void {
    this.#blankLines = 0;
    this.#sawComment = false;
    let lineStart = this.#at;
    // Inside a line, that line is over; at the start of one, it is the next.
    if (lineStart > 0 && this.#text.charCodeAt(lineStart - 1) !== NEWLINE)
      lineStart = this.#lineEnd() + 1;
    for (;;) {
      if (lineStart >= this.#text.length) return this.#endDocument(this.#text.length);
      if (this.#isMarker(lineStart)) return this.#endDocument(lineStart);
      const content = this.#skipSpaces(lineStart, this.#text.length);
      const code = this.#text.charCodeAt(content);
      if (code === TAB) throw NOT_SIMPLE;
      if (code !== NEWLINE && code !== HASH && !Number.isNaN(code)) {
        this.#at = content;
        this.#indent = content - lineStart;
        this.#hasLine = true;
        return;
      }
      if (code === HASH) this.#sawComment = true;
      else if (code === NEWLINE) this.#blankLines++;
      const end = this.#text.indexOf("\n", content);
      lineStart = end < 0 ? this.#text.length : end + 1;
    }
  }

  #endDocument(at: number): void {
    this.#at = at;
    this.#hasLine = false;
  }

  /** `---` at the start of a line; `...`, directives and a document on the marker's line are not simple. */
  #isMarker(lineStart: number): boolean {
    const code = this.#text.charCodeAt(lineStart);
    if (code === 0x25 || (code === 0x2e && this.#text.startsWith("...", lineStart)))
      throw NOT_SIMPLE;
    if (code !== DASH || !this.#text.startsWith("---", lineStart)) return false;
    const after = this.#text.charCodeAt(lineStart + 3);
    return Number.isNaN(after) || after === NEWLINE || after === SPACE || after === TAB;
  }

  /** Only spaces and a comment may follow on this line. */
  #endOfLine(): void {
    if (!this.#restIsEmpty()) throw NOT_SIMPLE;
    this.#at = Math.min(this.#lineEnd() + 1, this.#text.length);
  }

  /** Skips spaces; whether the line ends there. A comment needs a space before it. */
  #restIsEmpty(): boolean {
    const before = this.#at;
    while (this.#code() === SPACE) this.#at++;
    const code = this.#code();
    if (code === TAB) throw NOT_SIMPLE;
    if (code === HASH) return this.#at > before;
    return Number.isNaN(code) || code === NEWLINE;
  }

  #isDash(): boolean {
    if (this.#code() !== DASH) return false;
    const after = this.#text.charCodeAt(this.#at + 1);
    if (after === TAB) throw NOT_SIMPLE;
    return Number.isNaN(after) || after === SPACE || after === NEWLINE;
  }

  /** NaN at the end. */
  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #lineEnd(): number {
    const end = this.#text.indexOf("\n", this.#at);
    return end < 0 ? this.#text.length : end;
  }

  #skipSpaces(from: number, end: number): number {
    let at = from;
    while (at < end && this.#text.charCodeAt(at) === SPACE) at++;
    return at;
  }
}

/** Line ends become spaces, except that n empty lines are n line ends. */
function fold(lines: readonly string[]): string {
  let value = "";
  let blanks = 0;
  lines.forEach((line, at) => {
    if (line === "") {
      blanks++;
      return;
    }
    // Leading empty lines stand for themselves.
    value +=
      value === "" && at === blanks
        ? "\n".repeat(blanks)
        : blanks === 0
          ? " "
          : "\n".repeat(blanks);
    value += line;
    blanks = 0;
  });
  return value;
}
