/** What is found in one object, where, and what is advised. */
import { describe, expect, test } from "vitest";
import { type CheckOptions, checkManifests } from "../../../src/gitops/check/check-manifests.ts";
import type { Finding } from "../../../src/gitops/check/finding.ts";
import { manifestsOf, readManifestFile } from "../../../src/gitops/render/manifest-file.ts";

function check(text: string, options: CheckOptions = {}): Finding[] {
  const file = readManifestFile(Buffer.from(text));
  expect(file.findings).toEqual([]);
  return checkManifests(manifestsOf(file, "app.yaml"), { references: false, ...options });
}

function only(text: string, options: CheckOptions = {}): Finding {
  const findings = check(text, options);
  expect(findings).toHaveLength(1);
  const [finding] = findings;
  if (finding === undefined) throw new Error("no finding");
  return finding;
}

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: app:v1
          ports:
            - containerPort: 8080
`;

test("a good object has no findings", () => {
  expect(check(DEPLOYMENT)).toEqual([]);
});

describe("schema", () => {
  test("an unknown field is an error at its key, with what was meant", () => {
    expect(only(DEPLOYMENT.replace("replicas", "replica"))).toEqual({
      severity: "error",
      rule: "schema/unknown-field",
      message: "spec.replica: there is no such field",
      file: "app.yaml",
      line: 6,
      column: 3,
      path: "spec.replica",
      object: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      suggestion: 'Did you mean "replicas"?',
    });
  });

  test("a field one level off is said to be so", () => {
    const tooHigh = DEPLOYMENT.replace(
      "    spec:\n      containers",
      "    spec:\n      imagePullPolicy: Always\n      containers",
    );
    expect(only(tooHigh).suggestion).toBe(
      "imagePullPolicy belongs to the items of containers: check the indentation",
    );
    const tooDeep = DEPLOYMENT.replace(
      "    matchLabels: {app: web}",
      "    matchLabels: {app: web}\n    minReadySeconds: 3",
    );
    expect(only(tooDeep).suggestion).toBe("minReadySeconds belongs to spec: check the indentation");
  });

  test.each([
    [
      "replicas: 3",
      'replicas: "3"',
      "spec.replicas: must be an integer, not a string",
      6,
      13,
      "Write the value without quotes",
    ],
    [
      "image: app:v1",
      "image: 12",
      "spec.template.spec.containers[0].image: must be a string, not an integer",
      15,
      18,
      "Put the value in quotes",
    ],
    [
      "labels: {app: web}",
      "labels: [app]",
      "spec.template.metadata.labels: must be an object, not an array",
      11,
      15,
      undefined,
    ],
  ])(
    "a wrong type is an error at its value: %s → %s",
    (from, to, message, line, column, suggestion) => {
      const finding = only(DEPLOYMENT.replace(from, to));
      expect(finding).toMatchObject({ rule: "schema/wrong-type", message, line, column });
      expect(finding.suggestion).toBe(suggestion);
    },
  );

  test("a missing required field is an error at what should hold it", () => {
    const finding = only(
      DEPLOYMENT.replace("        - name: web\n          image", "        - image"),
    );
    expect(finding).toMatchObject({
      rule: "schema/required",
      path: "spec.template.spec.containers[0].name",
      line: 14,
      column: 11,
    });
  });

  test("a value that is not supported comes with the nearest one", () => {
    const text = DEPLOYMENT.replace(
      "image: app:v1",
      "image: app:v1\n          imagePullPolicy: always",
    );
    expect(only(text)).toMatchObject({
      rule: "schema/unsupported-value",
      line: 16,
      suggestion: 'Did you mean "Always"?',
    });
  });

  test("kinds without rules of their own still have a schema", () => {
    const text = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelecter: {}
`;
    expect(only(text)).toMatchObject({ line: 5, suggestion: 'Did you mean "podSelector"?' });
  });
});

