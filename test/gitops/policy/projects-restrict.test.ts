import { describe, expect, it } from "vitest";
import {
  OPEN_PROJECT,
  projectFor,
  sourceBreach,
} from "../../../src/gitops/policy/project/project-access.ts";
import { sourceAddress } from "../../../src/gitops/policy/project/source-address.ts";
import { NO_POLICIES } from "../../../src/gitops/policy/compile-policies.ts";
import { checkPolicies } from "../../../src/gitops/policy/check-policies.ts";
import type { ProjectSpec } from "../../../src/kube/kinds/project.ts";
import { application, project, rendered } from "./rendered.ts";

const source = (repoURL: string): ReturnType<typeof application> =>
  application({ source: { repoURL }, project: "shop" });
const allows = (spec: ProjectSpec, app: ReturnType<typeof application>): boolean =>
  sourceBreach(app, project({ destinations: [{}], ...spec })) === undefined;

describe("the source", () => {
  it.each<[boolean, string[], string]>([
    [true, ["*"], "https://git.example/a"],
    [true, ["https://git.example/team/*"], "https://git.example/team/app.git"],
    [true, ["https://git.example/team/app"], "https://user:pass@git.example/team/app.git/"],
    [true, ["https://git.example/team/app.git"], "HTTPS://GIT.example:443/team/app"],
    [true, ["git@git.example:team/*"], "ssh://git@git.example/team/app"],
    [true, ["/srv/git/*"], "/srv/git/app"],
    [true, ["https://git.example/{a,b}/*"], "https://git.example/b/app"],
    [false, [], "https://git.example/a"],
    [false, ["https://git.example/team/*"], "https://git.example/other/app"],
    [false, ["https://git.example/team/*"], "https://git.example/team/../other/app"],
    [false, ["https://git.example/team/*"], "https://git.example/team/%2e%2e/other/app"],
    [false, ["https://git.example/team/*"], "https://evil.example/https://git.example/team/app"],
    [false, ["https://git.example/*"], "https://git.example@evil.example/app"],
    [false, ["https://git.example/*"], "https://git.example.evil.example/app"],
    [false, ["*", "!https://git.example/secret/*"], "https://git.example/secret/app"],
    [false, ["*", "!https://git.example/secret/*"], "https://git.example//secret/./app.git"],
    [false, ["/srv/git/*"], "/srv/git/../../etc"],
    [false, ["https://git.example/["], "https://git.example/["],
  ])("%s: %j for %s", (isAllowed, sourceRepos, repoURL) => {
    expect(allows({ sourceRepos }, source(repoURL))).toBe(isAllowed);
  });

  it("each of several counts", () => {
    const app = application({
      sources: [{ repoURL: "https://git.example/a" }, { repoURL: "https://evil.example/b" }],
    });
    const { source: _, ...spec } = app.spec;
    expect(allows({ sourceRepos: ["https://git.example/*"] }, { ...app, spec })).toBe(false);
  });

  it("is told without its credentials", () => {
    const app = source("https://user:hunter2@evil.example/app");
    const breach = sourceBreach(app, project({ destinations: [{}] }));
    expect(breach?.reason).toBe("SourceNotPermitted");
    expect(breach?.message).toContain("https://evil.example/app");
    expect(breach?.message).not.toContain("hunter2");
  });

  it("has one spelling", () => {
    expect(sourceAddress("git@GIT.example:team/app.git")).toBe("ssh://git.example/team/app");
    expect(sourceAddress("oci://ghcr.io/team/app")).toBe("oci://ghcr.io/team/app");
  });
});

describe("the destination", () => {
  const to = (destination: object): ReturnType<typeof application> =>
    application({ destination: { namespace: "default", ...destination } });
  it.each<[boolean, ProjectSpec["destinations"], object]>([
    [true, [{}], {}],
    [true, [{ namespace: "shop-*" }], { namespace: "shop-web" }],
    [true, [{ server: "https://kubernetes.default.svc", namespace: "*" }], {}],
    [true, [{ name: "in-cluster", namespace: "*" }], {}],
    [true, [{ name: "prod", namespace: "*" }], { name: "prod" }],
    [true, [{ namespace: "*" }, { namespace: "!kube-*" }], { namespace: "default" }],
    [false, [], {}],
    [false, [{ namespace: "shop-*" }], { namespace: "other" }],
    [false, [{ name: "prod", namespace: "*" }], { name: "test" }],
    [false, [{ name: "prod", namespace: "*" }], {}],
    [false, [{ namespace: "*" }, { namespace: "!kube-*" }], { namespace: "kube-system" }],
    [false, [{ server: "https://a.example" }], { server: "https://b.example" }],
  ])("%s: %j for %j", (isAllowed, destinations, destination) => {
    expect(allows({ sourceRepos: ["*"], destinations: destinations ?? [] }, to(destination))).toBe(
      isAllowed,
    );
  });
});

