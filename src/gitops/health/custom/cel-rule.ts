/**
 * Health by CEL expressions over the fields of the object, in the order that Flux's
 * healthCheckExprs have (RFC 0009): the generation, inProgress, failed, current.
 */
import { CelError } from "../../../kube/cel/cel-error.ts";
import type { CelProgram } from "../../../kube/cel/compile-cel.ts";
import type { KubeObject } from "../../../kube/object.ts";
import { degraded, type Health, HEALTHY, progressing } from "../health.ts";
import { RuleExhaustedError } from "./guarded-rule.ts";

export interface CelHealthExpressions {
  readonly current: string;
  readonly inProgress?: string;
  readonly failed?: string;
}

/** @throws {CelError} when an expression cannot work */
export async function celRule(
  expressions: CelHealthExpressions,
): Promise<(object: KubeObject) => Health> {
  const { compileCel } = await import("../../../kube/cel/compile-cel.ts");
  const compile = (source: string | undefined): CelProgram | undefined =>
    source === undefined || source === ""
      ? undefined
      : compileCel(source, { variables: {}, takesAnyVariable: true, result: "bool" });
  const inProgress = compile(expressions.inProgress);
  const failed = compile(expressions.failed);
  const current = compile(expressions.current);
  const { celValue } = await import("../../../kube/cel/cel-value.ts");
  return (object) => {
    const { status } = object as KubeObject & { status?: { observedGeneration?: unknown } };
    const observed = status?.observedGeneration;
    if (typeof observed === "number" && observed !== object.metadata.generation)
      return progressing("waiting for the controller to see the new spec");
    const values = Object.fromEntries(
      Object.entries(object).map(([name, value]) => [name, celValue(value)]),
    );
    let unanswered: string | undefined;
    const holds = (program: CelProgram | undefined): boolean => {
      try {
        return program?.evaluate(values) === true;
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
        if (error.code === "exhausted") throw new RuleExhaustedError(error.message);
        // A field that is not there yet: the same as no, for now.
        unanswered ??= error.message;
        return false;
      }
    };
    if (holds(inProgress)) return progressing("its inProgress expression holds");
    if (holds(failed)) return degraded(messageOf(object) ?? "its failed expression holds");
    if (holds(current)) return HEALTHY;
    const why = unanswered === undefined ? "" : `: ${unanswered}`;
    return progressing(`its current expression does not hold yet${why}`);
  };
}

/** What the object itself says of its state, if it does so in the usual place. */
function messageOf(object: KubeObject): string | undefined {
  const { status } = object as KubeObject & { status?: Record<string, unknown> };
  const { message, conditions } = status ?? {};
  if (typeof message === "string" && message !== "") return message;
  if (!Array.isArray(conditions)) return undefined;
  const ready: unknown = conditions.find(
    (condition: unknown) =>
      typeof condition === "object" &&
      condition !== null &&
      (condition as Record<string, unknown>)["type"] === "Ready",
  );
  const text = (ready as Record<string, unknown> | undefined)?.["message"];
  return typeof text === "string" && text !== "" ? text : undefined;
}
