/**
 * Label selectors: the text form of URLs and `kubectl -l`, and the object form of specs.
 * Grammar and wording follow k8s.io/apimachinery/pkg/labels.
 */
import type { LabelSelector as UpstreamLabelSelector } from "kubernetes-types/meta/v1";
import { labelValue, qualifiedName } from "./names.ts";

type LabelOperator =
  | "="
  | "!="
  | "in"
  | "notin"
  | "exists"
  | "!"
  /** Compare integers, as node affinity does. */
  | "gt"
  | "lt";

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** All requirements must hold: none at all selects everything. `"nothing"` selects no object. */
export type Selector = readonly LabelRequirement[] | "nothing";
export type Labels = Readonly<Record<string, string>>;

/** A selector that cannot be read; the API answers 400 to it in a URL, 422 in an object. */
export class SelectorError extends Error {
  override readonly name = "SelectorError";
}

const EVERYTHING: Selector = [];
const NO_LABELS: Labels = {};

/** Longest selector text accepted: what fits in a URL, and room for a generated one. */
const MAX_SELECTOR_LENGTH = 64 * 1024;

/**
 * Parses `app=web,tier in (a, b),!canary`. The empty text selects everything.
 * @throws {SelectorError}
 */
export function parseLabelSelector(text: string): Selector {
  if (text.length > MAX_SELECTOR_LENGTH) throw unparsable("selector is too long");
  const tokens = tokenize(text);
  const requirements: LabelRequirement[] = [];
  let at = 0;
  if (tokens.length === 0) return EVERYTHING;
  for (;;) {
    const [requirement, next] = parseRequirement(tokens, at);
    requirements.push(requirement);
    if (next === tokens.length) return requirements;
    if (tokens[next] !== ",")
      throw unparsable(`found '${tokens[next]}', expected: ',' or 'end of string'`);
    at = next + 1;
    if (at === tokens.length) throw unparsable("found '', expected: identifier after ','");
  }
}

const TOKEN = /\s*(==|!=|[=,()!<>]|[^\s=,()!<>]+)/y;
const SYMBOL = /^[=,()!<>]/;

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  const trimmed = text.trim();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const token = TOKEN.exec(trimmed)?.[1];
    if (token === undefined) break;
    tokens.push(token);
  }
  return tokens;
}

const COMPARISONS: Readonly<Record<string, LabelOperator>> = {
  "=": "=",
  "==": "=",
  "!=": "!=",
  ">": "gt",
  "<": "lt",
};

function parseRequirement(tokens: readonly string[], at: number): [LabelRequirement, number] {
  if (tokens[at] === "!") {
    return [checked({ key: identifier(tokens, at + 1), operator: "!", values: [] }), at + 2];
  }
  const key = identifier(tokens, at);
  const operator = tokens[at + 1];
  if (operator === undefined || operator === ",") {
    return [checked({ key, operator: "exists", values: [] }), at + 1];
  }
  if (operator === "in" || operator === "notin") {
    const [values, next] = parseValueSet(tokens, at + 2);
    return [checked({ key, operator, values }), next];
  }
  const comparison = Object.hasOwn(COMPARISONS, operator) ? COMPARISONS[operator] : undefined;
  if (comparison === undefined) {
    throw unparsable(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
  }
  const value = tokens[at + 2];
  if (value === undefined || value === ",") {
    return [checked({ key, operator: comparison, values: [""] }), at + 2];
  }
  if (SYMBOL.test(value)) throw unparsable(`found '${value}', expected: identifier`);
  return [checked({ key, operator: comparison, values: [value] }), at + 3];
}

function identifier(tokens: readonly string[], at: number): string {
  const token = tokens[at];
  if (token === undefined || SYMBOL.test(token)) {
    throw unparsable(`found '${token ?? ""}', expected: !, identifier, or 'end of string'`);
  }
  return token;
}

/** `(a, b)`; a missing value, as in `(a,)`, stands for the empty text. */
function parseValueSet(tokens: readonly string[], open: number): [string[], number] {
  if (tokens[open] !== "(") throw unparsable(`found '${tokens[open] ?? ""}', expected: '('`);
  const values = new Set<string>();
  let pending = "";
  for (let at = open + 1; at < tokens.length; at++) {
    const token = tokens[at] ?? "";
    if (token === "," || token === ")") {
      values.add(pending);
      pending = "";
      if (token === ")") return [[...values].sort(), at + 1];
    } else if (SYMBOL.test(token) || pending !== "") {
      throw unparsable(`found '${token}', expected: ',', or ')'`);
    } else {
      pending = token;
    }
  }
  throw unparsable("found '', expected: ',', or ')'");
}

const unparsable = (detail: string): SelectorError =>
  new SelectorError(`unable to parse requirement: ${detail}`);

const INTEGER = /^[+-]?\d{1,19}$/;

function checked(requirement: LabelRequirement): LabelRequirement {
  const { key, operator, values } = requirement;
  const [keyProblem] = qualifiedName(key);
  if (keyProblem !== undefined) {
    throw new SelectorError(`invalid label key ${JSON.stringify(key)}: ${keyProblem}`);
  }
  for (const value of values) {
    const [problem] = labelValue(value);
    if (problem !== undefined) {
      throw new SelectorError(
        `invalid label value ${JSON.stringify(value)} of key ${JSON.stringify(key)}: ${problem}`,
      );
    }
    if ((operator === "gt" || operator === "lt") && !INTEGER.test(value)) {
      throw new SelectorError(`for 'Gt', 'Lt' operators, the value must be an integer`);
    }
  }
  return requirement;
}

const OBJECT_OPERATORS: Readonly<Record<string, LabelOperator>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
  Gt: "gt",
  Lt: "lt",
};

