import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { pod } from "./manifests.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

const sh = (target: string, script: string): string[] => [
  ...`exec ${target} -- sh -c`.split(" "),
  script,
];
/** Both ways in which kubectl streams: the second is that of kubectl before 1.30. */
const TRANSPORTS = [
  ["WebSocket", {}],
  ["SPDY/3.1", { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false" }],
] as const;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describeKubectl("kubectl exec", () => {
  const cluster = useCluster();
  const { kubectl, failing } = cluster;

  beforeAll(async () => {
    const sleep = { image: "x", command: ["/bin/sleep", "600"] };
    await cluster.apply(
      pod("web", { container: { ...sleep, env: [{ name: "GREETING", value: "hello" }] } }),
      pod("pair", {
        spec: {
          containers: ["left", "right"].map((name) => ({
            ...sleep,
            name,
            env: [{ name: "SIDE", value: name }],
          })),
        },
      }),
      pod("done", { container: { command: ["true"] }, spec: { restartPolicy: "Never" } }),
    );
    await kubectl("wait --for=condition=Ready pod/web pod/pair --timeout=20s");
  });

  test.each(TRANSPORTS)("over %s: outputs apart, exit codes, input to its end", async (_, env) => {
    const words = sh("web", 'echo "$GREETING"; echo problem >&2; exit 7');
    const { code, stdout, stderr } = await cluster.run(words, { env });
    expect({ code, stdout }).toEqual({ code: 7, stdout: "hello\n" });
    expect(stderr).toBe("problem\ncommand terminated with exit code 7\n");
    expect(await cluster.run(sh("web", "true"), { env })).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    const asked = { env, stdin: "some text\n" };
    expect((await cluster.run(sh("-i web", "cat; echo end"), asked)).stdout).toBe(
      "some text\nend\n",
    );
    // Without -i there is no input, and the command is told so.
    expect((await cluster.run(sh("web", "cat; echo end"), asked)).stdout).toBe("end\n");
    const big = { env, stdin: "x".repeat(3_000_000) };
    expect((await cluster.run(sh("-i web", "wc -c"), big)).stdout).toBe("3000000\n");
    expect((await cluster.run(sh("-i web", "head -c 5"), big)).stdout).toBe("xxxxx");
  });

  test.each(TRANSPORTS)("over %s: large output comes whole", async (_, env) => {
    const { stdout } = await cluster.run(sh("web", "yes 0123456789abcde | head -c 12000000"), {
      env,
    });
    expect(stdout.length).toBe(12_000_000);
    expect(stdout.endsWith("0123456789abcde\n")).toBe(true);
  });

  test("of a container, by default the first, or a workload's pod", async () => {
    expect((await cluster.run(sh("pair -c right", "echo $SIDE"))).stdout).toBe("right\n");
    const first = await cluster.run(sh("pair", "echo $SIDE"));
    expect(first.stdout).toBe("left\n");
    expect(first.stderr).toContain("Defaulted container");
    expect((await cluster.run(sh("pod/web", "echo $GREETING"))).stdout).toBe("hello\n");
  });

  test("says what cannot be", async () => {
    expect(await failing("exec nothing -- true")).toContain('pods "nothing" not found');
    expect(await failing("exec pair -c middle -- true")).toContain("middle");
    expect(await failing("exec web -- no-such-program")).toContain(
      'no executable program "no-such-program"',
    );
    await kubectl("wait --for=jsonpath={.status.phase}=Succeeded pod/done --timeout=20s");
    expect(await failing("exec done -- true")).toContain("completed pod");
  });

  test("a command ends with its client, however that one went", async () => {
    const running = cluster.start(sh("web", "echo pid $$; exec sleep 600"));
    await running.until(/pid \d+/);
    const pid = Number(/pid (\d+)/.exec(running.output)?.[1]);
    expect(isAlive(pid)).toBe(true);
    running.kill();
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000, interval: 50 });
  });

  test("what a command leaves in the background does not keep the client", async () => {
    const { stdout, code } = await cluster.run(sh("web", "sleep 600 & echo $!; exit 3"));
    const pid = Number(stdout);
    expect(code).toBe(3);
    process.kill(pid, "SIGKILL");
  });

  test.each(TRANSPORTS)("over %s: -it is a terminal, with its size", async (_, env) => {
    const shell = cluster.start("exec -it web -- sh -i", { terminal: true, env });
    await shell.until(/[#$] $/);
    shell.type("test -t 0 && test -t 1 && echo is''terminal $TERM\n");
    await shell.until(/isterminal xterm/);
    // Until the size has come it is zero.
    shell.type("until stty size | grep -v '^0 0'; do sleep 0.1; done\n");
    await shell.until(/33 101/);
    // The interrupt goes to the command, not to the client.
    shell.type(`sh -c 'echo st""arted; exec sleep 600'\n`);
    await shell.until(/started/);
    shell.type("\u0003");
    await shell.until(/\^C[\s\S]*[#$] $/);
    shell.type("exit 5\n");
    expect(await shell.ended).toBe(5);
  });

  test("a terminal that its client leaves hangs up", async () => {
    const words = ["exec", "-it", "web", "--", "sh", "-c", "echo pid $$; exec sleep 600"];
    const running = cluster.start(words, { terminal: true });
    await running.until(/pid \d+/);
    const pid = Number(/pid (\d+)/.exec(running.output)?.[1]);
    running.kill();
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000, interval: 50 });
  });

  test("kubectl cp: files and directories, both ways, byte by byte", async () => {
    const bytes = randomBytes(2_500_000);
    const digest = (of: Buffer): string => createHash("sha256").update(of).digest("hex");
    await mkdir(join(cluster.home, "up", "inner"), { recursive: true });
    await writeFile(join(cluster.home, "up", "inner", "blob"), bytes);
    await writeFile(join(cluster.home, "up", "note"), "hello\n");
    await kubectl("cp up web:copied");
    expect((await cluster.run(sh("web", "sha256sum <copied/inner/blob"))).stdout).toContain(
      digest(bytes),
    );
    await kubectl("cp web:copied down");
    expect(digest(await readFile(join(cluster.home, "down", "inner", "blob")))).toBe(digest(bytes));
    expect(await readFile(join(cluster.home, "down", "note"), "utf8")).toBe("hello\n");
  });
});
