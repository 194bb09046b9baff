/** A whole server in this process, with a Git repository that it follows. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Logger, silentLogger } from "../../src/client/logger.ts";
import { openProcessRuntime } from "../../src/engine/node/runtime/process/process-runtime.ts";
import { type Application, applications } from "../../src/kube/kinds/application.ts";
import { type Server, type ServerOptions, startServer } from "../../src/server/server.ts";

export interface ServerFixture {
  readonly server: Server;
  readonly dataDir: string;
  readonly repository: string;
  /** Writes (or, with null, removes) files and commits. Returns the commit. */
  commit(files: Readonly<Record<string, string | null>>, message: string): string;
  /** Waits until the Application fulfils a condition. */
  application(until: (application: Application) => boolean): Promise<Application>;
  stop(): Promise<void>;
}

export async function startServerFixture(
  files: Readonly<Record<string, string>>,
  logger: Logger = silentLogger,
  path?: string,
  secretSources: ServerOptions["secretSources"] = {},
): Promise<ServerFixture> {
  const directory = mkdtempSync(join(tmpdir(), "gantry-server-"));
  const dataDir = join(directory, "data");
  const repository = join(directory, "repo");
  mkdirSync(repository);
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@gantry.invalid", ...args], {
      cwd: repository,
      encoding: "utf8",
    });
  git("init", "-q", "-b", "main");
  const commit: ServerFixture["commit"] = (changes, message) => {
    for (const [path, content] of Object.entries(changes)) {
      const file = join(repository, path);
      mkdirSync(dirname(file), { recursive: true });
      if (content === null) rmSync(file);
      else writeFileSync(file, content);
    }
    git("add", "-A");
    git("commit", "-q", "-m", message);
    return git("rev-parse", "HEAD").trim();
  };
  commit(files, "start");
  const server = await startServer({
    dataDir,
    api: { host: "127.0.0.1", port: 0 },
    web: { host: "127.0.0.1", port: 0 },
    nodeAddress: "127.0.0.1",
    nodeName: "test",
    createRuntime: (root) => openProcessRuntime({ podsDirectory: join(root, "pods") }),
    keepPods: false,
    application: {
      repoURL: repository,
      revision: undefined,
      path,
      namespace: "default",
    },
    version: "test",
    logger,
    secretSources,
  });
  return {
    server,
    dataDir,
    repository,
    commit,
    async application(until) {
      const signal = AbortSignal.timeout(30_000);
      for await (const event of server.client.watch(applications, {
        namespace: "default",
        signal,
      })) {
        if (
          event.type !== "BOOKMARK" &&
          event.object.metadata.name === "default" &&
          until(event.object)
        )
          return event.object;
      }
      throw new Error("the watch ended");
    },
    async stop() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