/**
 * The selector of a spec: absent selects nothing, `{}` selects everything.
 * @throws {SelectorError}
 */
export function selectorOf(selector: UpstreamLabelSelector | null | undefined): Selector {
  if (selector === undefined || selector === null) return "nothing";
  const requirements = [...selectorFromLabels(selector.matchLabels ?? {})];
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    requirements.push(requirementOf(key, operator, values));
  }
  return requirements;
}

/** One entry of `matchExpressions`, of a label selector or a node selector. @throws {SelectorError} */
export function requirementOf(
  key: string,
  operator: string,
  values: readonly string[] = [],
): LabelRequirement {
  const known = Object.hasOwn(OBJECT_OPERATORS, operator) ? OBJECT_OPERATORS[operator] : undefined;
  if (known === undefined) {
    throw new SelectorError(`${JSON.stringify(operator)} is not a valid label selector operator`);
  }
  if ((known === "in" || known === "notin") && values.length === 0) {
    throw new SelectorError("for 'in', 'notin' operators, values set can't be empty");
  }
  if ((known === "exists" || known === "!") && values.length > 0) {
    throw new SelectorError("values set must be empty for exists and does not exist");
  }
  if ((known === "gt" || known === "lt") && values.length !== 1) {
    throw new SelectorError("for 'Gt', 'Lt' operators, exactly one value is required");
  }
  return checked({ key, operator: known, values: [...values].sort() });
}

/** Every label must be present with its value, as `spec.selector` of a Service. */
export function selectorFromLabels(labels: Labels): readonly LabelRequirement[] {
  return Object.entries(labels).map(([key, value]) => ({ key, operator: "=", values: [value] }));
}

/** Whether the labels of an object satisfy a selector. */
export function matchesLabels(selector: Selector, labels: Labels | null | undefined): boolean {
  if (selector === "nothing") return false;
  const present = labels ?? NO_LABELS;
  return selector.every((requirement) => matchesRequirement(requirement, present));
}

function matchesRequirement({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "=":
      return value === values[0];
    case "!=":
      return value !== values[0];
    case "in":
      return value !== undefined && values.includes(value);
    case "notin":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "gt":
    case "lt": {
      if (value === undefined || !INTEGER.test(value)) return false;
      const bound = BigInt(values[0] ?? "0");
      return operator === "gt" ? BigInt(value) > bound : BigInt(value) < bound;
    }
  }
}

/** The text form, requirements in order of their keys: `app=web,tier in (a,b)`. */
export function formatLabelSelector(selector: Selector): string {
  if (selector === "nothing") return "<none>";
  return [...selector]
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(formatRequirement)
    .join(",");
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case "=":
    case "!=":
      return `${key}${operator}${values[0] ?? ""}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${values.join(",")})`;
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "gt":
      return `${key}>${values[0] ?? ""}`;
    case "lt":
      return `${key}<${values[0] ?? ""}`;
  }
}
