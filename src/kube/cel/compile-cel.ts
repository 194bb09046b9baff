/**
 * Expressions of users, in the Common Expression Language with Kubernetes' functions: health rules,
 * policies, readiness. Compiling finds what can be found without values; evaluating is bounded in
 * steps, so that no expression holds up the process. The engine behind it (about 20 ms to load)
 * should be imported lazily: `await import(".../compile-cel.ts")`.
 */
import { CelError, positionAt } from "./cel-error.ts";
import { CelValue, celValue, toJson } from "./cel-value.ts";
import { celEnvironment } from "./environment.ts";
import { patternOf } from "./functions/patterns.ts";
import { EvaluationError } from "./library.ts";
import { meter } from "./meter.ts";
import { StepBudget } from "./step-budget.ts";

/** Longest expression accepted, in characters. */
export const MAX_SOURCE_LENGTH = 16_384;

export interface CelOptions {
  /** Names with their types: `dyn`, `string`, `list<string>`, `map<string, dyn>`, … */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether other variables may be used as well; those without a value fail when read. */
  readonly takesAnyVariable?: boolean;
  /** What the expression must give, where its type is known before it is evaluated. */
  readonly result?: "bool" | "string";
}

export interface CelProgram {
  readonly source: string;
  /**
   * @param values JSON, or what `celValue` made of it; none for a variable that does not exist
   * @returns JSON
   * @throws {CelError} `failed` when the expression does not fit the values, `exhausted` when it
   * takes too long
   */
  evaluate(values: Readonly<Record<string, unknown>>): unknown;
}

/** @throws {CelError} `invalid`, with line and column */
export function compileCel(source: string, options: CelOptions): CelProgram {
  if (source.length > MAX_SOURCE_LENGTH)
    throw new CelError("invalid", `the expression is longer than ${MAX_SOURCE_LENGTH} characters`);
  const environment = celEnvironment(options.takesAnyVariable === true);
  for (const [name, type] of Object.entries(options.variables))
    environment.registerVariable(name, type);
  const run = translateErrors("invalid", source, () => {
    const parsed = environment.parse(source);
    const check = parsed.check();
    if (check.error !== undefined) throw check.error;
    checkResult(source, String(check.type), options.result);
    return parsed;
  });
  let budget = new StepBudget();
  meter(
    run.ast,
    () => budget,
    (node) => checkPattern(source, node),
  );
  return {
    source,
    evaluate: (values) => {
      const previous = budget;
      budget = new StepBudget();
      try {
        const context = new Map(
          Object.entries(values)
            .filter(([, value]) => value !== undefined)
            .map(([name, value]) => [
              name,
              (value instanceof CelValue ? value : celValue(value)).value,
            ]),
        );
        const result = translateErrors<unknown>("failed", source, () => run(context) as unknown);
        budget.assertNotExhausted();
        const json = toJson(result);
        checkResult(source, typeof json === "boolean" ? "bool" : typeof json, options.result);
        return json;
      } finally {
        budget = previous;
      }
    },
  };
}

function checkResult(source: string, type: string, wanted: string | undefined): void {
  if (wanted === undefined || type === wanted || type.startsWith("dyn") || type === "optional")
    return;
  const summary = `the expression gives ${type}, but ${wanted} is needed`;
  throw new CelError("invalid", summary, positionAt(source, 0));
}

/** A pattern that stands in the expression is checked with it. */
function checkPattern(
  source: string,
  { op, args, pos }: { op: string; args: unknown; pos: number },
): void {
  if ((op !== "rcall" && op !== "call") || !Array.isArray(args)) return;
  const [name] = args as unknown[];
  if (name !== "matches" && name !== "find" && name !== "findAll") return;
  const given = (op === "rcall" ? args[2] : args[1]) as readonly {
    op: string;
    args: unknown;
    start: number;
  }[];
  const pattern = given[op === "rcall" ? 0 : 1];
  if (pattern?.op !== "value" || typeof pattern.args !== "string") return;
  const text = pattern.args;
  translateErrors("invalid", source, () => patternOf(text), pattern.start ?? pos);
}

/** Runs part of the engine; its errors become {@link CelError}s. */
function translateErrors<T>(
  code: "invalid" | "failed",
  source: string,
  body: () => T,
  fallback?: number,
): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof CelError) throw error;
    // Recursion over a very long chain of operators, or over a very deep value.
    if (error instanceof RangeError)
      throw new CelError(code, "the expression is nested too deeply or builds too large a value");
    if (!(error instanceof Error)) throw error;
    const { range, summary } = error as Partial<EvaluationError>;
    const offset = range?.start ?? fallback;
    const position = offset === undefined ? undefined : positionAt(source, offset);
    throw new CelError(code, summary ?? error.message, position);
  }
}
