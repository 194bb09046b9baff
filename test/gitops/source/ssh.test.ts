/** Repositories over SSH: whose key is trusted, who may log in, and what goes wrong. */
import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GitRemoteLimits } from "../../../src/gitops/source/git-remote.ts";
import type { CredentialProvider } from "../../../src/gitops/source/source.ts";
import { SourceError } from "../../../src/gitops/source/source-error.ts";
import { Sources } from "../../../src/gitops/source/sources.ts";
import { KnownHosts } from "../../../src/gitops/source/ssh/known-hosts.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";
import {
  type GitSshServer,
  type GitSshServerOptions,
  sshKeyPair,
  startGitSshServer,
} from "../../git-ssh-server.ts";

const deployKey = sshKeyPair("ed25519");

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let work: WorkTree;
const opened: Sources[] = [];
const servers: GitSshServer[] = [];

beforeEach(async () => {
  directory = await temporaryDirectory();
  work = await WorkTree.init(join(directory.path, "work"));
  await git(directory.path, "init", "-q", "--bare", "-b", "main", "served/app.git");
  await work.git("remote", "add", "origin", join(directory.path, "served/app.git"));
  await work.commit({ "web.yaml": "kind: Deployment\n" }, "first");
  await work.git("push", "-q", "origin", "main");
});
afterEach(async () => {
  for (const sources of opened.splice(0)) await sources.stop();
  for (const server of servers.splice(0)) await server.close();
  await directory.dispose();
});

async function serve(options: Partial<GitSshServerOptions> = {}): Promise<GitSshServer> {
  const server = await startGitSshServer({
    root: join(directory.path, "served"),
    authorized: [deployKey.public],
    ...options,
  });
  servers.push(server);
  return server;
}

interface Access {
  readonly knownHosts?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly insecure?: boolean;
}

function access({
  knownHosts = "",
  key,
  passphrase,
  insecure = false,
}: Access): CredentialProvider {
  return {
    id: `test/${knownHosts.length}`,
    connection: { knownHosts, insecure },
    get: () =>
      Promise.resolve({
        kind: "ssh-key",
        privateKey: key ?? deployKey.private,
        ...(passphrase !== undefined && { passphrase }),
      }),
  };
}

function open(
  server: GitSshServer,
  given: Access = {},
  limits: GitRemoteLimits = {},
  path = "app.git",
) {
  const sources = new Sources({ dataDir: join(directory.path, "data"), limits });
  opened.push(sources);
  return sources.open({
    repoURL: `ssh://git@127.0.0.1:${server.port}/${path}`,
    credentials: access({ knownHosts: server.knownHosts, ...given }),
  });
}

async function failure(work: Promise<unknown>): Promise<SourceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SourceError);
  const shown = JSON.stringify(error, Object.getOwnPropertyNames(error));
  expect(shown).not.toContain(deployKey.private.split("\n")[2]);
  return error as SourceError;
}

test("one connection serves the look at the refs and the fetch", async () => {
  const server = await serve();
  const source = await open(server);
  const commit = await source.resolve("main");
  expect(commit.subject).toBe("first");
  await work.commit({ "web.yaml": "kind: Service\n" }, "second");
  await work.git("push", "-q", "origin", "main");
  expect((await source.resolve("main")).subject).toBe("second");
  expect(server.connections).toBe(1);
  expect(new Set(server.commands)).toEqual(new Set(["git-upload-pack '/app.git'"]));
});

test("a connection that the server dropped is made again", async () => {
  const server = await serve();
  const source = await open(server);
  await source.resolve("main");
  server.fault = "drop";
  expect((await failure(source.resolve("main"))).retryable).toBe(true);
  server.fault = "none";
  expect((await source.resolve("main")).subject).toBe("first");
});

describe("the server's key", () => {
  test("is never trusted because it is the first; the error says how to add it", async () => {
    const server = await serve();
    const error = await failure((await open(server, { knownHosts: "" })).resolve("main"));
    expect(error).toMatchObject({ code: "host-key", retryable: false });
    expect(error.what).toMatch(/ssh-ed25519 SHA256:\S{43} is not known/);
    expect(error.advice).toContain(server.knownHosts.trim());
    const line = /"(\[127[^"]+)"/.exec(error.advice)?.[1] ?? "";
    expect((await (await open(server, { knownHosts: line })).resolve("main")).subject).toBe(
      "first",
    );
  });

  test("that changed is refused", async () => {
    const server = await serve();
    const other = sshKeyPair("ed25519").public.split(" ").slice(0, 2).join(" ");
    const knownHosts = `[127.0.0.1]:${server.port} ${other}\n`;
    const error = await failure((await open(server, { knownHosts })).resolve("main"));
    expect(error).toMatchObject({ code: "host-key" });
    expect(error.what).toContain("is not the one that is known");
  });

  test("that is revoked is refused even if it is known, too", async () => {
    const server = await serve();
    const knownHosts = `${server.knownHosts}@revoked * ${server.hostPublicKeys[0] ?? ""}\n`;
    const error = await failure((await open(server, { knownHosts })).resolve("main"));
    expect(error.what).toContain("is revoked");
  });

  test.each(["ed25519", "ecdsa", "rsa"] as const)(
    "of several types, the known one (%s) is asked for",
    async (type) => {
      const types = ["rsa", "ecdsa", "ed25519"] as const;
      const server = await serve({ hostKeys: types });
      const knownHosts = server.knownHosts.split("\n")[types.indexOf(type)] ?? "";
      const source = await open(server, { knownHosts });
      expect((await source.resolve("main")).subject).toBe("first");
    },
  );

  test("is not looked at where the repository is marked insecure", async () => {
    const server = await serve();
    const source = await open(server, { knownHosts: "", insecure: true });
    expect((await source.resolve("main")).subject).toBe("first");
  });
});

