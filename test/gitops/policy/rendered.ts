import { checkPolicies, type PolicyCheck } from "../../../src/gitops/policy/check-policies.ts";
import { compilePolicies } from "../../../src/gitops/policy/compile-policies.ts";
import type { Finding } from "../../../src/gitops/check/finding.ts";
import { manifestsOf, readManifestFile } from "../../../src/gitops/render/manifest-file.ts";
import { DEFAULT_RENDER_LIMITS } from "../../../src/gitops/render/render.ts";
import type { Manifest } from "../../../src/gitops/render/manifest.ts";
import type { Application, ApplicationSpec } from "../../../src/kube/kinds/application.ts";
import type { ConfigMap } from "../../../src/kube/kinds/configmap.ts";
import type { Policy, PolicySpec } from "../../../src/kube/kinds/policy.ts";
import type { Project, ProjectSpec } from "../../../src/kube/kinds/project.ts";

export function rendered(yaml: string, file = "web.yaml"): Manifest[] {
  return manifestsOf(readManifestFile(new TextEncoder().encode(yaml), DEFAULT_RENDER_LIMITS), file);
}

export function policy(spec: PolicySpec, name = "test"): Policy {
  return { apiVersion: "gantry.dev/v1", kind: "Policy", metadata: { name }, spec };
}
export function project(spec: ProjectSpec, name = "shop"): Project {
  return { apiVersion: "gantry.dev/v1", kind: "Project", metadata: { name }, spec };
}
export function application(spec: Partial<ApplicationSpec> = {}, namespace = "team"): Application {
  return {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { name: "app", namespace },
    spec: {
      source: { repoURL: "https://git.example/team/app" },
      destination: { namespace: "default" },
      ...spec,
    },
  };
}

const CLUSTER_SCOPED = new Set(["Namespace", "ClusterRole", "CustomResourceDefinition"]);

export async function check(
  yaml: string,
  policies: readonly Policy[],
  {
    configMapOf,
    ...more
  }: Partial<PolicyCheck> & {
    readonly configMapOf?: (namespace: string, name: string) => ConfigMap | undefined;
  } = {},
): Promise<Finding[]> {
  return checkPolicies(rendered(yaml), {
    policies: await compilePolicies(policies, configMapOf),
    isNamespaced: ({ kind }) => !CLUSTER_SCOPED.has(kind),
    ...more,
  });
}
