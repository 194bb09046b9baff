/**
 * Holds rendered objects to the Policies and the Project of their Application. The same function
 * for the operator, for pushes and for `gantry validate`: no I/O, no cluster.
 */
import { CelError } from "../../kube/cel/cel-error.ts";
import type { CelValue } from "../../kube/cel/cel-value.ts";
import type { Application } from "../../kube/kinds/application.ts";
import type { Project, RuleSeverity } from "../../kube/kinds/project.ts";
import type { JsonObject, KubeObject } from "../../kube/object.ts";
import { compareFindings, type Finding } from "../check/finding.ts";
import type { CompiledPolicies, CompiledPolicy } from "./compile-policies.ts";
import { exemptionsOf, isExempt } from "./exemptions.ts";
import { globOf } from "./glob-list.ts";
import { imageBreaches } from "./images/image-rules.ts";
import { findingAt, type PolicyManifest, type RuleBreach } from "./policy-subject.ts";
import { objectBreach } from "./project/project-access.ts";
import { type CompiledRule, withoutSecrets } from "./rules/cel-rules.ts";
import { podSpecsOf } from "./scan/pod-specs.ts";
import { scanObject } from "./scan/scan-object.ts";

/** Findings of one check: more are no help to anybody. */
const MAX_FINDINGS = 2000;
/** How long objects are checked before others get their turn. */
const TURN_MS = 10;
/** Time for one rule over all objects: one that takes longer is refused rather than waited for. */
const MAX_RULE_MS = 5_000;

export interface PolicyCheck {
  /** Undefined in a check of files that belong to no Application. */
  readonly application?: Application | undefined;
  /** Undefined: no Project restricts what may be there. */
  readonly project?: Project | undefined;
  readonly policies: CompiledPolicies;
  /** Whether a kind lives in namespaces; undefined when nobody knows. */
  readonly isNamespaced: (object: KubeObject) => boolean | undefined;
}

/** In order of file and line; `error` refuses the revision. */
export async function checkPolicies(
  manifests: readonly PolicyManifest[],
  check: PolicyCheck,
): Promise<Finding[]> {
  if (check.policies.policies.length === 0 && check.project === undefined) return [];
  const findings: Finding[] = [];
  const turns = new Turns();
  const evaluator = await Evaluator.load(check, turns);
  for (const manifest of manifests) {
    await turns.share();
    for (const breach of await breachesOf(manifest, check, evaluator)) {
      findings.push(findingAt(manifest, breach));
      if (findings.length >= MAX_FINDINGS) return findings.sort(compareFindings);
    }
  }
  return findings.sort(compareFindings);
}

/** Lets others have their turn when this one has lasted long enough. */
class Turns {
  #sinceMs = performance.now();

  async share(): Promise<void> {
    if (performance.now() - this.#sinceMs < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#sinceMs = performance.now();
  }
}

async function breachesOf(
  manifest: PolicyManifest,
  check: PolicyCheck,
  evaluator: Evaluator,
): Promise<RuleBreach[]> {
  const { application, project, policies } = check;
  const { object } = manifest;
  const breaches: RuleBreach[] = [];
  if (application !== undefined && project !== undefined) {
    const namespaced = check.isNamespaced(object);
    const breach = objectBreach(manifest, { application, project, namespaced });
    if (breach !== undefined) breaches.push(breach);
  }
  const exemptions = exemptionsOf(object);
  let scanned: readonly RuleBreach[] | undefined;
  const reported = new Set<string>();
  for (const policy of policies.policies) {
    if (!policy.matches(object, application)) continue;
    if (policy.scan !== undefined) scanned ??= scanObject(object);
    const found = [
      ...(await evaluator.check(object, policy)),
      ...(policy.scan === undefined ? [] : (scanned ?? [])),
      ...imagesOf(object, policy),
    ];
    for (const breach of found) {
      if (policy.policy.spec.allowExemptions === true && isExempt(exemptions, breach.rule))
        continue;
      const judged = withSeverity(breach, [
        ...(project?.spec.severities ?? []),
        ...(policy.scan?.severities ?? []),
      ]);
      // Two policies may both switch the scanner on.
      const id = `${breach.rule}\0${breach.path ?? ""}\0${breach.message}`;
      if (judged === undefined || reported.has(id)) continue;
      reported.add(id);
      breaches.push(judged);
    }
  }
  return breaches;
}

function imagesOf(object: KubeObject, { policy, images }: CompiledPolicy): RuleBreach[] {
  if (images === undefined) return [];
  return imageBreaches(podSpecsOf(object), images.spec, policy.metadata.name, images.report);
}

/** The first that is about the rule counts; undefined: it is switched off. */
function withSeverity(
  breach: RuleBreach,
  severities: readonly RuleSeverity[],
): RuleBreach | undefined {
  const other = severities.find(({ rule }) => globOf(rule)(breach.rule));
  if (other === undefined) return breach;
  return other.severity === "off" ? undefined : { ...breach, severity: other.severity };
}

/** Evaluates rules in CEL, and gives up those that take too long. */
class Evaluator {
  readonly #toValue: (json: unknown) => CelValue;
  readonly #turns: Turns;
  readonly #application: CelValue;
  readonly #params = new Map<string, CelValue>();
  readonly #spentMs = new Map<string, number>();
  #object: { readonly of: KubeObject; readonly value: CelValue | CelError } | undefined;

