/**
 * How fast Gantry reacts: from a webhook to the changed object in a repository of 1,000 Applications
 * over HTTP (bar 300 ms), from somebody's change to its undoing (bar 500 ms), and how long a push of
 * an invalid manifest takes until it is refused in a repository of 1,000 manifests (bar 1 s). Medians.
 * Run: `node dist/bench/react.js`
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { HttpClient } from "../src/client/http/http-client.ts";
import { configMaps } from "../src/kube/kinds/configmap.ts";
import { secrets } from "../src/kube/kinds/secret.ts";
import { startGitServer } from "../test/git-http-server.ts";
import { configMap, createApplications, folderOf, followApplications } from "./config-maps.ts";
import { GantryProcess, percentile } from "./gantry-process.ts";

const COUNT = Number(process.argv[2] ?? 1_000);
const RUNS = Number(process.env["RUNS"] ?? 20);
const SECRET = "bench-webhook-secret";
/** Webhooks for the same Application within a second of each other make one look. */
const BETWEEN_PUSHES_MS = 1_500;
const IDENTITY = ["-c", "user.name=bench", "-c", "user.email=bench@gantry.invalid"];

/** Resolves when the ConfigMap has the value. */
async function becomes(
  client: HttpClient,
  name: string,
  key: string,
  value: string,
): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  const options = { namespace: "default", fieldSelector: `metadata.name=${name}`, signal };
  for await (const event of client.watch(configMaps, options))
    if (event.type !== "BOOKMARK" && event.object.data?.[key] === value) return;
  throw new Error(`${name} never had ${key}=${value}`);
}

async function webhook(web: string, repoURL: string, commit: string): Promise<void> {
  const body = JSON.stringify({
    ref: "refs/heads/main",
    after: commit,
    repository: { html_url: repoURL, clone_url: repoURL, default_branch: "main" },
    commits: [],
  });
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  const answer = await fetch(`${web}/api/webhook`, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": "push",
      "x-hub-signature-256": `sha256=${signature}`,
    },
  });
  if (!answer.ok) throw new Error(`the webhook answered ${answer.status}: ${await answer.text()}`);
}

const gantry = new GantryProcess();
const git = await startGitServer({ root: gantry.directory, allowPush: true });
try {
  const indexes = Array.from({ length: COUNT }, (_, index) => index);
  const first = gantry.commit(
    Object.fromEntries(indexes.map((index) => [folderOf(index), configMap(index, 0)])),
    "start",
  );
  const bare = join(gantry.directory, "origin.git");
  execFileSync("git", ["clone", "-q", "--bare", gantry.repository, bare]);
  gantry.git("remote", "add", "origin", bare);
  await gantry.start(["--log-level", "error", "--poll-interval", "1h"]);
  const client = await gantry.client();
  await client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "gantry-webhook",
      namespace: "default",
      labels: { "gantry.dev/secret-type": "webhook" },
    },
    data: { github: Buffer.from(SECRET).toString("base64") },
  });
  const repoURL = `${git.url}/origin.git`;
  const follower = await followApplications(client);
  await createApplications(client, repoURL, COUNT);
  await follower.settled(first, COUNT);

  const webhookMs: number[] = [];
  for (let run = 1; run <= RUNS; run++) {
    const index = run % COUNT;
    const commit = gantry.commit({ [folderOf(index)]: configMap(index, run) }, `run ${run}`);
    gantry.git("push", "-q", "origin", "main");
    await pause(BETWEEN_PUSHES_MS);
    const changed = becomes(client, `app-${index}`, "version", String(run));
    const startMs = performance.now();
    await webhook(gantry.addresses.web, repoURL, commit);
    await changed;
    webhookMs.push(performance.now() - startMs);
  }

  const healMs: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    // Each time another one: whoever is healed again and again is healed later and later.
    const name = `app-${COUNT - 1 - run}`;
    const key = { namespace: "default", name };
    const startMs = performance.now();
    await client.patch(configMaps, key, { type: "merge", body: { data: { version: "drift" } } });
    await becomes(client, name, "version", "0");
    healMs.push(performance.now() - startMs);
  }

  const url = execFileSync(
    process.execPath,
    [
      gantry.program,
      "remote",
      "pushed",
      "--create",
      "--namespace",
      "default",
      "--data-dir",
      gantry.dataDir,
    ],
    { encoding: "utf8" },
  ).trim();
  const work = join(gantry.directory, "pushed");
  execFileSync("git", ["init", "-q", "-b", "main", work]);
  const inWork = (...args: string[]) =>
    spawnSync("git", [...IDENTITY, ...args], { cwd: work, encoding: "utf8" });
  const refusedMs: number[] = [];
  gantry.write(
    work,
    Object.fromEntries(indexes.map((index) => [`p/c${index}.yaml`, configMap(COUNT + index, 0)])),
  );
  inWork("add", "-A");
  inWork("commit", "-q", "-m", "start");
  const accepted = inWork("push", "-q", url, "main");
  if (accepted.status !== 0) throw new Error(`the first push was refused:\n${accepted.stderr}`);
  for (let run = 0; run < RUNS; run++) {
    gantry.write(work, {
      "p/c0.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndatas: {a: "${run}"}\n`,
    });
    inWork("commit", "-qam", `bad ${run}`);
    const startMs = performance.now();
    const refused = inWork("push", url, "main");
    refusedMs.push(performance.now() - startMs);
    if (refused.status === 0 || !refused.stderr.includes("p/c0.yaml:4:1"))
      throw new Error(`the push was not refused as it should be:\n${refused.stderr}`);
    inWork("reset", "-q", "--hard", "HEAD~1");
  }
  const median = (values: readonly number[]): number => Math.round(percentile(values, 0.5));
  const figures = {
    bench: "react",
    applications: COUNT,
    runs: RUNS,
    webhookToAppliedMs: median(webhookMs),
    webhookToAppliedP90Ms: Math.round(percentile(webhookMs, 0.9)),
    driftToHealedMs: median(healMs),
    invalidPushRefusedMs: median(refusedMs),
    rssMb: gantry.rssMb(),
    cores: cpus().length,
    node: process.version,
  };
  console.log(JSON.stringify(figures));
  await follower.stop();
} finally {
  await gantry.stop();
  await git.close();
}
