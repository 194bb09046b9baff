/** Fetches a branch into a cache and reads all of it; run as a process of its own, to be killed. */
import { Sources } from "../../../src/gitops/source/sources.ts";
import { changedPaths } from "../../../src/gitops/source/tree-diff.ts";

const [repoURL = "", dataDir = "", gitBinary = ""] = process.argv.slice(2);
const sources = new Sources({ dataDir, gitBinary: gitBinary === "true" });
process.stdout.write("started\n");
const source = await sources.open({ repoURL });
const commit = await source.resolve("main");
const walk = async (path: string): Promise<number> => {
  let bytes = 0;
  for (const entry of await commit.tree.entries(path)) {
    const child = path === "" ? entry.name : `${path}/${entry.name}`;
    if (entry.kind === "directory") bytes += await walk(child);
    else bytes += (await commit.tree.blob(entry.id)).length;
  }
  return bytes;
};
const bytes = await walk("");
const differences = await changedPaths(commit.tree, commit.tree, "");
process.stdout.write(`${commit.id} ${bytes} ${differences.length}\n`);
await sources.stop();
