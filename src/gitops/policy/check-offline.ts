/**
 * What `gantry validate` says of files by Policies, Projects and the scanner: by those that are in
 * the files themselves, and by those that are given. No cluster is asked.
 */
import { type Application, applications } from "../../kube/kinds/application.ts";
import type { ConfigMap } from "../../kube/kinds/configmap.ts";
import { type HealthCheck, healthChecks } from "../../kube/kinds/healthcheck.ts";
import { type Policy, policies } from "../../kube/kinds/policy.ts";
import { type Project, projects } from "../../kube/kinds/project.ts";
import type { Kind } from "../../kube/kind.ts";
import { apiVersionOf, type KubeObject } from "../../kube/object.ts";
import { validate } from "../../kube/schema/validate.ts";
import { checkManifests } from "../check/check-manifests.ts";
import type { Finding } from "../check/finding.ts";
import { ofHealthCheck } from "../health/custom/rule-definition.ts";
import { RuleSet } from "../health/custom/rule-set.ts";
import type { Manifest } from "../render/manifest.ts";
import { checkPolicies } from "./check-policies.ts";
import { type CompiledPolicies, compilePolicies } from "./compile-policies.ts";
import { namespacedKinds } from "./namespaced-kinds.ts";
import { findingAt } from "./policy-subject.ts";
import { UnknownProjectError } from "./unknown-project-error.ts";
import { projectFor, sourceBreach } from "./project/project-access.ts";

export interface OfflineOptions {
  /** Policies, Projects and reports besides those in the input. */
  readonly given?: readonly Manifest[];
  /** Whether the built-in rules apply even if no Policy switches them on. @default false */
  readonly scan?: boolean;
  /** The Project whose limits hold for all of the input. */
  readonly project?: string;
}

/** Switches the scanner on where no Policy does. */
const SCAN: Policy = {
  apiVersion: "gantry.dev/v1",
  kind: "Policy",
  metadata: { name: "scan" },
  spec: { scan: {}, allowExemptions: true },
};

/** @throws {UnknownProjectError} when `project` is neither in the input nor given */
export async function checkOffline(
  manifests: readonly Manifest[],
  { given = [], scan = false, project }: OfflineOptions = {},
): Promise<Finding[]> {
  const all = [...manifests, ...given];
  const rules = ofKind(all, policies);
  const known = new Map(ofKind(all, projects).map((one) => [one.object.metadata.name, one.object]));
  const limits = project === undefined ? undefined : known.get(project);
  if (project !== undefined && limits === undefined)
    throw new UnknownProjectError(
      `there is no Project ${JSON.stringify(project)}, neither in the input nor in what --policy names`,
    );
  const isSwitchedOn = rules.some(({ object }) => object.spec.scan !== undefined);
  const used = rules.map(({ object }) => object);
  const compiled = await compilePolicies(
    scan && !isSwitchedOn ? [...used, SCAN] : used,
    (namespace, name) => configMapIn(all, namespace, name),
  );
  const broken = compiled.problems.flatMap(({ policy, path, message }) => {
    const manifest = rules.find(({ object }) => object.metadata.name === policy)?.manifest;
    if (manifest === undefined) return [];
    return [findingAt(manifest, { rule: "policy/invalid-rule", severity: "error", message, path })];
  });
  return [
    ...checkManifests(given, { references: false }),
    ...broken,
    ...(await brokenHealthChecks(manifests)),
    ...ofKind(manifests, applications).flatMap(({ manifest, object }) =>
      applicationFindings(manifest, object, known),
    ),
    ...(await checkPolicies(manifests, {
      policies: withoutBroken(compiled),
      isNamespaced: await namespacedKinds(all.map(({ object }) => object)),
      ...(limits === undefined ? {} : { project: limits, application: standIn(limits) }),
    })),
  ];
}

/** Their own files have a finding: those of every object would only hide it. */
function withoutBroken({ policies: all, problems }: CompiledPolicies): CompiledPolicies {
  const kept = all.map((one) => ({
    ...one,
    rules: one.rules.filter(({ isBroken }) => isBroken !== true),
  }));
  return { policies: kept, problems };
}

/** The Applications of a repository that also has their Projects. */
function applicationFindings(
  manifest: Manifest,
  application: Application,
  known: ReadonlyMap<string, Project>,
): Finding[] {
  // Without any Project in sight, those of the cluster count.
  if (known.size === 0) return [];
  const name = application.spec.project;
  if (name !== undefined && !known.has(name)) return [];
  const project = projectFor(application, (wanted) => known.get(wanted));
  const breach = "reason" in project ? project : sourceBreach(application, project);
  if (breach === undefined) return [];
  const { message } = breach;
  return [
    findingAt(manifest, { rule: "project/application", severity: "error", message, path: "spec" }),
  ];
}

/** In whose name objects are checked that belong to no Application yet. */
function standIn(project: Project): Application {
  return {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { name: "" },
    spec: { project: project.metadata.name, destination: {} },
  };
}

async function brokenHealthChecks(manifests: readonly Manifest[]): Promise<Finding[]> {
  const checks = ofKind<HealthCheck>(manifests, healthChecks);
  if (checks.length === 0) return [];
  const { problems } = await RuleSet.compile(checks.map(({ object }) => ofHealthCheck(object)));
  return problems.flatMap(({ name, message }) => {
    const found = checks.find(({ object }) => `HealthCheck/${object.metadata.name}` === name);
    if (found === undefined) return [];
    const path = found.object.spec.cel === undefined ? "spec.lua" : "spec.cel";
    return [
      findingAt(found.manifest, { rule: "health/invalid-rule", severity: "error", message, path }),
    ];
  });
}

/** Objects of a kind whose shape its schema has found good enough to read. */
function ofKind<T extends KubeObject>(
  manifests: readonly Manifest[],
  kind: Kind<T>,
): { readonly manifest: Manifest; readonly object: T }[] {
  return manifests.flatMap((manifest) => {
    const { object } = manifest;
    if (object.apiVersion !== apiVersionOf(kind) || object.kind !== kind.kind) return [];
    // What is wrong with others is told by the check of every manifest.
    return validate(kind.schema, object).length === 0 ? [{ manifest, object: object as T }] : [];
  });
}

function configMapIn(
  manifests: readonly Manifest[],
  namespace: string,
  name: string,
): ConfigMap | undefined {
  const found = manifests.find(
    ({ object: { apiVersion, kind, metadata } }) =>
      apiVersion === "v1" &&
      kind === "ConfigMap" &&
      metadata.name === name &&
      (metadata.namespace ?? namespace) === namespace,
  );
  return found?.object;
}