describe("known_hosts", () => {
  const key = sshKeyPair("ed25519").public.split(" ").slice(0, 2).join(" ");
  const bytes = Buffer.from(key.split(" ")[1] ?? "", "base64");
  const hashed = (name: string): string => {
    const salt = randomBytes(20);
    const hash = createHmac("sha1", salt).update(name).digest("base64");
    return `|1|${salt.toString("base64")}|${hash}`;
  };
  test.each([
    ["git.example.com", "git.example.com", 22, "known"],
    ["git.example.com", "GIT.example.com", 22, "known"],
    ["git.example.com", "git.example.com", 2222, "unknown"],
    ["[git.example.com]:2222", "git.example.com", 2222, "known"],
    ["other,git.example.com", "git.example.com", 22, "known"],
    ["*.example.com", "git.example.com", 22, "known"],
    ["*.example.com", "example.com", 22, "unknown"],
    ["*.example.com,!git.example.com", "git.example.com", 22, "unknown"],
    ["g?t.example.com", "git.example.com", 22, "known"],
    ["[::1]:2222", "::1", 2222, "known"],
    ["2001:db8::1", "2001:db8::1", 22, "known"],
    [hashed("git.example.com"), "git.example.com", 22, "known"],
    [hashed("[git.example.com]:2222"), "git.example.com", 2222, "known"],
    [hashed("git.example.com"), "git.example.org", 22, "unknown"],
  ])("%s for %s port %i: %s", (names, host, port, verdict) => {
    const hosts = new KnownHosts(`# comment\n\nbroken line\n${names} ${key} comment\n`);
    expect(hosts.check(host, port, bytes)).toBe(verdict);
  });

  test("as ssh-keygen hashes it is read", async () => {
    const { writeFile, readFile } = await import("node:fs/promises");
    const file = join(directory.path, "known_hosts");
    await writeFile(file, `git.example.com ${key}\n[git.example.com]:2222 ${key}\n`);
    const { promisify } = await import("node:util");
    const { execFile } = await import("node:child_process");
    await promisify(execFile)("ssh-keygen", ["-H", "-f", file]);
    const hosts = new KnownHosts(await readFile(file, "utf8"));
    expect(hosts.check("git.example.com", 22, bytes)).toBe("known");
    expect(hosts.check("git.example.com", 2222, bytes)).toBe("known");
    expect(hosts.check("git.example.com", 2223, bytes)).toBe("unknown");
  });

  test("a thousand stars take no time", () => {
    const startedAt = performance.now();
    new KnownHosts(`${"*a".repeat(2_000)}b ${key}`).check("a".repeat(250), 22, bytes);
    expect(performance.now() - startedAt).toBeLessThan(200);
  });
});

describe("logging in", () => {
  test.each(["ed25519", "ecdsa", "rsa"] as const)("with a deploy key: %s", async (type) => {
    const pair = sshKeyPair(type);
    const server = await serve({ authorized: [pair.public] });
    const source = await open(server, { key: pair.private });
    expect((await source.resolve("main")).subject).toBe("first");
    if (type === "rsa") expect(server.lastAlgorithm).toMatch(/sha256|sha512/);
  });

  test("with an encrypted key and its passphrase", async () => {
    const pair = sshKeyPair("ed25519", "correct horse");
    const server = await serve({ authorized: [pair.public] });
    const source = await open(server, { key: pair.private, passphrase: "correct horse" });
    expect((await source.resolve("main")).subject).toBe("first");
    const wrong = await failure(
      (await open(server, { key: pair.private, passphrase: "battery" })).resolve("main"),
    );
    expect(wrong).toMatchObject({ code: "bad-credential", retryable: false });
    const missing = await failure((await open(server, { key: pair.private })).resolve("main"));
    expect(missing.what).toContain("passphrase is missing");
  });

  test("with a key that the server does not know is refused", async () => {
    const server = await serve();
    const error = await failure(
      (await open(server, { key: sshKeyPair("ed25519").private })).resolve("main"),
    );
    expect(error).toMatchObject({ code: "unauthorized", retryable: false });
  });

  test("with what is no key says so", async () => {
    const server = await serve();
    const error = await failure((await open(server, { key: "no key" })).resolve("main"));
    expect(error.code).toBe("bad-credential");
  });
});

