import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { deployments } from "../../src/kube/kinds/deployment.ts";
import { gantry } from "./command-line.ts";
import { type ServerFixture, startServerFixture } from "./server-fixture.ts";

const configMap = (values: Record<string, string>): string =>
  [
    "apiVersion: v1",
    "kind: ConfigMap",
    "metadata:",
    "  name: a",
    "data:",
    ...Object.entries(values).map(([key, value]) => `  ${key}: "${value}"`),
    "",
  ].join("\n");
const deployment = (command: string): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: app
          image: local
          command: ["/bin/sh", "-c", "${command}"]
`;

let fixture: ServerFixture;
let flags: string[];
let [first, second] = ["", ""];
beforeAll(async () => {
  fixture = await startServerFixture({ "maps/a.yaml": configMap({ one: "1", two: "2" }) });
  flags = ["--data-dir", fixture.dataDir];
  first = (await synced()).status?.sync?.revision ?? "";
  second = fixture.commit({ "maps/a.yaml": configMap({ one: "1", two: "22" }) }, "double two");
  await synced(second);
});
afterAll(() => fixture.stop());

const synced = (revision?: string) =>
  fixture.application(
    ({ status }) =>
      status?.sync?.status === "Synced" &&
      status.lastSynced !== undefined &&
      (revision === undefined || status.lastSynced.revision === revision),
  );
const key = { namespace: "default", name: "a" };

describe("gantry blame", () => {
  test("names the commit, author, file and line of each field", async () => {
    const { stdout, exitCode } = await gantry("blame", "cm/a", "-o", "json", ...flags);
    expect(exitCode).toBe(0);
    const { fields, application } = JSON.parse(stdout) as {
      application: string;
      fields: { field: string }[];
    };
    expect(application).toBe("default/default");
    const field = (name: string): object => fields.find((one) => one.field === name) ?? {};
    expect(field("data.one")).toMatchObject({ commit: first, file: "maps/a.yaml", line: 6 });
    expect(field("data.two")).toMatchObject({
      commit: second,
      subject: "double two",
      author: "t",
      file: "maps/a.yaml",
      line: 7,
    });
    const text = (await gantry("blame", "configmap", "a", ...flags)).stdout;
    expect(text).toMatch(
      new RegExp(`data.two +"22" +${second.slice(0, 10)} t: double two +maps/a.yaml:7`),
    );
  });

  test("says what is wrong with the name of an object", async () => {
    expect((await gantry("blame", "cm/zzz", ...flags)).stderr).toMatch(
      /there is no ConfigMap zzz in namespace default/,
    );
    expect((await gantry("blame", "nonsense/a", ...flags)).stderr).toMatch(
      /the server has no kind nonsense/,
    );
    expect((await gantry("blame", "a", ...flags)).exitCode).toBe(2);
  });
});

describe("gantry history", () => {
  test("has outcome, duration and changes", async () => {
    const { stdout } = await gantry("history", ...flags);
    expect(stdout).toMatch(/^ID +DEPLOYED +REVISION +OUTCOME +TOOK +CHANGES/);
    expect(stdout).toMatch(/\n1 .* Succeeded +\d+s +\+1 +t +automated +start/);
    expect(stdout).toMatch(/\n2 .* Succeeded +\d+s +~1 +t +automated +double two/);
  });
});

describe("gantry drift", () => {
  test("names the field, the manager, the user and the time", async () => {
    const selfHeal = (value: boolean) =>
      fixture.server.client.patch(
        applications,
        { namespace: "default", name: "default" },
        { type: "merge", body: { spec: { syncPolicy: { automated: { selfHeal: value } } } } },
      );
    await selfHeal(false);
    await fixture.server.client.patch(
      configMaps,
      key,
      { type: "merge", body: { data: { one: "meddled" } } },
      { fieldManager: "kubectl-edit" },
    );
    await fixture.application(
      ({ status }) => status?.drift?.some(({ healedAt }) => healedAt === undefined) === true,
    );
    const { stdout, exitCode } = await gantry("drift", ...flags);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/ConfigMap default\/a: changed/);
    expect(stdout).toMatch(/data\.one.*by kubectl-edit \(admin\) at \d{4}-/);
    const blamed = (await gantry("blame", "cm/a", ...flags)).stdout;
    expect(blamed).toMatch(/data\.one +"meddled" +kubectl-edit at .* drift from maps\/a\.yaml:6/);
    await selfHeal(true);
    const { status } = await fixture.application(
      (app) => app.status?.drift?.at(-1)?.healedAt !== undefined,
    );
    expect(status?.drift?.at(-1)?.fields?.[0]).toMatchObject({
      live: "meddled",
      git: "1",
      user: "admin",
    });
    expect((await gantry("drift", ...flags)).exitCode).toBe(0);
  });
});

describe("gantry why", () => {
  test("is short when all is well", async () => {
    const { stdout, exitCode } = await gantry("why", ...flags);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^default\/default is Synced and Healthy\n/);
    expect(stdout).toMatch(/double two \(t, deployed/);
  });

  test("goes from the commit to the last words of the failing container", async () => {
    fixture.commit({ "web.yaml": deployment("echo no database; exit 3") }, "add web");
    await fixture.application(({ status }) => status?.health?.status === "Degraded");
    const { stdout, exitCode } = await gantry("why", ...flags);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^default\/default is Synced and Degraded: .*exit code 3/);
    expect(stdout).toMatch(/add web \(t/);
    expect(stdout).toMatch(
      /deployment\/web: .*\n +pod web-\S+: .*\n +last lines of app.*\n +no database/,
    );
    expect(stdout).toMatch(/\nnext: kubectl -n default logs web-\S+ -c app/);
    const synced = await gantry("sync", "--wait", "--timeout", "20s", ...flags);
    expect(synced.exitCode).toBe(1);
    expect(synced.stderr).toMatch(/pod web-\S+: .*\n +last lines of app.*\n +no database/);
    const json = JSON.parse((await gantry("why", "-o", "json", ...flags)).stdout) as object;
    expect(json).toMatchObject({ application: "default/default", isFine: false });
    fixture.commit({ "web.yaml": deployment("exec sleep 600") }, "mend web");
    await fixture.application(
      ({ status }) => status?.health?.status === "Healthy" && (status.resources?.length ?? 0) > 1,
    );
  });

  test("names file, line and column of a manifest that is wrong", async () => {
    fixture.commit(
      { "maps/b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndatas: {}\n" },
      "a typo",
    );
    await fixture.application(
      ({ status }) => status?.conditions?.some(({ type }) => type === "InvalidManifests") === true,
    );
    const { stdout, exitCode } = await gantry("why", ...flags);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/InvalidManifests\n +maps\/b.yaml:4:1/);
    expect(stdout).toMatch(/next: gantry validate \./);
    expect(
      await fixture.server.client.get(deployments, { namespace: "default", name: "web" }),
    ).toBeDefined();
  });
});
