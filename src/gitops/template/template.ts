/**
 * Text with `{{ expressions }}`: the part of Go templates that Argo CD's ApplicationSets and
 * notifications are mostly written in. A path (`.path.basename`, `path.basename`, `.list[0]`,
 * `index .map "key"`), piped through functions. No loops, no code: the result is never much longer
 * than the template and its values.
 */
import type { Json } from "../../kube/object.ts";
import { FUNCTIONS } from "./functions.ts";
import { type Expression, parseExpression, type Term } from "./expression.ts";
import { TemplateError } from "./template-error.ts";

/** Templates are written by hand: longer ones are not. */
const MAX_TEMPLATE_LENGTH = 64 * 1024;
/** Every value together; a Kubernetes object may have about as much. */
const MAX_RESULT_LENGTH = 1024 * 1024;

/** Compiled once, rendered for many values. */
export type Template = (values: Json) => string;

/** @throws TemplateError where the text is no template; rendering throws it for what is missing */
export function compileTemplate(text: string): Template {
  if (text.length > MAX_TEMPLATE_LENGTH)
    throw new TemplateError(`a template is at most ${MAX_TEMPLATE_LENGTH} characters long`);
  const parts = split(text);
  return (values) => {
    let result = "";
    for (const part of parts) {
      result += typeof part === "string" ? part : toText(evaluate(part, values));
      if (result.length > MAX_RESULT_LENGTH)
        throw new TemplateError(`the result is longer than ${MAX_RESULT_LENGTH} characters`);
    }
    return result;
  };
}

/** Renders every string of a JSON value, keys of objects included. */
export function renderStrings(value: Json, values: Json): Json {
  if (typeof value === "string")
    return value.includes("{{") ? compileTemplate(value)(values) : value;
  if (Array.isArray(value)) return value.map((item: Json) => renderStrings(item, values));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as { readonly [key: string]: Json }).map(([key, item]) => [
      renderStrings(key, values) as string,
      renderStrings(item, values),
    ]),
  );
}

/** Literal text and expressions, in turn; `{{-` and `-}}` take the white space beside them away. */
function split(text: string): (string | Expression)[] {
  const parts: (string | Expression)[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const open = text.indexOf("{{", at);
    let literal = open < 0 ? text.slice(at) : text.slice(at, open);
    if (trimNext) literal = literal.trimStart();
    if (open < 0) {
      parts.push(literal);
      return parts;
    }
    const close = text.indexOf("}}", open + 2);
    if (close < 0) throw new TemplateError("{{ without }}");
    let inner = text.slice(open + 2, close);
    if (inner.startsWith("-")) {
      literal = literal.trimEnd();
      inner = inner.slice(1);
    }
    trimNext = inner.endsWith("-");
    if (trimNext) inner = inner.slice(0, -1);
    parts.push(literal);
    if (!isComment(inner)) parts.push(parseExpression(inner));
    at = close + 2;
  }
}

const isComment = (inner: string): boolean => /^\s*\/\*.*\*\/\s*$/s.test(inner);

function evaluate({ first, pipeline, source }: Expression, values: Json): Json {
  const known = valueOf(first, values);
  let value = known;
  for (const { name, args } of pipeline) {
    if (name === "default") {
      // What is empty counts as missing, as in Go templates.
      if (isEmpty(value)) value = valueOf(args[0] ?? { text: "" }, values);
      continue;
    }
    const apply = FUNCTIONS.get(name);
    if (apply === undefined)
      throw new TemplateError(
        `{{${source}}}: there is no function ${name}; there are default, ${[...FUNCTIONS.keys()].join(", ")}`,
      );
    value = apply(
      required(value, source),
      args.map((arg) => required(valueOf(arg, values), source)),
    );
  }
  return required(value, source);
}

function required(value: Json | undefined, source: string): Json {
  if (value === undefined) throw new TemplateError(`{{${source}}}: there is no such parameter`);
  return value;
}

const isEmpty = (value: Json | undefined): boolean =>
  value === undefined || value === null || value === "" || value === false || value === 0;

function valueOf(term: Term, values: Json): Json | undefined {
  if ("text" in term) return term.text;
  if ("number" in term) return term.number;
  let found: Json | undefined = values;
  for (const step of term.path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, step))
      return undefined;
    found = (found as { readonly [key: string]: Json })[step];
  }
  return found;
}

function toText(value: Json): string {
  if (typeof value === "string") return value;
  // `{{path}}` in Argo CD's older templates is the path itself.
  if (typeof value === "object" && value !== null && "path" in value) {
    const { path } = value;
    if (typeof path === "string") return path;
  }
  return JSON.stringify(value);
}
