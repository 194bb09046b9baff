import { describe, expect, test } from "vitest";
import { type Alert, alerts, patternProblem } from "../../../src/kube/kinds/alert.ts";
import { isSelected } from "../../../src/kube/kinds/event-source.ts";
import { kindFor } from "../../../src/kube/kinds/index.ts";
import { type Provider, providers } from "../../../src/kube/kinds/provider.ts";
import { type Receiver, receivers } from "../../../src/kube/kinds/receiver.ts";

const metadata = { name: "x", namespace: "default" };
const apiVersion = "gantry.dev/v1";
const provider = (spec: object): Provider => ({
  apiVersion,
  kind: "Provider",
  metadata,
  spec: { type: "slack", ...spec },
});
const alert = (spec: object): Alert => ({
  apiVersion,
  kind: "Alert",
  metadata,
  spec: { providerRef: { name: "p" }, eventSources: [{ kind: "Application", name: "*" }], ...spec },
});
const receiver = (spec: object): Receiver => ({
  apiVersion,
  kind: "Receiver",
  metadata,
  spec: { type: "github", secretRef: { name: "s" }, resources: [], ...spec },
});
const fields = (errors: readonly { field: string }[] | undefined): string[] =>
  (errors ?? []).map(({ field }) => field);

test.each(["Provider", "Alert", "Receiver"])("%s is served, namespaced, with a status", (kind) => {
  const found = kindFor("gantry.dev/v1", kind);
  expect(found).toMatchObject({ kind, namespaced: true, subresources: { status: true } });
  expect(found?.schema.properties).toHaveProperty("spec");
});

describe("a Provider", () => {
  test("has a type that there is, and an address of the web", () => {
    expect(providers.strategy.validate?.(provider({ address: "https://hooks.example/x" }))).toEqual(
      [],
    );
    expect(fields(providers.strategy.validate?.(provider({ type: "smtp" })))).toEqual([
      "spec.type",
    ]);
    for (const address of [
      "file:///etc/passwd",
      "ftp://host",
      "host",
      "https://",
      "javascript:alert(1)",
    ])
      expect(fields(providers.strategy.validate?.(provider({ address })))).toEqual([
        "spec.address",
      ]);
  });
  test("keeps its address, which may hold a token, out of messages", () => {
    const errors = providers.strategy.validate?.(
      provider({ address: "hooks.example/secret-token" }),
    );
    expect(JSON.stringify(errors)).not.toContain("secret-token");
  });
});

describe("an Alert", () => {
  test("names triggers that there are, and patterns that end", () => {
    expect(
      alerts.strategy.validate?.(alert({ triggers: ["on-deployed"], exclusionList: ["^a.*b$"] })),
    ).toEqual([]);
    expect(
      fields(alerts.strategy.validate?.(alert({ triggers: ["on-deployed", "on-fire"] }))),
    ).toEqual(["spec.triggers[1]"]);
    expect(fields(alerts.strategy.validate?.(alert({ inclusionList: ["ok", "("] })))).toEqual([
      "spec.inclusionList[1]",
    ]);
    expect(
      fields(
        alerts.strategy.validate?.(alert({ exclusionList: Array.from({ length: 51 }, () => "a") })),
      ),
    ).toEqual(["spec.exclusionList"]);
  });
  test.each([
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    "(?<!a)",
    "(a)\\1",
    "(?<n>a)\\k<n>",
    "a".repeat(501),
    "[",
  ])("has no pattern like %s", (pattern) => {
    expect(patternProblem(pattern)).toBeDefined();
  });
});

describe("a Receiver", () => {
  test("needs a Secret, or whose tokens it takes", () => {
    expect(receivers.strategy.validate?.(receiver({}))).toEqual([]);
    expect(fields(receivers.strategy.validate?.(receiver({ secretRef: undefined })))).toEqual([
      "spec.secretRef",
    ]);
    expect(fields(receivers.strategy.validate?.(receiver({ type: "generic-oidc" })))).toEqual([
      "spec.oidcProviders",
    ]);
    const oidcProviders = [{ issuerURL: "accounts.example", audience: "" }];
    expect(
      fields(receivers.strategy.validate?.(receiver({ type: "generic-oidc", oidcProviders }))),
    ).toEqual(["spec.oidcProviders[0].issuerURL", "spec.oidcProviders[0].audience"]);
    expect(fields(receivers.strategy.validate?.(receiver({ type: "svn" })))).toEqual(["spec.type"]);
  });
});

test("Applications are selected by name, namespace and labels", () => {
  const object = {
    apiVersion,
    kind: "Application",
    metadata: { ...metadata, labels: { team: "shop" } },
  };
  const selects = (source: object): boolean =>
    isSelected(object, [{ kind: "Application", name: "*", ...source }], "default");
  expect(selects({})).toBe(true);
  expect(selects({ name: "x" })).toBe(true);
  expect(selects({ name: "y" })).toBe(false);
  expect(selects({ namespace: "other" })).toBe(false);
  expect(selects({ matchLabels: { team: "shop" } })).toBe(true);
  expect(selects({ matchLabels: { team: "ops" } })).toBe(false);
  expect(isSelected(object, [], "default")).toBe(false);
});
