/** The built-in scanner: rules that most teams want of what they run. */
import type { KubeObject } from "../../../kube/object.ts";
import type { RuleBreach } from "../policy-subject.ts";
import { containerRules } from "./container-rules.ts";
import { podRules } from "./pod-rules.ts";
import { podSpecsOf } from "./pod-specs.ts";
import type { ScanRule } from "./scan-rule.ts";
import { secretRules } from "./secret-rules.ts";

export const SCAN_RULES: readonly ScanRule[] = [...podRules, ...containerRules, ...secretRules];

/** With the severities that are built in. */
export function scanObject(object: KubeObject): RuleBreach[] {
  const places = podSpecsOf(object);
  return SCAN_RULES.flatMap(({ id, severity, advice, hidesValue, check }) =>
    check(object, places).map((problem) => ({
      ...problem,
      rule: `scan/${id}`,
      severity,
      suggestion: advice,
      ...(hidesValue === undefined ? {} : { hidesValue }),
    })),
  );
}
