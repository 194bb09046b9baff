/**
 * OpenSSH's own server, keys and known_hosts, where it is installed (Debian: openssh-server) and
 * this is root; `ssh.test.ts` covers the same without it.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Sources } from "../../../src/gitops/source/sources.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";

const SSHD = "/usr/sbin/sshd";
const run = promisify(execFile);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const at = (name: string): string => join(directory.path, name);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe.skipIf(!existsSync(SSHD) || process.getuid?.() !== 0).each([
  ["version 2", "AcceptEnv GIT_PROTOCOL"],
  ["version 0", ""],
])("sshd, Git's protocol in %s", (_, acceptEnv) => {
  let sshd: ChildProcess;
  let port: number;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    const work = await WorkTree.init(at("work"));
    await work.commit({ "web.yaml": "kind: Deployment\n" }, "first");
    await git(directory.path, "clone", "-q", "--bare", "work", "it's served.git");
    const pairs: readonly (readonly [string, ...string[]])[] = [
      ["host-ed25519", "-t", "ed25519"],
      ["host-rsa", "-t", "rsa", "-b", "2048"],
      ["key-ed25519", "-t", "ed25519", "-N", "pass phrase"],
      ["key-ecdsa", "-t", "ecdsa", "-N", ""],
      ["key-rsa", "-t", "rsa", "-b", "2048", "-N", ""],
    ];
    for (const [name, ...type] of pairs)
      await run("ssh-keygen", [
        "-q",
        "-f",
        at(name),
        ...(type.includes("-N") ? [] : ["-N", ""]),
        ...type,
      ]);
    const keys = await Promise.all(
      ["key-ed25519", "key-ecdsa", "key-rsa"].map((name) => readFile(at(`${name}.pub`), "utf8")),
    );
    await writeFile(at("authorized_keys"), keys.join(""));
    port = await freePort();
    await writeFile(
      at("sshd_config"),
      [
        `ListenAddress 127.0.0.1:${port}`,
        `HostKey ${at("host-ed25519")}`,
        `HostKey ${at("host-rsa")}`,
        `AuthorizedKeysFile ${at("authorized_keys")}`,
        "PermitRootLogin prohibit-password",
        "StrictModes no",
        "UsePAM no",
        "PidFile none",
        acceptEnv,
      ].join("\n"),
    );
    await mkdir("/run/sshd", { recursive: true });
    sshd = spawn(SSHD, ["-D", "-e", "-f", at("sshd_config")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (sshd.stderr === null) throw new Error("no output");
    for await (const line of createInterface(sshd.stderr))
      if (line.includes("Server listening")) break;
    sshd.stderr.resume();
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => sshd.once("close", resolve));
    sshd.kill();
    await ended;
    await directory.dispose();
  });

  async function subject(key: string, knownHosts: string, passphrase?: string): Promise<string> {
    const sources = new Sources({ dataDir: at("data") });
    const privateKey = await readFile(at(key), "utf8");
    try {
      const source = await sources.open({
        repoURL: `ssh://root@127.0.0.1:${port}${at("it's served.git").replaceAll(" ", "%20")}`,
        credentials: {
          id: key,
          connection: { knownHosts },
          get: () =>
            Promise.resolve({
              kind: "ssh-key",
              privateKey,
              ...(passphrase !== undefined && { passphrase }),
            }),
        },
      });
      return (await source.resolve("main")).subject;
    } finally {
      await sources.stop();
    }
  }

  test.each([
    ["key-ed25519", "ed25519", "pass phrase"],
    ["key-ecdsa", "rsa", undefined],
    ["key-rsa", "ed25519", undefined],
  ])(
    "logs in with %s; its %s key is known as ssh-keyscan prints it",
    async (key, host, passphrase) => {
      const { stdout } = await run("ssh-keyscan", [
        "-H",
        "-t",
        host,
        "-p",
        String(port),
        "127.0.0.1",
      ]);
      expect(await subject(key, stdout, passphrase)).toBe("first");
    },
  );

  test("a host key that is not known is refused", async () => {
    await expect(subject("key-rsa", "")).rejects.toMatchObject({ code: "host-key" });
  });
});
