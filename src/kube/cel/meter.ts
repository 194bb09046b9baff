/**
 * Makes a checked expression count its steps. The engine has no limit of its own: every node of
 * the syntax tree gets an `evaluate` that charges a step first, and every operation on whole
 * values (text, lists, equality, functions) charges by their size before it runs.
 */
import { matches, patternOf } from "./functions/patterns.ts";
import { EvaluationError } from "./library.ts";
import { CHARACTERS_PER_STEP, type StepBudget } from "./step-budget.ts";

type Evaluate = (engine: unknown, node: unknown, context: unknown) => unknown;
type Handle = (...args: unknown[]) => unknown;

/** A node as the engine has it (`ASTNode` of its parser), beyond what its types say. */
interface CelNode {
  readonly op: string;
  readonly args: unknown;
  readonly pos: number;
  readonly meta: { readonly alternate?: CelNode; readonly macro?: CelMacro; evaluate: Evaluate };
  evaluate: Evaluate;
  handle?: Handle;
}
interface CelMacro {
  readonly evaluate: Evaluate;
}

/** What an error costs: the engine quotes the source in each. */
const STEPS_PER_ERROR = 50;
/** Dates in a time zone are formatted and parsed again. */
const STEPS_PER_TIME_ZONE = 500;
/** Characters times instructions that matching a pattern does in the time of a step. */
const MATCHES_PER_STEP = 10;

const COMPARISONS = new Set(["==", "!=", "in"]);
const ARITHMETIC = new Set(["+", "-", "*", "/", "%", "<", "<=", ">", ">="]);
const CONTAINERS = ["iterable", "init", "step", "args", "val", "exp", "receiver", "arg", "ast"];

/** `budget()`: that of the evaluation under way. Calls `onNode` for each node, once. */
export function meter(
  root: unknown,
  budget: () => StepBudget,
  onNode: (node: { op: string; args: unknown; pos: number }) => void,
): void {
  const NodeClass = (root as object).constructor;
  const seen = new Set<unknown>();
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== "object" || next === null || seen.has(next)) continue;
    seen.add(next);
    if (Array.isArray(next)) {
      for (const item of next) pending.push(item);
    } else if (next instanceof NodeClass) {
      const node = next as CelNode;
      onNode(node);
      meterNode(node, budget);
      pending.push(node.args, node.meta.alternate, node.meta.macro);
    } else {
      for (const key of CONTAINERS) pending.push((next as Record<string, unknown>)[key]);
    }
  }
}

function meterNode(node: CelNode, budget: () => StepBudget): void {
  const { handle } = node;
  if (handle !== undefined) node.handle = meteredHandle(node, handle, budget);
  const { meta } = node;
  let lastError: unknown;
  node.evaluate = (engine, _, context) => {
    const steps = budget();
    steps.charge(1);
    try {
      if (meta.alternate !== undefined)
        return meta.alternate.evaluate(engine, meta.alternate, context);
      if (meta.macro !== undefined) return meta.macro.evaluate(engine, meta.macro, context);
      return meta.evaluate(engine, node, context);
    } catch (error) {
      if (error !== lastError) {
        lastError = error;
        steps.charge(STEPS_PER_ERROR);
      }
      throw error;
    }
  };
}

function meteredHandle(node: CelNode, handle: Handle, budget: () => StepBudget): Handle {
  if (COMPARISONS.has(node.op))
    return (left, right, ...rest) => {
      const steps = budget();
      steps.charge(sizeOf(right, steps.left, true));
      return handle(left, right, ...rest);
    };
  if (ARITHMETIC.has(node.op))
    return (left, right, ...rest) => {
      const steps = budget();
      steps.charge(sizeOf(left, steps.left) + sizeOf(right, steps.left));
      return handle(left, right, ...rest);
    };
  if (node.op === "call" || node.op === "rcall") {
    const name = String((node.args as unknown[])[0]);
    return (values, ...rest) => {
      const steps = budget();
      const args = values as unknown[];
      steps.charge(costOfCall(name, args, steps.left));
      const [text, pattern] = args;
      if (name === "matches" && typeof text === "string" && typeof pattern === "string")
        return matches(text, pattern);
      return handle(values, ...rest);
    };
  }
  return handle;
}

function costOfCall(name: string, args: readonly unknown[], most: number): number {
  const [first, second] = args;
  switch (name) {
    case "json":
      // Not of the language: it reads numbers and keys in its own way.
      throw new EvaluationError("bytes have no function json()");
    case "matches":
    case "find":
    case "findAll":
      if (typeof first !== "string" || typeof second !== "string") return 1;
      return matchCost(first, second, name === "findAll");
    case "join": {
      const length = Array.isArray(first) ? first.length : 0;
      const separator = typeof second === "string" ? second.length : 0;
      return sizeOf(first, most, true) + (length * separator) / CHARACTERS_PER_STEP;
    }
    case "replace": {
      const longest = Math.max(...args.slice(1).map((arg) => sizeOf(arg, most)));
      const length = typeof first === "string" ? first.length : 0;
      // At worst every character is replaced.
      const times = typeof second === "string" && second !== "" ? length / second.length : length;
      return sizeOf(first, most) + Math.min(times * longest, most / 2);
    }
    case "format":
      return sizeOf(first, most) + sizeOf(second, most, true);
    case "sort":
    case "distinct":
    case "isSorted": {
      const size = sizeOf(first, most, true);
      return size * Math.max(1, Math.log2(size + 1));
    }
    case "split":
    case "reverse":
    case "charAt":
      return typeof first === "string" ? first.length : sizeOf(first, most);
    default: {
      const isTimeZone = name.startsWith("get") && args.length > 1;
      const sizes = args.reduce<number>((sum, arg) => sum + sizeOf(arg, most), 0);
      return sizes + (isTimeZone ? STEPS_PER_TIME_ZONE : 0);
    }
  }
}

function matchCost(text: string, pattern: string, isRepeated: boolean): number {
  const once = (text.length * patternOf(pattern).size) / MATCHES_PER_STEP;
  // Each search may run to the end of the text before it finds that an earlier match was the best.
  return pattern.length + (isRepeated ? once * Math.max(1, text.length / 100) : once);
}

/** Steps to go through a value: shallow, or with all that is in it; at most `most`. */
function sizeOf(value: unknown, most: number, isDeep = false): number {
  let size = 0;
  const pending: unknown[] = [value];
  while (pending.length > 0 && size <= most) {
    const next = pending.pop();
    if (typeof next === "string") size += 1 + next.length / CHARACTERS_PER_STEP;
    else if (next instanceof Uint8Array) size += 1 + next.length / CHARACTERS_PER_STEP;
    else if (Array.isArray(next)) {
      size += 1 + (isDeep ? 0 : next.length);
      if (isDeep) for (const item of next) pending.push(item);
    } else if (next instanceof Map) {
      size += 1 + (isDeep ? 0 : next.size);
      if (isDeep) for (const item of next.values()) pending.push(item);
    } else size += 1;
  }
  return size;
}
