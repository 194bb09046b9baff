/** The CEL engine, all that is used of it: it is imported nowhere else. */
export { Environment, EvaluationError, Optional } from "@marcbachmann/cel-js";
export { Duration, UnsignedInt } from "@marcbachmann/cel-js/evaluator";