describe("trouble", () => {
  test("what git and forges answer is told apart", async () => {
    const server = await serve();
    const missing = await failure((await open(server, {}, {}, "nothing.git")).resolve("main"));
    expect(missing.code).toBe("repository-not-found");
    const forbidden = await failure((await open(server, {}, {}, "private.git")).resolve("main"));
    expect(forbidden.code).toBe("forbidden");
    server.fault = "silent-exit";
    expect((await failure((await open(server)).resolve("main"))).code).toBe("server-error");
  });

  test.each(["hang", "trickle"] as const)(
    "a server that %ss ends at the deadline",
    async (fault) => {
      const server = await serve();
      server.fault = fault;
      const source = await open(server, {}, { refsTimeoutMs: 400 });
      expect(await failure(source.resolve("main"))).toMatchObject({
        code: "timeout",
        retryable: true,
      });
    },
  );

  test("an answer above the limit is refused", async () => {
    await work.commit({ "big.bin": randomBytes(300_000) });
    await work.git("push", "-q", "origin", "main");
    const server = await serve();
    const limits = { http: { maxPackBytes: 100_000, maxRefsBytes: 10_000 } };
    const source = await open(server, {}, limits);
    expect((await failure(source.resolve("main"))).code).toBe("too-large");
  });

  test("an older commit that a server of version 0 does not hand out comes with the history", async () => {
    const first = await work.git("rev-parse", "HEAD");
    for (const n of [1, 2, 3]) await work.commit({ "web.yaml": `kind: Service # ${n}\n` });
    await work.git("push", "-q", "origin", "main");
    const server = await serve({ version2: false });
    const source = await open(server);
    await source.resolve("main");
    expect((await source.resolve(first)).subject).toBe("first");
    const gone = "0123456789012345678901234567890123456789";
    expect((await failure(source.resolve(gone))).code).toBe("revision-not-found");
  });

  test("a server that is not there, or no SSH server, is a retryable error", async () => {
    const server = await serve();
    const source = await open(server);
    await server.close();
    servers.splice(0);
    expect(await failure(source.resolve("main"))).toMatchObject({
      code: "unreachable",
      retryable: true,
    });
  });
});

describe("addresses", () => {
  const sources = (): Sources => {
    const made = new Sources({ dataDir: join(directory.path, "data") });
    opened.push(made);
    return made;
  };
  test.each([
    ["ssh://git@169.254.169.254/app.git", "address-refused"],
    ["git@169.254.169.254:app.git", "address-refused"],
    ["ssh://git@[fe80::1]/app.git", "address-refused"],
    ["git@[::ffff:169.254.169.254]:app.git", "address-refused"],
    ["ssh://git@2852039166/app.git", "address-refused"],
    ["ssh://git@0.0.0.0/app.git", "address-refused"],
  ])("%s is never connected to", async (repoURL, code) => {
    const source = await sources().open({ repoURL, credentials: access({}) });
    expect((await failure(source.resolve("main"))).code).toBe(code);
  });

  test.each([
    "ssh://-oProxyCommand=id@example.com/app.git",
    "ssh://git@-oProxyCommand=id/app.git",
    "ssh://git@example.com",
    "-oProxyCommand=id@example.com:app.git",
    "git@example.com:-u./payload",
    "git@-oProxyCommand=id:app.git",
    "ssh://git:s3cret@example.com/app.git",
    "ssh://git@example.com:99999/app.git",
    "ssh://git@exa mple.com/app.git",
  ])("%s is refused", async (repoURL) => {
    const error = await failure(sources().open({ repoURL }));
    expect(error.code).toBe("bad-url");
    expect(error.message).not.toContain("s3cret");
  });

  test("this machine's IPv6 address works when it is written", async () => {
    const server = await serve({ address: "::1" });
    const source = await sources().open({
      repoURL: `ssh://git@[::1]:${server.port}/app.git`,
      credentials: access({ knownHosts: server.knownHosts }),
    });
    expect((await source.resolve("main")).subject).toBe("first");
    expect(source.where).toBe(`ssh://git@[::1]:${server.port}/app.git`);
  });

  test.each([
    ["git@git.example.com:team/app.git", "git@git.example.com:team/app.git"],
    ["git.example.com:team/app.git/", "git@git.example.com:team/app.git"],
    ["git@git.example.com:/srv/app.git", "ssh://git@git.example.com/srv/app.git"],
    ["ssh://GIT.example.com/srv/app.git/", "ssh://git@git.example.com/srv/app.git"],
    ["ssh://me@git.example.com:2222/~me/app.git", "ssh://me@git.example.com:2222/~me/app.git"],
    ["ssh://git@git.example.com:80/app.git", "ssh://git@git.example.com:80/app.git"],
  ])("%s is shown as %s", async (repoURL, where) => {
    expect((await sources().open({ repoURL })).where).toBe(where);
  });
});
