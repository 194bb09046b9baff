/** Restart policies of single containers and their rules by exit code (KEP-5307, on by default in 1.35). */
import type { Container } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { oneOf, required, tooMany } from "../field-problems.ts";

interface RestartRule {
  readonly action: string;
  readonly exitCodes?: { readonly operator: string; readonly values?: readonly number[] };
}
/** The upstream types do not know the rules yet. */
type Restartable = Pick<Container, "restartPolicy"> & {
  readonly restartPolicyRules?: readonly RestartRule[];
};

const POLICIES = ["Always", "Never", "OnFailure"];
/** Upstream's limits. */
const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;

/** Whether a container runs again after this end: its first rule that fits, its policy, the pod's. */
export function restartsAfter(
  container: Restartable,
  podPolicy: string | undefined,
  exitCode: number,
): boolean {
  // There is one action: a rule that fits restarts the container, whatever the policies say.
  if ((container.restartPolicyRules ?? []).some((rule) => fits(rule, exitCode))) return true;
  const policy = container.restartPolicy ?? podPolicy ?? "Always";
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

function fits({ exitCodes }: RestartRule, exitCode: number): boolean {
  if (exitCodes === undefined) return false;
  const isListed = (exitCodes.values ?? []).includes(exitCode);
  return exitCodes.operator === "In" ? isListed : !isListed;
}

export function validateContainerRestart(container: Restartable, field: string): FieldError[] {
  const { restartPolicy, restartPolicyRules: rules = [] } = container;
  const path = `${field}.restartPolicyRules`;
  const errors = oneOf(`${field}.restartPolicy`, restartPolicy, POLICIES);
  if (rules.length > 0 && restartPolicy === undefined)
    errors.push(
      required(`${field}.restartPolicy`, "must specify restartPolicy when restart rules are used"),
    );
  if (rules.length > MAX_RULES) errors.push(tooMany(path, rules.length, MAX_RULES));
  for (const [index, { action, exitCodes }] of rules.entries()) {
    errors.push(...oneOf(`${path}[${index}].action`, action, ["Restart"]));
    if (exitCodes === undefined) {
      errors.push(required(`${path}[${index}].exitCodes`, "must be specified"));
      continue;
    }
    const { values = [] } = exitCodes;
    if (values.length === 0)
      errors.push(required(`${path}[${index}].exitCodes.values`, "must be specified"));
    if (values.length > MAX_EXIT_CODES)
      errors.push(tooMany(`${path}[${index}].exitCodes.values`, values.length, MAX_EXIT_CODES));
  }
  return errors;
}
