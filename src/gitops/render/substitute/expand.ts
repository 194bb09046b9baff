/**
 * `${name}` and what may stand around it, as Flux substitutes variables (the grammar of a shell's
 * parameter expansion, without its commands). Pure, and bounded: whatever the text says, it ends.
 */
import { globPrefixes } from "./glob-prefixes.ts";

/** A text that cannot be expanded: why, without any value. */
export class ExpandError extends Error {
  override readonly name = "ExpandError";
  readonly suggestion: string;
  constructor(message: string, suggestion: string) {
    super(message);
    this.suggestion = suggestion;
  }
}

/** Expansions inside defaults of expansions. */
const MAX_DEPTH = 16;
/** Of one expanded text; a Kubernetes object may have 1.5 MiB in all. */
const MAX_EXPANDED_CHARACTERS = 1024 * 1024;
/** Of a text that a pattern is matched with: time grows with both. */
const MAX_MATCHED_CHARACTERS = 64 * 1024;

const NAME = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const NAME_ADVICE = "Names are letters, digits and _; write $${ for a ${ that is to stay";

/** @throws ExpandError */
export function expand(text: string, values: ReadonlyMap<string, string>): string {
  if (!text.includes("${")) return text;
  const expansion = new Expansion(text, values);
  const expanded = expansion.text(0, false);
  return expanded;
}

class Expansion {
  readonly #text: string;
  readonly #values: ReadonlyMap<string, string>;
  #at = 0;

  constructor(text: string, values: ReadonlyMap<string, string>) {
    this.#text = text;
    this.#values = values;
  }

