/** A push that Projects or Policies forbid is refused before the ref moves. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { policies } from "../../../src/kube/kinds/policy.ts";
import { projects } from "../../../src/kube/kinds/project.ts";
import { configMap } from "./git-clone.ts";
import { type PushedServer, startPushedServer } from "./pushed-server.ts";

let pushed: PushedServer;
beforeEach(async () => {
  pushed = await startPushedServer();
});
afterEach(() => pushed.stop());

test("a Policy refuses with file, line and its message; what keeps to it passes", async () => {
  const { server, clone } = pushed;
  await server.client.create(policies, {
    apiVersion: "gantry.dev/v1",
    kind: "Policy",
    metadata: { name: "keys" },
    spec: {
      rules: [
        {
          name: "small",
          expression: "!object.data.exists(key, object.data[key] == 'forbidden')",
          message: "holds what it must not",
          field: "data",
        },
      ],
    },
  });
  await clone.commit({ "a.yaml": configMap("a", "forbidden") });
  const refused = await clone.push("main");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/a\.yaml:\d+:\d+: holds what it must not/);
  await clone.commit({ "a.yaml": configMap("a", "1") });
  expect(await clone.push("main")).toMatchObject({ code: 0 });
});

test("a Project that does not allow the repository refuses every push to it", async () => {
  const { server, clone } = pushed;
  await server.client.create(projects, {
    apiVersion: "gantry.dev/v1",
    kind: "Project",
    metadata: { name: "default" },
    spec: { sourceRepos: ["https://git.example/*"], destinations: [{}] },
  });
  await clone.commit({ "a.yaml": configMap("a", "1") });
  const { code, stderr } = await clone.push("main");
  expect(code).toBe(1);
  expect(stderr).toContain("Project default does not allow the repository gantry://default/shop");
});
