/** kill -9 at any instant of a fetch leaves a cache that the next process can use. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";
import { type GitServer, startGitServer } from "../../git-http-server.ts";

const KILLS = 8;
const FILES = 300;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: GitServer;
let work: WorkTree;
let script: string;

beforeAll(async () => {
  directory = await temporaryDirectory();
  script = join(directory.path, "fetching.cjs");
  buildSync({
    entryPoints: [join(import.meta.dirname, "fetching-process.ts")],
    outfile: script.replace(".cjs", ".mjs"),
    bundle: true,
    platform: "node",
    // Has native parts, and is not used over HTTP.
    external: ["ssh2"],
    format: "esm",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  script = script.replace(".cjs", ".mjs");
  work = await WorkTree.init(join(directory.path, "work"));
  await git(directory.path, "init", "-q", "--bare", "-b", "main", "served/app.git");
  await work.git("remote", "add", "origin", join(directory.path, "served/app.git"));
  server = await startGitServer({ root: join(directory.path, "served") });
});
afterAll(async () => {
  await server.close();
  await directory.dispose();
});

async function push(round: number): Promise<string> {
  const files = Object.fromEntries(
    Array.from({ length: FILES }, (_, i) => [
      `apps/${i % 30}/${i}.yaml`,
      `round: ${round}\nfile: ${i}\n`,
    ]),
  );
  const id = await work.commit(files, `round ${round}`);
  await work.git("push", "-q", "origin", "main");
  return id;
}

/** Runs the fetch; kills it `killAfterMs` after its start, if given. Gives what it printed last. */
async function fetchOnce(gitBinary: boolean, killAfterMs?: number): Promise<string> {
  const child = spawn(
    process.execPath,
    [script, `${server.url}/app.git`, join(directory.path, "data"), String(gitBinary)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let last = "";
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "started" && killAfterMs !== undefined)
      setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    last = line;
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return last;
}

test(`${KILLS} kills, each followed by a whole and correct read`, async () => {
  let interrupted = 0;
  for (let round = 0; round < KILLS; round++) {
    const id = await push(round);
    const printed = await fetchOnce(round % 2 === 0, 10 + round * 18);
    if (!printed.startsWith(id)) interrupted++;
    expect(await fetchOnce(round % 2 === 1)).toMatch(new RegExp(`^${id} \\d+ 0$`));
  }
  expect(interrupted).toBeGreaterThan(0);
});
