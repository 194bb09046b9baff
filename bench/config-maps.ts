/** Applications of one ConfigMap each, as `bench/fleet`, `idle` and `react` have them. */
import { randomBytes } from "node:crypto";
import type { HttpClient } from "../src/client/http/http-client.ts";
import { Informer } from "../src/client/informer.ts";
import { type Application, applications } from "../src/kube/kinds/application.ts";

/** Writes under way at once. */
const CREATORS = 16;
/** Far beyond every bar: something is stuck. */
const GIVE_UP_MS = 900_000;
const CONTENT_BYTES = 2_048;

/** A manifest of about 2 KB that no compression makes smaller. */
export function configMap(index: number, version: number): string {
  const content = randomBytes((CONTENT_BYTES * 3) / 4).toString("base64");
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: app-${index}
data:
  version: "${version}"
  content: ${content}
`;
}
export const folderOf = (index: number): string => `apps/app-${index}/config.yaml`;

export async function createApplications(
  client: HttpClient,
  repoURL: string,
  count: number,
): Promise<void> {
  let next = 0;
  const create = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++)
      await client.create(applications, {
        apiVersion: "gantry.dev/v1",
        kind: "Application",
        metadata: { name: `app-${index}`, namespace: "default" },
        spec: {
          source: { repoURL, path: `apps/app-${index}` },
          destination: { namespace: "default" },
          syncPolicy: { automated: { prune: true, selfHeal: true } },
        },
      });
  };
  await Promise.all(Array.from({ length: CREATORS }, create));
}

/** Follows the Applications; `settled` resolves once all are Synced to the revision and Healthy. */
export async function followApplications(client: HttpClient): Promise<{
  settled(revision: string, count: number): Promise<void>;
  stop(): Promise<void>;
}> {
  const abort = new AbortController();
  const informer = new Informer(client, applications);
  const running = informer.run(abort.signal);
  await informer.synced;
  return {
    settled: (revision, count) =>
      new Promise((resolve, reject) => {
        const good = new Set<string>();
        const see = ({ metadata, status }: Application): void => {
          if (
            status?.sync?.status === "Synced" &&
            status.sync.revision === revision &&
            status.health?.status === "Healthy"
          )
            good.add(metadata.name);
          if (good.size < count) return;
          clearTimeout(timer);
          stopListening();
          resolve();
        };
        const timer = setTimeout(
          () => reject(new Error(`only ${good.size} of ${count} are Synced and Healthy`)),
          GIVE_UP_MS,
        );
        const stopListening = informer.onChange(({ object }) => see(object));
        for (const application of informer.list()) see(application);
      }),
    async stop() {
      abort.abort();
      await running;
    },
  };
}