  private constructor(
    toValue: (json: unknown) => CelValue,
    application: Application | undefined,
    turns: Turns,
  ) {
    this.#toValue = toValue;
    this.#turns = turns;
    this.#application = toValue(applicationValue(application));
  }

  static async load({ application, policies }: PolicyCheck, turns: Turns): Promise<Evaluator> {
    // Nothing to evaluate: the engine is not even loaded.
    if (policies.policies.every(({ rules }) => rules.length === 0))
      return new Evaluator((value) => value as CelValue, undefined, turns);
    const { celValue } = await import("../../kube/cel/cel-value.ts");
    return new Evaluator(celValue, application, turns);
  }

  async check(object: KubeObject, { rules, policy }: CompiledPolicy): Promise<RuleBreach[]> {
    if (rules.length === 0) return [];
    const value = this.#valueOf(object);
    if (value instanceof CelError)
      return rules.map(({ id }) => ({
        rule: id,
        severity: "error" as const,
        message: value.message,
      }));
    let params = this.#params.get(policy.metadata.name);
    if (params === undefined) {
      params = this.#toValue(policy.spec.params ?? {});
      this.#params.set(policy.metadata.name, params);
    }
    const values = { object: value, application: this.#application, params };
    const breaches: RuleBreach[] = [];
    for (const rule of rules) {
      await this.#turns.share();
      const breach = this.#checkOne(rule, () => rule.check(values));
      if (breach !== undefined) breaches.push(breach);
    }
    return breaches;
  }

  #checkOne({ id }: CompiledRule, check: () => RuleBreach | undefined): RuleBreach | undefined {
    const spentMs = this.#spentMs.get(id) ?? 0;
    // Said once, for the object at which the time was up.
    if (spentMs === Infinity) return undefined;
    const tooSlow = (why: string): RuleBreach => {
      this.#spentMs.set(id, Infinity);
      const message = `the rule takes too long, and the objects after this one are not checked by it: ${why}`;
      return { rule: id, severity: "error", message };
    };
    const startMs = performance.now();
    try {
      const breach = check();
      const totalMs = spentMs + performance.now() - startMs;
      this.#spentMs.set(id, totalMs);
      return totalMs > MAX_RULE_MS ? tooSlow(`more than ${MAX_RULE_MS} ms`) : breach;
    } catch (error) {
      if (error instanceof CelError) return tooSlow(error.message);
      throw error;
    }
  }

  #valueOf(object: KubeObject): CelValue | CelError {
    if (this.#object?.of === object) return this.#object.value;
    let value: CelValue | CelError;
    try {
      value = this.#toValue(withoutSecrets(object as unknown as JsonObject));
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      value = error;
    }
    this.#object = { of: object, value };
    return value;
  }
}

/** What rules read as `application`; in a check of files an empty one. */
function applicationValue(application: Application | undefined): unknown {
  if (application === undefined)
    return { metadata: { name: "", namespace: "", labels: {}, annotations: {} }, spec: {} };
  const { metadata, spec } = application;
  const { name, namespace = "", labels = {}, annotations = {} } = metadata;
  return { metadata: { name, namespace, labels, annotations }, spec };
}
