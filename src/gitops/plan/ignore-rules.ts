/**
 * The rules of `spec.ignoreDifferences`, read: what of an object others may set. Pure.
 */
import { parseJsonPointer } from "../../kube/json-pointer.ts";
import type { Application, IgnoreDifference } from "../../kube/kinds/application.ts";
import { JqSyntaxError } from "./jq/jq-error.ts";
import type { JqNode } from "./jq/jq-node.ts";
import type { Tokens } from "./jq/jq-paths.ts";
import { parseJqPath } from "./jq/parse-jq.ts";
import type { ObjectRef } from "./object-ref.ts";

/** Rules of one Application; each is looked at for each object. */
const MAX_RULES = 500;

export interface JqExpression {
  readonly text: string;
  readonly node: JqNode;
}
/** What is ignored of one object. */
export interface IgnoredFields {
  readonly pointers: readonly Tokens[];
  readonly expressions: readonly JqExpression[];
  /** Every field that one of these owns. */
  readonly managers: readonly string[];
}
export const NOTHING_IGNORED: IgnoredFields = { pointers: [], expressions: [], managers: [] };

/** A rule that cannot be understood or that never ends; the message names it. */
export class IgnoreRuleError extends Error {
  override readonly name = "IgnoreRuleError";
}

/** What the rules ignore of an object. @throws {IgnoreRuleError} */
export function ignoredFields(
  rules: readonly IgnoreDifference[] | undefined,
  ref: ObjectRef,
): IgnoredFields {
  const matching = (rules ?? []).filter((rule) => matches(rule, ref));
  if (matching.length === 0) return NOTHING_IGNORED;
  return {
    pointers: matching
      .flatMap(({ jsonPointers = [] }) => jsonPointers.map((pointer) => parsePointer(pointer)))
      .filter((tokens) => tokens.length > 0),
    expressions: matching.flatMap(({ jqPathExpressions = [] }) => jqPathExpressions.map(parseJq)),
    managers: matching.flatMap(({ managedFieldsManagers = [] }) => managedFieldsManagers),
  };
}

/** What is wrong with an Application's rules: as long as there is anything, nothing may be applied. */
export function ignoreRuleProblem({ spec }: Application): string | undefined {
  const { ignoreDifferences = [] } = spec;
  if (ignoreDifferences.length > MAX_RULES)
    return `spec.ignoreDifferences has ${ignoreDifferences.length} rules; no more than ${MAX_RULES} are supported`;
  for (const [index, { jsonPointers = [], jqPathExpressions = [] }] of ignoreDifferences.entries())
    try {
      jsonPointers.forEach(parsePointer);
      jqPathExpressions.forEach(parseJq);
    } catch (error) {
      if (!(error instanceof IgnoreRuleError)) throw error;
      return `spec.ignoreDifferences[${index}]: ${error.message}`;
    }
  return undefined;
}

function parsePointer(pointer: string): Tokens {
  try {
    return parseJsonPointer(pointer);
  } catch (error) {
    throw new IgnoreRuleError(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

function parseJq(text: string): JqExpression {
  try {
    return { text, node: parseJqPath(text) };
  } catch (error) {
    if (!(error instanceof JqSyntaxError)) throw error;
    throw new IgnoreRuleError(
      `the jq path expression ${JSON.stringify(text)} is not supported: ${error.message}`,
      { cause: error },
    );
  }
}

function matches({ group = "", kind, namespace, name }: IgnoreDifference, ref: ObjectRef): boolean {
  return (
    (group === "*" || group === ref.group) &&
    (kind === "*" || kind === ref.kind) &&
    (namespace === undefined || namespace === ref.namespace) &&
    (name === undefined || name === ref.name)
  );
}
