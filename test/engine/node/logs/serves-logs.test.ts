import { afterEach, beforeEach, expect, it } from "vitest";
import { pods } from "../../../../src/kube/kinds/pod.ts";
import { Harness } from "../agent-harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.close());

const shell = (name: string, script: string) => ({
  name,
  image: "x",
  command: ["sh", "-c", script],
});
const key = { namespace: "default", name: "web" };
async function logs(options: Parameters<typeof harness.client.logs>[1]): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of harness.client.logs(key, options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
const restarted = (count: number) =>
  harness.until("web", ({ status }) => status?.containerStatuses?.[0]?.restartCount === count);

it("follows a container to its end", async () => {
  await harness.createPod("web", {
    restartPolicy: "Never",
    containers: [shell("main", "for n in 1 2 3; do echo $n; sleep 0.1; done")],
  });
  await harness.until("web", ({ status }) => status?.phase === "Running");
  expect(await logs({ follow: true })).toBe("1\n2\n3\n");
});

it("gives the output of the run before", async () => {
  await harness.createPod("web", {
    containers: [
      shell(
        "main",
        "if [ -e data/again ]; then echo second; sleep 1000; fi; touch data/again; echo first; exit 1",
      ),
    ].map((container) => ({ ...container, volumeMounts: [{ name: "data", mountPath: "/data" }] })),
    volumes: [{ name: "data", emptyDir: {} }],
    terminationGracePeriodSeconds: 1,
  });
  await restarted(1);
  expect(await logs({ previous: true })).toBe("first\n");
});

it("says what is wrong with a request", async () => {
  await harness.createPod("web", {
    containers: [shell("main", "sleep 1000"), shell("other", "sleep 1000")],
    terminationGracePeriodSeconds: 1,
  });
  await harness.until("web", ({ status }) => status?.phase === "Running");
  await expect(logs({ container: "none" })).rejects.toThrow(
    /container none is not valid for pod web/,
  );
  await expect(logs({ container: "main", previous: true })).rejects.toThrow(
    'previous terminated container "main" in pod "web" not found',
  );
  await harness.createPod("waiting", {
    containers: [{ ...shell("main", "true"), envFrom: [{ secretRef: { name: "missing" } }] }],
  });
  await harness.until("waiting", ({ status }) => status?.containerStatuses !== undefined);
  await expect(harness.logs("waiting")).rejects.toThrow(
    'container "main" in pod "waiting" is waiting to start: CreateContainerConfigError',
  );
});

it("gives the last words of a container as its termination message, when asked to", async () => {
  const script = "echo $((40 + 2)); exit 1";
  await harness.createPod("web", {
    restartPolicy: "Never",
    containers: [{ ...shell("main", script), terminationMessagePolicy: "FallbackToLogsOnError" }],
  });
  const { status } = await harness.until("web", (pod) => pod.status?.phase === "Failed");
  expect(status?.containerStatuses?.[0]?.state?.terminated?.message).toBe("42\n");
});

it("reads the termination message from its file", async () => {
  await harness.createPod("web", {
    restartPolicy: "Never",
    containers: [{ ...shell("main", "echo -n goodbye >bye"), terminationMessagePath: "/bye" }],
  });
  await harness.until("web", ({ status }) => status?.phase === "Succeeded");
  const pod = await harness.client.get(pods, key);
  expect(pod.status?.containerStatuses?.[0]?.state?.terminated?.message).toBe("goodbye");
});
