/** Policies made ready: expressions compiled, selectors parsed, reports read. */
import type { ConfigMap } from "../../kube/kinds/configmap.ts";
import type { Policy, PolicyImages } from "../../kube/kinds/policy.ts";
import type { RuleSeverity } from "../../kube/kinds/project.ts";
import { type ImageReport, readReports } from "./images/image-rules.ts";
import {
  brokenRule,
  type CompiledRule,
  compileRules,
  type RuleProblem,
  ruleProblem,
} from "./rules/cel-rules.ts";
import { type Matcher, matcherOf, SelectorError } from "./rules/match-object.ts";

export interface CompiledPolicy {
  readonly policy: Policy;
  readonly matches: Matcher;
  readonly rules: readonly CompiledRule[];
  /** Undefined: the scanner is not switched on. */
  readonly scan: { readonly severities: readonly RuleSeverity[] } | undefined;
  readonly images: { readonly spec: PolicyImages; readonly report: ImageReport } | undefined;
}

export interface CompiledPolicies {
  readonly policies: readonly CompiledPolicy[];
  /** What cannot be used. Every object that it is about breaks it. */
  readonly problems: readonly RuleProblem[];
}

export const NO_POLICIES: CompiledPolicies = { policies: [], problems: [] };

/** `configMapOf`: for reports of images. */
export async function compilePolicies(
  policies: readonly Policy[],
  configMapOf: (namespace: string, name: string) => ConfigMap | undefined = () => undefined,
): Promise<CompiledPolicies> {
  const compiled: CompiledPolicy[] = [];
  const problems: RuleProblem[] = [];
  for (const policy of policies) {
    const { spec } = policy;
    const { rules, problems: wrong } = await compileRules(policy);
    problems.push(...wrong);
    const wrongBefore = problems.length;
    const matches = matcher(policy, problems);
    const [unclear] = problems.slice(wrongBefore);
    if (unclear !== undefined)
      rules.push(brokenRule(`policy/${policy.metadata.name}/match`, unclear.message));
    const { images, scan } = spec;
    const reports = (images?.reports ?? []).map(({ namespace, name }) =>
      configMapOf(namespace, name),
    );
    compiled.push({
      policy,
      matches,
      rules,
      scan: scan === undefined ? undefined : { severities: scan.severities ?? [] },
      images: images === undefined ? undefined : { spec: images, report: readReports(reports) },
    });
  }
  return { policies: compiled, problems };
}

/** A selector that cannot be read selects everything that `match` leaves, and excludes nothing. */
function matcher({ metadata, spec }: Policy, problems: RuleProblem[]): Matcher {
  const { labelSelector: _, ...matchOfAll } = spec.match ?? {};
  const read = (field: "match" | "exclude", fallback: Matcher): Matcher => {
    try {
      const given = spec[field];
      return given === undefined ? fallback : matcherOf(given);
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error;
      problems.push(ruleProblem(metadata.name, `spec.${field}.labelSelector`, error.message));
      return fallback;
    }
  };
  const included = read("match", matcherOf(matchOfAll));
  const excluded = read("exclude", () => false);
  return (object, application) => included(object, application) && !excluded(object, application);
}
