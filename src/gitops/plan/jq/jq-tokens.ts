/** Splits a jq expression into words. */
import { JqSyntaxError } from "./jq-error.ts";

export interface JqToken {
  readonly type: "field" | "name" | "string" | "number" | "symbol" | "end";
  /** The content: of strings and quoted fields unquoted. */
  readonly text: string;
  /** Where it starts, in characters from 0. */
  readonly at: number;
}

const SPACE = /[ \t\r\n]+|#[^\n]*/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const FIELD = /\.([A-Za-z_]\w*)/y;
const QUOTED_FIELD = /\.(?=")/y;
const NAME = /[A-Za-z_]\w*/y;
const NUMBER = /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const SYMBOL = /\.\.|\/\/|==|!=|<=|>=|[.[\](){}|,?<>:;$@+*/%=-]/y;

/** @throws {JqSyntaxError} */
export function jqTokens(text: string): JqToken[] {
  const tokens: JqToken[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const start = at;
    const space = match(SPACE);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    const found = match(FIELD);
    if (found !== null) {
      at += found[0].length;
      tokens.push({ type: "field", text: found[1] ?? "", at: start });
      continue;
    }
    const isQuoted = match(QUOTED_FIELD) !== null;
    if (isQuoted) at++;
    const quoted = match(STRING);
    if (quoted !== null) {
      at += quoted[0].length;
      tokens.push({
        type: isQuoted ? "field" : "string",
        text: unquoted(quoted[0], start),
        at: start,
      });
      continue;
    }
    const word = match(NUMBER) ?? match(NAME) ?? match(SYMBOL);
    if (word === null)
      throw new JqSyntaxError(
        `${JSON.stringify(text.charAt(at))} at character ${at + 1} is not understood`,
      );
    const [first = ""] = word;
    at += first.length;
    const type = /^[.\d]*\d/.test(first) ? "number" : /^[A-Za-z_]/.test(first) ? "name" : "symbol";
    tokens.push({ type, text: first, at: start });
  }
  tokens.push({ type: "end", text: "", at });
  return tokens;
}

function unquoted(text: string, at: number): string {
  if (/(^|[^\\])(\\\\)*\\\(/.test(text))
    throw new JqSyntaxError(`a string with \\( ) in it, at character ${at + 1}, is not supported`);
  try {
    return JSON.parse(text) as string;
  } catch (error) {
    throw new JqSyntaxError(`the string at character ${at + 1} cannot be read`, { cause: error });
  }
}