  /** Up to the end, or to the `}` that closes what this is inside of. */
  text(depth: number, isInside: boolean, stop = "}"): string {
    const parts: string[] = [];
    let length = 0;
    const add = (part: string): void => {
      length += part.length;
      if (length > MAX_EXPANDED_CHARACTERS)
        throw new ExpandError(
          `a value grows beyond ${MAX_EXPANDED_CHARACTERS} characters`,
          "Look for a variable that repeats others",
        );
      parts.push(part);
    };
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] ?? "";
      if (this.#text.startsWith("$${", this.#at)) {
        add("${");
        this.#at += 3;
      } else if (this.#text.startsWith("${", this.#at)) {
        this.#at += 2;
        add(this.#parameter(depth + 1));
      } else if (isInside && (char === "}" || stop.includes(char))) break;
      else if (isInside && char === "\\" && /[\\/]/.test(this.#text[this.#at + 1] ?? "")) {
        add(this.#text[this.#at + 1] ?? "");
        this.#at += 2;
      } else {
        add(char);
        this.#at++;
      }
    }
    return parts.join("");
  }

  /** Behind `${`. */
  #parameter(depth: number): string {
    if (depth > MAX_DEPTH)
      throw new ExpandError(
        `expansions nest deeper than ${MAX_DEPTH}`,
        "Put the default into a variable of its own",
      );
    if (this.#text[this.#at] === "#") {
      this.#at++;
      const length = String([...this.#required(this.#name())].length);
      this.#close();
      return length;
    }
    const name = this.#name();
    const result = this.#operation(name, depth);
    this.#close();
    return result;
  }

  #operation(name: string, depth: number): string {
    const word = (): string => this.text(depth, true);
    if (this.#takes("}", false)) return this.#required(name);
    for (const operator of [":=", ":-", ":?", ":+", "=", "-", "?", "+"]) {
      if (!this.#takes(operator, true)) continue;
      const value = this.#values.get(name);
      // With a colon an empty value counts as none; so does `=`, in the Flux that people know.
      const isMissing = value === undefined || (/^(?::|=)/.test(operator) && value === "");
      const given = word();
      if (operator.endsWith("+")) return isMissing ? "" : given;
      if (!isMissing) return value;
      if (operator.endsWith("?"))
        throw new ExpandError(
          `the variable ${name} is not set${given === "" ? "" : `: ${given}`}`,
          "Set it in postBuild.substitute or in an object that substituteFrom names",
        );
      return given;
    }
    const value = this.#required(name);
    if (this.#takes("^^", true)) return value.toUpperCase();
    if (this.#takes(",,", true)) return value.toLowerCase();
    if (this.#takes("^", true)) return firstChanged(value, (first) => first.toUpperCase());
    if (this.#takes(",", true)) return firstChanged(value, (first) => first.toLowerCase());
    if (this.#takes("##", true)) return trimmed(value, word(), { longest: true, suffix: false });
    if (this.#takes("#", true)) return trimmed(value, word(), { longest: false, suffix: false });
    if (this.#takes("%%", true)) return trimmed(value, word(), { longest: true, suffix: true });
    if (this.#takes("%", true)) return trimmed(value, word(), { longest: false, suffix: true });
    if (this.#takes("/", true)) return this.#replaced(value, depth);
    if (this.#takes(":", true)) return this.#slice(value, depth);
    throw this.#bad();
  }

  #replaced(value: string, depth: number): string {
    const mode = ["/", "#", "%"].find((one) => this.#takes(one, true)) ?? "";
    const pattern = this.text(depth, true, "/");
    const replacement = this.#takes("/", true) ? this.text(depth, true) : "";
    if (pattern === "") return value;
    if (mode === "/") return value.split(pattern).join(replacement);
    if (mode === "#")
      return value.startsWith(pattern) ? replacement + value.slice(pattern.length) : value;
    if (mode === "%")
      return value.endsWith(pattern)
        ? value.slice(0, value.length - pattern.length) + replacement
        : value;
    const at = value.indexOf(pattern);
    return at < 0 ? value : value.slice(0, at) + replacement + value.slice(at + pattern.length);
  }

  /** `${name:start}` and `${name:start:length}`; a negative start counts from the end. */
  #slice(value: string, depth: number): string {
    const characters = [...value];
    const startText = this.text(depth, true, ":").trim();
    const lengthText = this.#takes(":", true) ? this.text(depth, true).trim() : undefined;
    const start = integer(startText);
    const length = lengthText === undefined ? characters.length : integer(lengthText);
    if (start === undefined || length === undefined) return value;
    const from = start < 0 ? Math.max(0, characters.length + start) : start;
    const to = length < 0 ? characters.length + length : from + length;
    return characters.slice(from, Math.max(from, to)).join("");
  }

  #name(): string {
    NAME.lastIndex = this.#at;
    const name = NAME.exec(this.#text)?.[0];
    if (name === undefined) throw this.#bad();
    this.#at += name.length;
    return name;
  }

  #required(name: string): string {
    const value = this.#values.get(name);
    if (value !== undefined) return value;
    throw new ExpandError(
      `the variable ${name} is not set`,
      `Set it in postBuild.substitute, give a default (\${${name}:-…}), or write $\${${name}} if it is to stay`,
    );
  }

  #takes(text: string, consume: boolean): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    if (consume) this.#at += text.length;
    return true;
  }

  #close(): void {
    if (!this.#takes("}", true)) throw this.#bad();
  }

  #bad(): ExpandError {
    return new ExpandError("a ${…} is not written as Flux reads it", NAME_ADVICE);
  }
}

function integer(text: string): number | undefined {
  return /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function firstChanged(value: string, change: (first: string) => string): string {
  const [first = ""] = value;
  return change(first) + value.slice(first.length);
}

/** Without the shortest or longest beginning (or end) that the pattern matches; an empty match is none. */
function trimmed(
  value: string,
  pattern: string,
  { longest, suffix }: { longest: boolean; suffix: boolean },
): string {
  const characters = [...value];
  if (characters.length > MAX_MATCHED_CHARACTERS || pattern.length > 1024)
    throw new ExpandError("a value is too long to be matched with a pattern", "Shorten it");
  const lengths = globPrefixes(suffix ? characters.reverse() : characters, pattern, suffix).filter(
    (length) => length > 0,
  );
  const length = longest ? lengths.at(-1) : lengths[0];
  if (length === undefined) return value;
  const rest = characters.slice(length);
  return (suffix ? rest.reverse() : rest).join("");
}
