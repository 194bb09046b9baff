/**
 * Field selectors of list and watch (`status.phase!=Failed,metadata.name=web`), with the grammar
 * and escapes of k8s.io/apimachinery/pkg/fields.
 */
import { SelectorError } from "./label-selector.ts";

interface FieldRequirement {
  /** `metadata.name`, `spec.nodeName`, … */
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

/** All requirements must hold: none selects everything. */
export type FieldSelector = readonly FieldRequirement[];

/**
 * Parses a selector; whether a kind knows its fields is for the caller to check.
 * @throws {SelectorError}
 */
export function parseFieldSelector(text: string): FieldSelector {
  return splitTerms(text)
    .filter((term) => term !== "")
    .map((term) => parseTerm(term, text));
}

/** Splits at commas that no backslash escapes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") {
      at++;
    } else if (text[at] === ",") {
      terms.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...terms, text.slice(start)];
}

const TERM = /^([^=!\\]*)(!=|==|=)(.*)$/s;

function parseTerm(term: string, selector: string): FieldRequirement {
  const match = TERM.exec(term);
  if (match === null) {
    throw new SelectorError(`invalid selector: '${selector}'; can't understand '${term}'`);
  }
  const [, field = "", operator, value = ""] = match;
  return { field: field.trim(), operator: operator === "!=" ? "!=" : "=", value: unescape(value) };
}

function unescape(value: string): string {
  if (/(?<!\\)(?:\\\\)*=/.test(value)) {
    throw new SelectorError(`invalid field selector: unescaped '=' in value '${value}'`);
  }
  return value.replace(/\\(.?)/gs, (sequence, escaped: string) => {
    if (escaped === "\\" || escaped === "," || escaped === "=") return escaped;
    throw new SelectorError(`invalid field selector: invalid escape sequence: ${sequence}`);
  });
}

/** Whether an object satisfies a selector; `read` gives the value of a field, or `""`. */
export function matchesFields(selector: FieldSelector, read: (field: string) => string): boolean {
  return selector.every(
    ({ field, operator, value }) => (read(field) === value) === (operator === "="),
  );
}

/** The only value that a field may have to be selected: lets a list become a get. */
export function requiredValue(selector: FieldSelector, field: string): string | undefined {
  return selector.find((term) => term.field === field && term.operator === "=")?.value;
}

/** The text form. */
export function formatFieldSelector(selector: FieldSelector): string {
  return selector
    .map(
      ({ field, operator, value }) =>
        `${field}${operator}${value.replace(/[\\,=]/g, (character) => `\\${character}`)}`,
    )
    .join(",");
}
