/** One thing that is wrong with a manifest, and where: what every check returns. */

export type Severity = "error" | "warning" | "info";

/** 1-based, as editors and compilers count; columns in UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Place extends Position {
  /** Relative to the root of the repository, or as it was given on the command line. */
  readonly file: string;
}

export interface FindingObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface Finding extends Place {
  readonly severity: Severity;
  /** Stable code, `<stage>/<rule>`: `schema/unknown-field`. */
  readonly rule: string;
  /** What is wrong, without the place. Never holds a value of a Secret. */
  readonly message: string;
  /** Kubernetes field path: `spec.containers[0].image`. */
  readonly path?: string;
  readonly object?: FindingObject;
  /** What to do, as a sentence: `Did you mean "replicas"?`. */
  readonly suggestion?: string;
  /** Its line holds a secret in the clear: whoever quotes it shows the key only. */
  readonly hidesValue?: boolean;
  /** Other places that belong to it, e.g. the first of two definitions. */
  readonly related?: readonly (Place & { readonly message: string })[];
}

/** By file, position and rule: the order in which findings are shown, whatever order found them. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    compareText(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    compareText(a.rule, b.rule) ||
    compareText(a.message, b.message)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `apps/web.yaml:12:3: message. Suggestion`: for conditions, events and logs. */
export function formatFinding(finding: Finding): string {
  const { file, line, column, message, suggestion } = finding;
  const advice = suggestion === undefined ? "" : `. ${suggestion}`;
  return `${file}:${line}:${column}: ${message}${advice}`;
}
