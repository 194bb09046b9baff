import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DecryptError } from "../../../src/gitops/decrypt/decrypt-error.ts";
import { secretReferences } from "../../../src/gitops/decrypt/references.ts";
import type { JsonObject } from "../../../src/kube/object.ts";

const CANARY = "value-of-a-reference";
let root: string;
let filesDir: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "references-"));
  filesDir = join(root, "secrets");
  mkdirSync(join(filesDir, "team"), { recursive: true });
  mkdirSync(join(filesDir, "..data"));
  writeFileSync(join(root, "outside"), CANARY);
  writeFileSync(join(root, "secrets-of-others"), CANARY);
  writeFileSync(join(filesDir, "team", "password"), CANARY);
  writeFileSync(join(filesDir, "binary"), Buffer.from([0, 255, 10]));
  writeFileSync(
    join(filesDir, "values.yaml"),
    `a:\n  b: ${CANARY}\nport: 5432\non: true\nlist: [x]\n"odd/key": odd\n`,
  );
  writeFileSync(join(filesDir, "values.json"), JSON.stringify({ token: CANARY }));
  writeFileSync(join(filesDir, "text"), "no: [valid");
  writeFileSync(join(filesDir, "huge"), Buffer.alloc(1024 * 1024 + 1));
  writeFileSync(join(filesDir, "..data", "mounted"), CANARY);
  symlinkSync("..data/mounted", join(filesDir, "mounted"));
  symlinkSync("../outside", join(filesDir, "escape"));
  symlinkSync("/etc", join(filesDir, "etc"));
  symlinkSync("loop", join(filesDir, "loop"));
  execFileSync("mkfifo", [join(filesDir, "pipe")]);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const env = { APP_TOKEN: CANARY, APP_EMPTY: "", OTHER: CANARY, HOME: CANARY };
const allowed = () => secretReferences({ filesDir, envPrefix: "APP_", env });
const secret = (fields: JsonObject): JsonObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s" },
  ...fields,
});
const base64 = (text: string): string => Buffer.from(text).toString("base64");

async function valueOf(reference: string, references = allowed()): Promise<string | undefined> {
  const { data, stringData } = await references.resolve(
    secret({ stringData: { key: reference, other: "stays" } }),
  );
  expect(stringData).toEqual({ other: "stays" });
  const value = (data as JsonObject)["key"];
  return typeof value === "string" ? Buffer.from(value, "base64").toString() : undefined;
}

async function refusal(reference: string, references = allowed()): Promise<string> {
  try {
    await valueOf(reference, references);
  } catch (error) {
    expect(error).toBeInstanceOf(DecryptError);
    const { code, message } = error as DecryptError;
    expect(message).not.toContain(CANARY);
    expect(message).toContain("stringData.key");
    return code;
  }
  throw new Error("it was not refused");
}

test("files, members of files, and variables", async () => {
  expect(await valueOf("ref+file://team/password")).toBe(CANARY);
  expect(await valueOf("ref+file://./team//password")).toBe(CANARY);
  expect(await valueOf("ref+file://values.yaml#/a/b")).toBe(CANARY);
  expect(await valueOf("ref+file://values.yaml#port")).toBe("5432");
  expect(await valueOf("ref+file://values.yaml#on")).toBe("true");
  expect(await valueOf("ref+file://values.yaml#odd/key")).toBe("odd");
  expect(await valueOf("ref+file://values.json#token")).toBe(CANARY);
  expect(await valueOf("ref+env://APP_TOKEN")).toBe(CANARY);
  expect(await valueOf("ref+env://APP_EMPTY")).toBe("");
});

test("a file behind a link that stays inside, as the kubelet mounts Secrets", async () => {
  expect(await valueOf("ref+file://mounted")).toBe(CANARY);
});

test("bytes stay bytes, and data may hold references, too", async () => {
  const { data } = await allowed().resolve(
    secret({ data: { a: base64("ref+file://binary"), b: base64("plain") } }),
  );
  expect(data).toEqual({ a: "AP8K", b: base64("plain") });
});

test("stringData wins over data, as in the API", async () => {
  const { data } = await allowed().resolve(
    secret({
      data: { key: base64("ref+env://APP_TOKEN") },
      stringData: { key: "ref+env://APP_EMPTY" },
    }),
  );
  expect(data).toEqual({ key: "" });
});

test("a changed file is seen at the next look", async () => {
  const references = allowed();
  writeFileSync(join(filesDir, "rotated"), "before");
  expect(await valueOf("ref+file://rotated", references)).toBe("before");
  writeFileSync(join(filesDir, "rotated"), "after");
  expect(await valueOf("ref+file://rotated", references)).toBe("after");
});

test("objects without references are given back as they are", async () => {
  const plain = secret({ stringData: { a: "x ref+file://team/password", b: "refs" } });
  expect(await allowed().resolve(plain)).toBe(plain);
  const other = { apiVersion: "v1", kind: "ConfigMap", data: { a: "ref+file://team/password" } };
  expect(await allowed().resolve(other)).toBe(other);
});

test.each([
  "ref+file://../outside",
  "ref+file://team/../../outside",
  "ref+file:///etc/passwd",
  "ref+file://",
  "ref+file://.",
  "ref+file://a\0b",
  "ref+file://../secrets-of-others",
  "ref+file://escape",
  "ref+file://etc/passwd",
  "ref+file://pipe",
  "ref+file://team",
  "ref+env://HOME",
  "ref+env://OTHER",
  "ref+env://APP-TOKEN",
  "ref+env://",
  "ref+env://APP_TOKEN=x",
])("%s is refused", async (reference) => {
  expect(await refusal(reference)).toBe("reference-refused");
});

test.each([
  "ref+file://absent",
  "ref+file://loop",
  "ref+file://team/password/deeper",
  "ref+file://values.yaml#absent",
  "ref+file://values.yaml#a",
  "ref+file://values.yaml#list",
  "ref+file://values.yaml#__proto__",
  "ref+file://values.yaml#/a/constructor/name",
  "ref+file://text#key",
  "ref+file://%2e%2e/outside",
  "ref+env://APP_ABSENT",
])("%s is missed", async (reference) => {
  expect(await refusal(reference)).toBe("reference-missing");
});

test("a file that no Secret can hold", async () => {
  expect(await refusal("ref+file://huge")).toBe("too-large");
});

test("nothing may be referred to unless the server says so", async () => {
  const off = secretReferences();
  expect(await refusal("ref+file://team/password", off)).toBe("reference-refused");
  expect(await refusal("ref+env://APP_TOKEN", off)).toBe("reference-refused");
  const everything = secretReferences({ envPrefix: "", env });
  expect(await refusal("ref+env://APP_TOKEN", everything)).toBe("reference-refused");
});
