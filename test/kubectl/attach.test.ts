import { beforeAll, expect, test } from "vitest";
import { pod } from "./manifests.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl attach, run and debug", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  beforeAll(async () => {
    await cluster.apply(
      pod("ticking", {
        container: {
          command: ["sh", "-c", "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.1; done"],
        },
      }),
      pod("echo", {
        container: {
          stdin: true,
          command: ["sh", "-c", "while read -r line; do echo got $line; done; echo input ended"],
        },
      }),
    );
    await kubectl("wait --for=condition=Ready pod/ticking pod/echo --timeout=20s");
  });

  test("shows what a container prints from now on, and does not end it", async () => {
    const attached = cluster.start("attach ticking");
    await attached.until(/tick \d+\n[\s\S]*tick \d+\n[\s\S]*tick \d+\n/);
    await attached.stop();
    expect(await kubectl("get pod ticking --no-headers")).toMatch(/1\/1 +Running +0 /);
  });

  test("-i reaches the container, whose input outlives its clients", async () => {
    for (const word of ["one", "two"]) {
      const attached = cluster.start("attach -i echo", { input: true });
      attached.type(`${word}\n`);
      await attached.until(new RegExp(`got ${word}`));
      attached.endInput();
      await attached.stop();
    }
    expect(await kubectl("logs echo")).toBe("got one\ngot two\n");
  });

  test("run -i --rm: the container gets all input, its end, and the client its code", async () => {
    const words = "run once -i --rm --quiet --restart=Never --image=x --command -- sh -c";
    const script = "wc -c; echo problem >&2; exit 3";
    const { code, stdout, stderr } = await cluster.run(words.split(" ").concat(script), {
      stdin: "x".repeat(200_000),
    });
    expect(stdout).toContain("200000\n");
    expect(stderr).toContain("problem\n");
    expect(code).toBe(3);
    expect(await kubectl("get pods -o name")).not.toContain("once");
  });

  test("run -it --rm without a command is a shell at a terminal", async () => {
    const shell = cluster.start("run shell -it --rm --restart=Never --image=x", { terminal: true });
    await shell.until(/[#$] $/);
    shell.type("until stty size | grep -v '^0 0'; do sleep 0.1; done\n");
    await shell.until(/33 101/);
    shell.type("exit\n");
    expect(await shell.ended).toBe(0);
    expect(shell.output).toContain('pod "shell" deleted');
  });

  test("debug -it talks to a container that is added to a pod", async () => {
    const words = "debug -it ticking --image=x -c look -- sh -i";
    const shell = cluster.start(words, { terminal: true });
    await shell.until(/[#$] $/);
    shell.type("echo in''side; exit\n");
    await shell.until(/inside/);
    expect(await shell.ended).toBe(0);
    const state = "{.status.ephemeralContainerStatuses[0].state.terminated.exitCode}";
    await kubectl(`wait --for=jsonpath=${state}=0 --timeout=20s pod/ticking`);
    // A container that was added can also be entered.
    await kubectl("debug ticking --image=x -c stay -- sleep 600");
    const running = "{.status.ephemeralContainerStatuses[1].state.running}";
    await kubectl(`wait --for=jsonpath=${running} --timeout=20s pod/ticking`);
    expect(await kubectl("exec ticking -c stay -- echo entered")).toBe("entered\n");
  });

  test("debug node/… talks to a pod on the node, which sees its files", async () => {
    const shell = cluster.start("debug node/node-1 -it --image=x -- sh -i", { terminal: true });
    await shell.until(/[#$] $/);
    shell.type("test -d host/etc && echo sees''files; exit\n");
    await shell.until(/seesfiles/);
    expect(await shell.ended).toBe(0);
  });
});
