/** A whole server in this process whose Application is deployed by `git push`, and a clone to push from. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { silentLogger } from "../../../src/client/logger.ts";
import { openProcessRuntime } from "../../../src/engine/node/runtime/process/process-runtime.ts";
import { internalUrl, repositoryDirectory } from "../../../src/gitops/push/internal-repository.ts";
import { ensurePushToken } from "../../../src/gitops/push/push-token.ts";
import { type Application, applications } from "../../../src/kube/kinds/application.ts";
import { type Server, startServer } from "../../../src/server/server.ts";

export interface GitRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
export type Files = Readonly<Record<string, string | null>>;

export const configMap = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: ${JSON.stringify(value)}\n`;

export class PushedServer {
  readonly dataDir: string;
  readonly clone: string;
  server: Server;
  readonly #directory: string;

  private constructor(directory: string, server: Server) {
    this.#directory = directory;
    this.dataDir = join(directory, "data");
    this.clone = join(directory, "clone");
    this.server = server;
  }

  /** With Application `default/shop`, and an empty clone of its repository. */
  static async start(): Promise<PushedServer> {
    const directory = mkdtempSync(join(tmpdir(), "gantry-push-"));
    const fixture = new PushedServer(directory, await startAt(join(directory, "data")));
    await fixture.application("shop");
    mkdirSync(fixture.clone);
    await fixture.git("init", "-q", "-b", "main");
    await fixture.git("remote", "add", "gantry", await fixture.url());
    return fixture;
  }

  async restart(): Promise<void> {
    await this.server.stop();
    this.server = await startAt(this.dataDir);
    await this.git("remote", "set-url", "gantry", await this.url());
  }

  /** Creates an Application that follows a branch of the repository `shop`. */
  application(name: string, spec: Partial<Application["spec"]> = {}): Promise<Application> {
    return this.server.client.create(applications, {
      apiVersion: "gantry.dev/v1",
      kind: "Application",
      metadata: { namespace: "default", name },
      spec: {
        source: {
          repoURL: internalUrl({ namespace: "default", name: "shop" }),
          targetRevision: "main",
        },
        destination: { namespace: "default" },
        syncPolicy: { automated: { prune: true, selfHeal: true } },
        ...spec,
      },
    });
  }

  get repository(): string {
    return repositoryDirectory(this.dataDir, { namespace: "default", name: "shop" });
  }

  /** Of the repository, with its token. */
  async url(): Promise<string> {
    const token = await ensurePushToken(this.server.client, { namespace: "default", name: "shop" });
    return `${this.server.addresses.web.replace("://", `://git:${token}@`)}/git/shop.git`;
  }

  /** Stock git in the clone, whatever comes of it. */
  git(...args: readonly string[]): Promise<GitRun> {
    return gitIn(this.clone, args);
  }

  /** Writes (or, with null, removes) files and commits. Returns the commit. */
  async commit(files: Files, message = "change"): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.clone, path);
      mkdirSync(dirname(file), { recursive: true });
      if (content === null) rmSync(file);
      else writeFileSync(file, content);
    }
    await this.git("add", "-A");
    await this.git("commit", "-q", "--allow-empty", "-m", message);
    return (await this.git("rev-parse", "HEAD")).stdout.trim();
  }

  push(...args: readonly string[]): Promise<GitRun> {
    return this.git("push", "gantry", ...args);
  }

  /** What a ref of the server's repository is; empty: there is none. */
  async ref(name = "refs/heads/main"): Promise<string> {
    return (await gitIn(this.repository, ["rev-parse", "--verify", "-q", name])).stdout.trim();
  }

  async stop(): Promise<void> {
    await this.server.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function startAt(dataDir: string): Promise<Server> {
  return startServer({
    dataDir,
    api: { host: "127.0.0.1", port: 0 },
    web: { host: "127.0.0.1", port: 0 },
    nodeAddress: "127.0.0.1",
    nodeName: "test",
    createRuntime: (root) => openProcessRuntime({ podsDirectory: join(root, "pods") }),
    keepPods: false,
    version: "test",
    logger: silentLogger,
  });
}

export function gitIn(directory: string, args: readonly string[]): Promise<GitRun> {
  const identity = ["-c", "user.name=t", "-c", "user.email=t@gantry.invalid"];
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: directory,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C",
  };
  return new Promise((resolve, reject) => {
    const child = execFile(
      "git",
      [...identity, ...args],
      { cwd: directory, env, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (child.exitCode === null) reject(new Error(`git ${args.join(" ")}`, { cause: error }));
        else resolve({ code: child.exitCode, stdout, stderr });
      },
    );
  });
}
