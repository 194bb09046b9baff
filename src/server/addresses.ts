/**
 * Where a running server is reached: `<data-dir>/addresses.json`, written once both listeners are up,
 * and again when Ingresses are served.
 */
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface Addresses {
  /** `https://127.0.0.1:6443` */
  readonly api: string;
  /** `http://127.0.0.1:7575` */
  readonly web: string;
  /** `http://127.0.0.1:8081`; absent until the first Ingress is served */
  readonly ingressHttp?: string;
  /** `https://127.0.0.1:8444`; absent until the first Ingress with TLS is served */
  readonly ingressHttps?: string;
  /** `127.96.0.10:53`, over UDP and TCP; absent without DNS */
  readonly dns?: string;
}

const FILE = "addresses.json";

export async function writeAddresses(dataDir: string, addresses: Addresses): Promise<void> {
  const path = join(dataDir, FILE);
  await writeFile(`${path}.tmp`, `${JSON.stringify(addresses)}\n`);
  await rename(`${path}.tmp`, path);
}

export function removeAddresses(dataDir: string): Promise<void> {
  return rm(join(dataDir, FILE), { force: true });
}