describe("kinds", () => {
  const unknown = (apiVersion: string, kind: string): string =>
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: x}\n`;

  test.each([
    ["apps/v1", "Deploymnt", "Did you mean Deployment?"],
    ["v1", "Deployment", "Deployment is in apps/v1"],
    ["apps/v2", "Deployment", "Deployment is in apps/v1"],
    ["batch/v1", "Crontab", undefined],
  ])("%s %s is an unknown kind of Kubernetes' own", (apiVersion, kind, suggestion) => {
    const finding = only(unknown(apiVersion, kind));
    expect(finding).toMatchObject({
      severity: "error",
      rule: "schema/unknown-kind",
      line: 2,
      column: 7,
    });
    if (suggestion !== undefined) expect(finding.suggestion).toBe(suggestion);
  });

  test("kinds of others are left to the destination, unless asked otherwise", () => {
    const text = unknown("example.com/v1", "Widget");
    expect(check(text)).toEqual([]);
    expect(only(text, { unknownKinds: "error" }).severity).toBe("error");
    expect(only(text, { unknownKinds: "warning" }).severity).toBe("warning");
  });

  const CRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [size]
              properties:
                size: {type: integer, minimum: 1}
---
`;

  test("a definition in the input is used for its objects, wherever it stands", () => {
    const widget = (spec: string): string =>
      `${unknown("example.com/v1", "Widget")}spec: ${spec}\n`;
    const options: CheckOptions = { unknownKinds: "error" };
    expect(check(CRD + widget("{size: 2}"), options)).toEqual([]);
    expect(only(`${widget("{size: big}")}---\n${CRD}`, options)).toMatchObject({
      rule: "schema/wrong-type",
      line: 4,
    });
    expect(only(CRD + widget("{size: 0}"), options).message).toContain("spec.size");
    expect(only(CRD + widget("{size: 1, sise: 2}"), options).suggestion).toBe(
      'Did you mean "size"?',
    );
    expect(only(CRD + widget("{}"), options).rule).toBe("schema/required");
    expect(only(CRD + widget("{size: 1}").replace("v1", "v2"), options).rule).toBe(
      "schema/unknown-kind",
    );
  });

  test("a definition in error is one finding, not one for each of its objects", () => {
    const broken = CRD.replace("type: integer", "type: intger");
    const findings = check(`${broken}${unknown("example.com/v1", "Widget")}spec: {size: 1}\n`, {
      unknownKinds: "error",
    });
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.every(({ object }) => object?.kind === "CustomResourceDefinition")).toBe(true);
  });
});

describe("rules of the kind", () => {
  test("selector and labels must match", () => {
    const finding = only(DEPLOYMENT.replace("labels: {app: web}", "labels: {app: other}"));
    expect(finding).toMatchObject({ severity: "error", rule: "kind/invalid-value" });
    expect(finding.line).toBeGreaterThan(9);
  });

  test("names and labels are held to their syntax", () => {
    expect(only(DEPLOYMENT.replace("  name: web\nspec", "  name: Web_1\nspec"))).toMatchObject({
      path: "metadata.name",
      line: 4,
      column: 9,
    });
    const labelled = DEPLOYMENT.replace("name: web\nspec", "name: web\n  labels: {a b: c}\nspec");
    expect(only(labelled).path).toBe("metadata.labels");
  });

  test("ports are ports", () => {
    expect(only(DEPLOYMENT.replace("8080", "80800"))).toMatchObject({ line: 17, column: 30 });
  });

  test("several mistakes are told together", () => {
    const text = DEPLOYMENT.replace("replicas: 3", "replicas: -1").replace("8080", "0");
    expect(check(text).map(({ line }) => line)).toEqual([6, 17]);
  });
});

describe("secrets", () => {
  test.each([
    ["data: {password: not-base64-hunter2!}", "schema"],
    ["data: {password: [hunter2]}", "schema"],
    ["stringData: {password: {nested: hunter2}}", "schema"],
    ["type: 12\nstringData: {password: hunter2}", "schema"],
    ["data: {'bad key hunter': aHVudGVyMg==}", "kind"],
  ])("%s: wrong, and no value shown", (body, stage) => {
    const findings = check(`apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n${body}\n`);
    expect(findings.length).toBeGreaterThan(0);
    expect(findings[0]?.rule).toMatch(new RegExp(`^${stage}/`));
    expect(JSON.stringify(findings)).not.toMatch(/hunter2|aHVudGVyMg/);
  });
});

describe("releases of Kubernetes", () => {
  const ingress = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: x}\n";
  const budget =
    "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailable: 1, selector: {}}\n";

  test("an API that was removed is an error that names its successor", () => {
    expect(only(ingress)).toMatchObject({
      severity: "error",
      rule: "api/removed",
      line: 1,
      column: 13,
      message: "Ingress in extensions/v1beta1 was removed in Kubernetes 1.22",
      suggestion: "Use networking.k8s.io/v1",
    });
  });

  test("for an older release it is only deprecated, or fine", () => {
    expect(only(ingress, { kubernetesVersion: "1.20" })).toMatchObject({
      severity: "warning",
      rule: "api/deprecated",
    });
    expect(only(ingress, { kubernetesVersion: "1.20", strict: true }).severity).toBe("error");
  });

  test("an API that came later is an error", () => {
    expect(only(budget, { kubernetesVersion: "v1.20.4" })).toMatchObject({ rule: "api/too-new" });
    expect(check(budget, { kubernetesVersion: "1.21" })).toEqual([]);
  });
});
