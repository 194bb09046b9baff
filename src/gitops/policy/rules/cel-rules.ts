/** The rules of a Policy in CEL, over one object at a time. */
import { CelError } from "../../../kube/cel/cel-error.ts";
import type { CelValue } from "../../../kube/cel/cel-value.ts";
import type { CelProgram } from "../../../kube/cel/compile-cel.ts";
import type { JsonObject } from "../../../kube/object.ts";
import type { Policy, PolicyRule } from "../../../kube/kinds/policy.ts";
import type { RuleBreach } from "../policy-subject.ts";

/** Longest message that an expression may make. */
const MAX_MESSAGE_LENGTH = 1000;

/** What expressions read, converted once for all rules. */
export interface RuleValues {
  readonly object: CelValue;
  readonly application: CelValue;
  readonly params: CelValue;
}

export interface CompiledRule {
  /** `policy/NAME/RULE`. */
  readonly id: string;
  /** It cannot work: every object that it is asked about breaks it. */
  readonly isBroken?: boolean;
  /** @throws {CelError} `exhausted` only */
  readonly check: (values: RuleValues) => RuleBreach | undefined;
}

export interface RuleProblem {
  /** `Policy/images spec.rules[0].expression`. */
  readonly where: string;
  readonly policy: string;
  /** Field path in it. */
  readonly path: string;
  readonly message: string;
}

/** Compiles what can be compiled, and says what cannot. */
export async function compileRules(
  policy: Policy,
): Promise<{ rules: CompiledRule[]; problems: RuleProblem[] }> {
  const rules: CompiledRule[] = [];
  const problems: RuleProblem[] = [];
  if ((policy.spec.rules ?? []).length === 0) return { rules, problems };
  const { compileCel } = await import("../../../kube/cel/compile-cel.ts");
  const variables = { object: "dyn", application: "dyn", params: "dyn" };
  for (const [index, rule] of (policy.spec.rules ?? []).entries()) {
    const compile = (
      field: "expression" | "messageExpression",
      result: "bool" | "string",
    ): CelProgram | undefined => {
      const source = rule[field];
      if (source === undefined || source === "") return undefined;
      try {
        return compileCel(source, { variables, result });
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
        problems.push(
          ruleProblem(policy.metadata.name, `spec.rules[${index}].${field}`, error.message),
        );
        return undefined;
      }
    };
    const message = compile("messageExpression", "string");
    const expression = compile("expression", "bool");
    const id = `policy/${policy.metadata.name}/${rule.name}`;
    if (expression === undefined) {
      rules.push(brokenRule(id, problems.at(-1)?.message ?? "it has no expression"));
      continue;
    }
    rules.push({ id, check: (values) => checkRule(id, rule, { expression, message }, values) });
  }
  return { rules, problems };
}

/** What cannot be checked does not pass: nobody else's objects are affected. */
export function brokenRule(id: string, why: string): CompiledRule {
  const message = `the rule cannot be used: ${why}`;
  return { id, isBroken: true, check: () => ({ rule: id, severity: "error", message }) };
}

export function ruleProblem(policy: string, path: string, message: string): RuleProblem {
  return { where: `Policy/${policy} ${path}`, policy, path, message };
}

function checkRule(
  id: string,
  rule: PolicyRule,
  programs: { readonly expression: CelProgram; readonly message: CelProgram | undefined },
  values: RuleValues,
): RuleBreach | undefined {
  const breach = (message: string): RuleBreach => ({
    rule: id,
    severity: rule.severity ?? "error",
    message,
    ...(rule.field === undefined ? {} : { path: rule.field }),
  });
  try {
    if (programs.expression.evaluate({ ...values }) === true) return undefined;
  } catch (error) {
    if (!(error instanceof CelError) || error.code === "exhausted") throw error;
    // What cannot be checked does not pass.
    return breach(`the expression cannot be evaluated for this object: ${error.message}`);
  }
  return breach(messageOf(rule, programs.message, values));
}

function messageOf(rule: PolicyRule, program: CelProgram | undefined, values: RuleValues): string {
  const fallback = rule.message ?? `does not keep to: ${rule.expression}`;
  try {
    const made = program?.evaluate({ ...values });
    if (typeof made !== "string" || made.trim() === "") return clip(fallback);
    return clip(made);
  } catch (error) {
    if (error instanceof CelError) return clip(fallback);
    throw error;
  }
}

/** One line, so that no message passes itself off as another finding. */
function clip(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length > MAX_MESSAGE_LENGTH ? `${line.slice(0, MAX_MESSAGE_LENGTH)}…` : line;
}

/** Keys of a Secret without their values: messages are made from what rules read. */
export function withoutSecrets(object: JsonObject): JsonObject {
  if (object["kind"] !== "Secret" || object["apiVersion"] !== "v1") return object;
  const hidden = (field: unknown): JsonObject =>
    Object.fromEntries(Object.keys(field ?? {}).map((key) => [key, "<hidden>"]));
  return {
    ...object,
    ...(object["data"] === undefined ? {} : { data: hidden(object["data"]) }),
    ...(object["stringData"] === undefined ? {} : { stringData: hidden(object["stringData"]) }),
  };
}
