/** docs/metrics.md is what the code exposes. `UPDATE_DOCS=1` writes it anew. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { STAGE_OUTCOMES, STAGES } from "../../src/gitops/report/stage-metrics.ts";
import { type ApplicationStates, Metrics } from "../../src/server/metrics.ts";

const FILE = join(import.meta.dirname, "..", "..", "docs", "metrics.md");

async function exposed(applications: readonly ApplicationStates[] = []): Promise<string> {
  return (await new Metrics(() => applications).expose()).text;
}
const labelsOf = (text: string, name: string): string[] => {
  const series = [...text.matchAll(new RegExp(`^${name}(?:_bucket)?\\{([^}]*)\\}`, "gm"))];
  const names = series.flatMap(([, labels = ""]) =>
    [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label),
  );
  return [...new Set(names)].filter((label) => label !== "le");
};

test("docs/metrics.md has every metric", async () => {
  const metrics = new Metrics(() => [
    { namespace: "default", name: "app", sync: "Synced", health: "Healthy" },
  ]);
  const { text } = await metrics.expose();
  const rows = (await metrics.describe()).map(({ name, type, help }) => {
    const labels = labelsOf(text, name).map((label) => `\`${label}\``);
    return `| \`${name}\` | ${type} | ${labels.join(", ")} | ${help} |`;
  });
  const page = [
    "# Metrics",
    "",
    "`GET /metrics` on the web listener, in Prometheus' format. Written from the code (`UPDATE_DOCS=1 npx vitest run test/server/metrics-are-documented.test.ts`). Every series exists at zero from the start, so that a rule on one that has not happened yet works. Those of Node.js itself (`process_…`, `nodejs_…`) come with them.",
    "",
    "| name | type | labels | meaning |",
    "|---|---|---|---|",
    ...rows,
    "",
    `Stages: ${STAGES.map((stage) => `\`${stage}\``).join(", ")}. Outcomes: ${STAGE_OUTCOMES.map((outcome) => `\`${outcome}\``).join(", ")}. \`health\` is the time from the end of a sync until its objects are healthy, or degraded.`,
    "",
  ].join("\n");
  if (process.env["UPDATE_DOCS"] !== undefined) writeFileSync(FILE, page);
  expect(readFileSync(FILE, "utf8")).toBe(page);
});

test("every series is there at zero before anything happens", async () => {
  const text = await exposed();
  for (const stage of STAGES) {
    for (const outcome of STAGE_OUTCOMES)
      expect(text).toContain(`gantry_stage_total{stage="${stage}",outcome="${outcome}"} 0\n`);
    expect(text).toContain(`gantry_stage_duration_seconds_count{stage="${stage}"} 0\n`);
  }
  expect(text).toContain('gantry_queue_depth{queue="notifications"} 0\n');
  expect(text).toContain('gantry_applications_health{status="Degraded"} 0\n');
  expect(text).toContain('gantry_webhook_requests_total{code="429"} 0\n');
  expect(text).toContain("gantry_drift_total 0\n");
  expect(text).toMatch(/gantry_event_loop_delay_seconds\{quantile="0.99"\} \d/);
});

test("what is told of is counted", async () => {
  const metrics = new Metrics(() => []);
  metrics.stage("apply", "failure", 1_500);
  metrics.drift(3);
  metrics.webhook(202);
  metrics.setQueues(() => ({ notifications: 7 }));
  const { text } = await metrics.expose();
  expect(text).toContain('gantry_stage_total{stage="apply",outcome="failure"} 1\n');
  expect(text).toContain('gantry_stage_duration_seconds_sum{stage="apply"} 1.5\n');
  expect(text).toContain('gantry_stage_duration_seconds_bucket{le="2",stage="apply"} 1\n');
  expect(text).toContain("gantry_drift_total 3\n");
  expect(text).toContain('gantry_webhook_requests_total{code="202"} 1\n');
  expect(text).toContain('gantry_queue_depth{queue="notifications"} 7\n');
});

test("what the DNS server did is told, and nothing where there is none", async () => {
  const metrics = new Metrics(() => []);
  const before = (await metrics.expose()).text;
  expect(before).toContain('gantry_dns_answers_total{transport="tcp",rcode="NXDOMAIN"} 0\n');
  expect(before).toContain('gantry_dns_forwards_total{outcome="failed"} 0\n');
  const counts = {
    answeredBy: new Map([["udp", new Map([[3, 7]])]]),
    dropped: 2,
    cached: 5,
    cacheHits: 11,
    cacheMisses: 12,
    answered: 9,
    failed: 3,
    refused: 1,
  };
  metrics.setDns(() => counts);
  await metrics.expose();
  const { text } = await metrics.expose();
  expect(text).toContain('gantry_dns_answers_total{transport="udp",rcode="NXDOMAIN"} 7\n');
  expect(text).toContain("gantry_dns_dropped_total 2\n");
  expect(text).toContain('gantry_dns_forwards_total{outcome="answered"} 9\n');
  expect(text).toContain("gantry_dns_cache_hits_total 11\n");
  expect(text).toContain("gantry_dns_cache_entries 5\n");
});

test("Applications are listed up to a limit, and those that are gone are not", async () => {
  const many = Array.from({ length: 1_500 }, (_, index) => ({
    namespace: "default",
    name: `app-${index}`,
    sync: "Synced",
    health: "Healthy",
  }));
  let now: readonly ApplicationStates[] = many;
  const metrics = new Metrics(() => now);
  const lines = async (): Promise<number> =>
    [...(await metrics.expose()).text.matchAll(/^gantry_application_info\{/gm)].length;
  expect(await lines()).toBe(1_000);
  expect((await metrics.expose()).text).toContain("gantry_applications_unlisted 500\n");
  now = many.slice(0, 2);
  expect(await lines()).toBe(2);
});
