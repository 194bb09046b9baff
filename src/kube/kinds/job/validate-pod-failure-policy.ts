import type { JobSpec } from "kubernetes-types/batch/v1";
import type { FieldError } from "../../field-error.ts";
import { duplicate, duplicates, invalid, oneOf, required, tooMany } from "../field-problems.ts";

const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_PATTERNS = 20;
const ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"];

export function validatePodFailurePolicy(spec: JobSpec, field: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const errors: FieldError[] =
    rules.length > MAX_RULES ? [tooMany(`${field}.rules`, rules.length, MAX_RULES)] : [];
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  for (const [index, rule] of rules.entries()) {
    const path = `${field}.rules[${index}]`;
    errors.push(...oneOf(`${path}.action`, rule.action, ACTIONS));
    if (rule.action === "FailIndex" && spec.backoffLimitPerIndex === undefined)
      errors.push(
        invalid(`${path}.action`, rule.action, "requires the backoffLimitPerIndex to be set"),
      );
    const { onExitCodes, onPodConditions = [] } = rule;
    if (onExitCodes !== undefined && onPodConditions.length > 0)
      errors.push(
        invalid(path, "", "specifying both OnExitCodes and OnPodConditions is not supported"),
      );
    if (onExitCodes === undefined && onPodConditions.length === 0)
      errors.push(
        invalid(path, "", "specifying one of OnExitCodes and OnPodConditions is required"),
      );
    if (onExitCodes !== undefined) {
      const { containerName, operator, values } = onExitCodes;
      const at = `${path}.onExitCodes`;
      errors.push(...oneOf(`${at}.operator`, operator, ["In", "NotIn"]));
      if (containerName !== undefined && !names.has(containerName))
        errors.push(
          invalid(
            `${at}.containerName`,
            containerName,
            "must be one of the container or initContainer names in the pod template",
          ),
        );
      if (values.length === 0)
        errors.push(required(`${at}.values`, "at least one value is required"));
      if (values.length > MAX_EXIT_CODES)
        errors.push(tooMany(`${at}.values`, values.length, MAX_EXIT_CODES));
      if (operator === "In" && values.includes(0))
        errors.push(invalid(`${at}.values`, 0, "must not be 0 for the In operator"));
      errors.push(
        ...duplicates(values, String, (which, value) =>
          duplicate(`${at}.values[${which}]`, Number(value)),
        ),
      );
    }
    if (onPodConditions.length > MAX_PATTERNS)
      errors.push(tooMany(`${path}.onPodConditions`, onPodConditions.length, MAX_PATTERNS));
    for (const [at, { status }] of onPodConditions.entries())
      errors.push(
        ...oneOf(`${path}.onPodConditions[${at}].status`, status, ["False", "True", "Unknown"]),
      );
  }
  return errors;
}
