import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gantry } from "./command-line.ts";

let directory: string;
const write = (path: string, content: string): string => {
  const file = join(directory, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
};
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "gantry-validate-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const BAD_DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicsa: 2
  selector:
    matchLabels: { app: web }
  template:
    metadata:
      labels: { app: web }
    spec:
      containers:
        - name: web
          image: nginx:1.27
`;
const WIDGET = `apiVersion: example.com/v1
kind: Widget
metadata:
  name: w
spec:
  size: big
`;
const WIDGET_SCHEMA = JSON.stringify({
  type: "object",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["colour"],
      properties: { size: { type: "integer" }, colour: { type: "string" } },
    },
  },
});

test("valid manifests are exit status 0", async () => {
  const file = write("ok/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n");
  expect(await gantry("validate", file)).toMatchObject({ exitCode: 0, stderr: "" });
});

test("a finding has file, line, column and a hint, and is exit status 1", async () => {
  const file = write("bad/web.yaml", BAD_DEPLOYMENT);
  const result = await gantry("validate", dirname(file));
  expect(result.exitCode).toBe(1);
  expect(result.stdout).toContain(`${file}:6:3`);
  expect(result.stdout).toMatch(/replicsa/);
  expect(result.stdout).toMatch(/replicas/);
});

test.each([
  ["json", /"status": ?"statusInvalid"/],
  ["junit", /<testsuites/],
  ["tap", /^not ok 1/m],
  ["sarif", /"version": ?"2\.1\.0"/],
  ["github", /^::error file=.*line=6/m],
])("the %s format says the same", async (output, expected) => {
  const result = await gantry(
    "validate",
    "--output",
    output,
    write("bad/web.yaml", BAD_DEPLOYMENT),
  );
  expect(result.exitCode).toBe(1);
  expect(result.stdout).toMatch(expected);
});

describe("kinds that nobody has defined", () => {
  test("are findings, unless they are to be skipped", async () => {
    const file = write("crs/w.yaml", WIDGET);
    expect((await gantry("validate", file)).exitCode).toBe(1);
    expect((await gantry("validate", "--ignore-missing-schemas", file)).exitCode).toBe(0);
  });

  test("are checked by JSON Schemas that a location names", async () => {
    const file = write("crs/w.yaml", WIDGET);
    write("schemas/example.com/widget_v1.json", WIDGET_SCHEMA);
    const location = join(
      directory,
      "schemas/{{.Group}}/{{.ResourceKind}}_{{ .ResourceAPIVersion }}.json",
    );
    const result = await gantry(
      "validate",
      "--schema-location",
      "default",
      "--schema-location",
      location,
      file,
    );
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toMatch(/spec\.size/);
    expect(result.stdout).toMatch(/spec\.colour/);
    expect(result.stdout).toContain(`${file}:6:`);
    writeFileSync(file, WIDGET.replace("size: big", "size: 3\n  colour: red"));
    expect((await gantry("validate", "--schema-location", location, file)).exitCode).toBe(0);
  });

  test("are checked by schemas from a server, too", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      if (request.url === "/v1.33.0-standalone-strict/widget-example-v1.json")
        response.end(WIDGET_SCHEMA);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const location = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const file = write("crs/w.yaml", WIDGET);
    const result = await gantry(
      "validate",
      "--strict",
      "--kubernetes-version",
      "1.33",
      "--schema-location",
      location,
      file,
    );
    expect(asked).toEqual(["/v1.33.0-standalone-strict/widget-example-v1.json"]);
    expect(result.exitCode).toBe(1);
    await new Promise((resolve) => server.close(resolve));
    const refused = await gantry("validate", "--schema-location", location, file);
    expect(refused).toMatchObject({ exitCode: 2, stdout: "" });
    expect(refused.stderr).toMatch(/widget-example-v1\.json cannot be read/);
  });
});

test.each([
  [["validate"], /PATH/],
  [["validate", "/does/not/exist"], /\/does\/not\/exist/],
  [["validate", "--kubernetes-version", "new", "."], /--kubernetes-version new/],
  [["validate", "--schema-location", "{{.Wrong}}.json", "w.yaml"], /unknown variable|w\.yaml/],
])("%j could not run: exit status 2", async (args, message) => {
  const result = await gantry(...args);
  expect(result).toMatchObject({ exitCode: 2, stdout: "" });
  expect(result.stderr).toMatch(message);
});

test("render prints what was read, with where it is from", async () => {
  const file = write("render/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n");
  const result = await gantry("render", dirname(file));
  expect(result).toMatchObject({ exitCode: 0, stderr: "" });
  expect(result.stdout).toBe(
    "---\n# a.yaml:1\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
  );
  write("render/b.yaml", "a: [\n");
  const broken = await gantry("render", dirname(file));
  expect(broken).toMatchObject({ exitCode: 2, stdout: "" });
  expect(broken.stderr).toMatch(/b\.yaml:\d+:\d+/);
});

test("doctor checks the machine", async () => {
  const flags = [
    "--data-dir",
    join(directory, "data"),
    "--api-listen",
    "127.0.0.1:0",
    "--listen",
    "127.0.0.1:0",
  ];
  const result = await gantry("doctor", ...flags);
  expect(result.exitCode).toBe(0);
  expect(result.stdout).toMatch(/1 ✔ Node\.js/);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const taken = await gantry(
    "doctor",
    ...flags.slice(0, 4),
    "--listen",
    `127.0.0.1:${port}`,
    "-o",
    "json",
  );
  await new Promise((resolve) => server.close(resolve));
  expect(taken.exitCode).toBe(1);
  expect(taken.stdout).toMatch(/cannot be had: EADDRINUSE/);
});
