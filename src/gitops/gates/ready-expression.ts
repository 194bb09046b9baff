/** `dependsOn[].readyExpr`: CEL over `dep`, the other Application, and `self`, this one. */
import { CelError } from "../../kube/cel/cel-error.ts";
import type { CelProgram } from "../../kube/cel/compile-cel.ts";
import type { Readiness, ReadyExpression } from "./dependencies.ts";

/** Compiled expressions kept: Applications of one template share theirs. */
const MAX_KEPT = 1_000;
/** An expression is quoted to be recognised. */
const MAX_QUOTED_CHARACTERS = 200;

/** The engine behind it takes time and memory to load: only for those who use expressions. */
export async function loadReadyExpressions(): Promise<ReadyExpression> {
  const { compileCel } = await import("../../kube/cel/compile-cel.ts");
  const kept = new Map<string, CelProgram>();
  const programOf = (expression: string): CelProgram => {
    let program = kept.get(expression);
    if (program === undefined) {
      program = compileCel(expression, { variables: { dep: "dyn", self: "dyn" }, result: "bool" });
      if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value ?? "");
      kept.set(expression, program);
    }
    return program;
  };
  return (expression, applications): Readiness => {
    try {
      if (programOf(expression).evaluate({ ...applications }) === true) return { ready: true };
      const because = `is not true: ${expression.slice(0, MAX_QUOTED_CHARACTERS)}`;
      return { ready: false, because, forGood: false };
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      // A field that is not there yet may come: Applications start without a status.
      if (error.code === "failed")
        return { ready: false, because: `cannot be told yet: ${error.message}`, forGood: false };
      return { ready: false, because: `is wrong: ${error.message}`, forGood: true };
    }
  };
}
