/** ConfigMaps and Secrets. */
import { describe, expect, test } from "vitest";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { MAX_DATA_BYTES } from "../../../src/kube/kinds/data-keys.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import { cells, completed, type Draft, draft, problems, shown } from "./checked.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const fields = (found: string[]) => found.map((problem) => problem.slice(0, problem.indexOf(": ")));

describe("a ConfigMap", () => {
  test("holds keys that can be file names, once", () => {
    expect(
      problems(configMaps, { data: { "app.conf": "x", _a: "" }, binaryData: { "b-1": "AA==" } }),
    ).toEqual([]);
    expect(fields(problems(configMaps, { data: { "a/b": "x", "..": "y" } }))).toEqual([
      "data[a/b]",
      "data[..]",
    ]);
    expect(fields(problems(configMaps, { data: { a: "x" }, binaryData: { a: "AA==" } }))).toEqual([
      "data[a]",
    ]);
  });
  test("is at most 1 MiB of values, in bytes", () => {
    const half = "ü".repeat(MAX_DATA_BYTES / 4);
    expect(problems(configMaps, { data: { a: half, b: half } })).toEqual([]);
    expect(problems(configMaps, { data: { a: half, b: `${half}x` } })).toEqual([
      "data: Too long: may not be more than 1048576 bytes",
    ]);
    const binary = Buffer.alloc(MAX_DATA_BYTES + 1).toString("base64");
    expect(fields(problems(configMaps, { binaryData: { a: binary } }))).toEqual(["data"]);
  });
  test("shows how many entries it has", () => {
    const object = draft(configMaps, { data: { a: "x", b: "y" }, binaryData: { c: "AA==" } });
    expect(cells(configMaps, object).Data).toBe(3);
  });
});

describe.each([["ConfigMap", configMaps] as const, ["Secret", secrets] as const])(
  "an immutable %s",
  (_name, kind) => {
    const before: Draft = { immutable: true, data: { a: "AA==" } };
    const change = (changed: Draft, previous = before) => {
      const check = kind.strategy.validateUpdate?.bind(kind.strategy) as (
        next: unknown,
        previous: unknown,
      ) => never[];
      return shown(
        check(
          draft(kind as typeof configMaps, { ...previous, ...changed }),
          draft(kind as typeof configMaps, previous),
        ),
      );
    };
    test("keeps its data", () => {
      expect(change({ data: { a: "AQ==" } })).toEqual([
        "data: Forbidden: field is immutable when `immutable` is set",
      ]);
    });
    test("stays immutable", () => {
      expect(change({ immutable: false })).toEqual([
        "immutable: Forbidden: field is immutable when `immutable` is set",
      ]);
    });
    test("may change its labels, and become immutable", () => {
      expect(change({ metadata: { labels: { a: "b" } } })).toEqual([]);
      expect(change({ immutable: true, data: {} }, { data: { a: "AA==" } })).toEqual([]);
    });
  },
);

describe("a Secret", () => {
  test("takes stringData over into data, where it wins", () => {
    const secret = completed(secrets, {
      data: { a: base64("old"), b: base64("kept") },
      stringData: { a: "new ü😀" },
    });
    expect(secret).toMatchObject({
      type: "Opaque",
      data: { a: base64("new ü😀"), b: base64("kept") },
    });
    expect(secret.stringData).toBeUndefined();
  });
  test("encodes large texts", () => {
    const text = "x".repeat(500_000);
    expect(completed(secrets, { stringData: { a: text } }).data?.a).toBe(base64(text));
  });

  const typed: [type: string, data: Record<string, string>, missing: string[]][] = [
    ["kubernetes.io/tls", { "tls.crt": "a" }, ["data[tls.key]"]],
    ["kubernetes.io/tls", { "tls.crt": "a", "tls.key": "b" }, []],
    ["kubernetes.io/ssh-auth", {}, ["data[ssh-privatekey]"]],
    ["kubernetes.io/basic-auth", {}, ["data[username]", "data[password]"]],
    ["kubernetes.io/basic-auth", { password: "p" }, []],
    ["kubernetes.io/dockerconfigjson", {}, ["data[.dockerconfigjson]"]],
    ["kubernetes.io/dockerconfigjson", { ".dockerconfigjson": "{}" }, []],
    ["kubernetes.io/dockercfg", { ".dockercfg": "{" }, ["data[.dockercfg]"]],
    [
      "kubernetes.io/service-account-token",
      {},
      ["metadata.annotations[kubernetes.io/service-account.name]"],
    ],
    ["example.com/own", {}, []],
  ];
  test.each(typed)("of type %s with %j lacks %j", (type, texts, missing) => {
    expect(fields(problems(secrets, { type, stringData: texts }))).toEqual(missing);
  });

  test("never shows its contents in an error", () => {
    const found = problems(secrets, {
      type: "kubernetes.io/dockercfg",
      stringData: { ".dockercfg": "hunter2" },
    });
    expect(found.join()).not.toContain("hunter2");
    expect(found.join()).not.toContain(base64("hunter2"));
  });

  test("keeps its type", () => {
    const previous = draft(secrets, { type: "Opaque" });
    const next = draft(secrets, { type: "kubernetes.io/tls" });
    const found = shown(secrets.strategy.validateUpdate?.(next, previous) ?? []);
    expect(found).toEqual(['type: Invalid value: "kubernetes.io/tls": field is immutable']);
    const silent = secrets.strategy.prepareForUpdate?.(draft(secrets), next);
    expect(silent?.type).toBe("kubernetes.io/tls");
  });

  test("can be selected by type", () => {
    const object = draft(secrets, { type: "kubernetes.io/tls" });
    expect(secrets.selectableFields?.type?.(object)).toBe("kubernetes.io/tls");
  });
});
