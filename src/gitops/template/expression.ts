/** Reads what stands between `{{` and `}}`: a term and the functions it is piped through. */
import { TemplateError } from "./template-error.ts";

export type Term =
  | { readonly path: readonly string[] }
  | { readonly text: string }
  | { readonly number: number };

export interface Expression {
  /** As written, for messages. */
  readonly source: string;
  readonly first: Term;
  readonly pipeline: readonly { readonly name: string; readonly args: readonly Term[] }[];
}

const TOKEN =
  /\s*(?:(?<text>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?<number>-?\d+(?:\.\d+)?)(?![\w.])|(?<bar>\|)|(?<path>\.?[A-Za-z_][\w-]*(?:\.[\w-]+|\[(?:\d+|"[^"\]]*")\])*|\.))/y;
const STEP = /\[(\d+)\]|\["([^"\]]*)"\]|\.?([\w-]+)/g;
const UNSUPPORTED = /^(if|else|end|range|with|define|template|block|include|break|continue)\b/;

type Token = Term | "|";

/** @throws TemplateError */
export function parseExpression(source: string): Expression {
  const trimmed = source.trim();
  const [statement] = UNSUPPORTED.exec(trimmed) ?? [];
  if (statement !== undefined)
    throw new TemplateError(
      `{{${source}}}: ${statement} is not supported, only values and functions`,
    );
  const [head = [], ...rest] = stages(tokens(source), source);
  // `lower .name` is the same as `.name | lower`; `index .map "key"` is a path of its own.
  const [first, ...more] = head;
  if (first === undefined) throw new TemplateError(`{{${source}}} is empty`);
  const pipeline = rest.map((stage) => call(stage, source));
  if (more.length === 0) return { source, first, pipeline };
  const { name, args } = call(head, source);
  if (name === "index") return { source, first: indexed(args, source), pipeline };
  const last = args.at(-1);
  if (last === undefined) throw new TemplateError(`{{${source}}}: ${name} is given nothing`);
  return { source, first: last, pipeline: [{ name, args: args.slice(0, -1) }, ...pipeline] };
}

function tokens(source: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  while (source.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    if (match === null)
      throw new TemplateError(`{{${source}}}: ${source.slice(at).trim()} is not understood`);
    at = TOKEN.lastIndex;
    const { text, number, bar, path } = match.groups ?? {};
    if (bar !== undefined) found.push("|");
    else if (text !== undefined) found.push({ text: unquote(text) });
    else if (number !== undefined) found.push({ number: Number(number) });
    else found.push({ path: steps(path ?? "") });
  }
  return found;
}

const unquote = (text: string): string =>
  text.startsWith("`") ? text.slice(1, -1) : text.slice(1, -1).replace(/\\(.)/g, "$1");

const steps = (path: string): string[] =>
  [...path.matchAll(STEP)].map(([, index, quoted, name]) => index ?? quoted ?? name ?? "");

function stages(all: readonly Token[], source: string): Term[][] {
  const found: Term[][] = [[]];
  for (const token of all) {
    if (token === "|") found.push([]);
    else found.at(-1)?.push(token);
  }
  if (found.length > 1 && found.some((stage) => stage.length === 0))
    throw new TemplateError(`{{${source}}}: a | leads nowhere`);
  return found;
}

function call(stage: readonly Term[], source: string): Expression["pipeline"][number] {
  const [head, ...args] = stage;
  if (head === undefined || !("path" in head) || head.path.length !== 1)
    throw new TemplateError(`{{${source}}}: a function is expected after |`);
  return { name: head.path[0] ?? "", args };
}

function indexed(args: readonly Term[], source: string): Term {
  const [of, ...keys] = args;
  if (of === undefined || !("path" in of))
    throw new TemplateError(`{{${source}}}: index needs a parameter and a key`);
  const path = keys.map((key) => {
    if ("text" in key) return key.text;
    if ("number" in key) return String(key.number);
    throw new TemplateError(`{{${source}}}: index takes texts and numbers as keys`);
  });
  return { path: [...of.path, ...path] };
}