describe("which Project", () => {
  it("default allows everything until somebody makes one", () => {
    expect(projectFor(application(), () => undefined)).toBe(OPEN_PROJECT);
    const own = project({}, "default");
    expect(projectFor(application(), () => own)).toBe(own);
    expect(sourceBreach(application(), OPEN_PROJECT)).toBeUndefined();
    expect(sourceBreach(application(), own)?.reason).toBe("SourceNotPermitted");
  });

  it("one that does not exist, or is closed to the namespace: the same answer", () => {
    const app = application({ project: "shop" });
    const closed = project({ sourceNamespaces: ["shop-*"] });
    const missing = projectFor(app, () => undefined);
    expect(missing).toMatchObject({ reason: "ProjectNotFound" });
    expect(projectFor(app, () => closed)).toEqual(missing);
    const open = project({ sourceNamespaces: ["te*"] });
    expect(projectFor(app, () => open)).toBe(open);
  });
});

describe("what is rendered", () => {
  const OBJECTS = `
apiVersion: v1
kind: Namespace
metadata:
  name: shop
---
apiVersion: v1
kind: Secret
metadata:
  name: keys
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: kube-system
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: admin
  namespace: default
`;
  async function refused(
    spec: ProjectSpec,
    namespaced: (kind: string) => boolean | undefined = (kind) =>
      kind !== "Namespace" && kind !== "ClusterRole",
  ): Promise<string[]> {
    const findings = await checkPolicies(rendered(OBJECTS), {
      application: application(),
      project: project({ sourceRepos: ["*"], destinations: [{ namespace: "default" }], ...spec }),
      policies: NO_POLICIES,
      isNamespaced: ({ kind }) => namespaced(kind),
    });
    expect(findings.every(({ severity }) => severity === "error")).toBe(true);
    return findings.map(({ rule, line, object }) => `${rule} ${line} ${object?.name ?? ""}`);
  }
  const ANY = [{ group: "*", kind: "*" }];

  it("cluster-scoped kinds only where they are listed, namespaces only where allowed", async () => {
    expect(await refused({})).toEqual([
      "project/kind 3 shop",
      "project/namespace 16 settings",
      "project/kind 19 admin",
    ]);
    expect(await refused({ clusterResourceWhitelist: ANY, destinations: [{}] })).toEqual([]);
    expect(
      await refused({
        clusterResourceWhitelist: [{ group: "", kind: "Namespace" }],
        destinations: [{}],
      }),
    ).toEqual(["project/kind 19 admin"]);
    expect(
      await refused({
        clusterResourceWhitelist: ANY,
        clusterResourceBlacklist: [{ group: "rbac.*", kind: "*" }],
        destinations: [{}],
      }),
    ).toEqual(["project/kind 19 admin"]);
    expect(
      await refused({
        clusterResourceWhitelist: [{ group: "*", kind: "*", name: "shop*" }],
        destinations: [{}],
      }),
    ).toEqual(["project/kind 19 admin"]);
  });

  it("namespaced kinds by their lists", async () => {
    const open = { clusterResourceWhitelist: ANY, destinations: [{}] };
    expect(
      await refused({ ...open, namespaceResourceBlacklist: [{ group: "", kind: "Secret" }] }),
    ).toEqual(["project/kind 8 keys"]);
    expect(
      await refused({ ...open, namespaceResourceWhitelist: [{ group: "", kind: "Secret" }] }),
    ).toEqual(["project/kind 13 settings"]);
    expect(await refused({ ...open, namespaceResourceWhitelist: [] })).toEqual([
      "project/kind 8 keys",
      "project/kind 13 settings",
    ]);
  });

  it("a kind of which nobody knows where it lives must be allowed as either", async () => {
    const open = { destinations: [{}] };
    expect(await refused(open, () => undefined)).toHaveLength(4);
    expect(await refused({ ...open, clusterResourceWhitelist: ANY }, () => undefined)).toEqual([]);
  });
});
