/** A server that issues tokens, with a service account, a node and a pod of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { ServiceAccountTokens } from "../../../../src/engine/apiserver/service-accounts/service-account-tokens.ts";
import { openSigningKeys } from "../../../../src/engine/apiserver/service-accounts/signing-keys.ts";
import type { TokenRequest } from "../../../../src/engine/apiserver/subresources/token.ts";
import { MemoryStore } from "../../../../src/engine/store/memory-store.ts";
import { nodes } from "../../../../src/kube/kinds/node.ts";
import { pods } from "../../../../src/kube/kinds/pod.ts";
import { serviceAccounts } from "../../../../src/kube/kinds/serviceaccount.ts";
import { ManualClock } from "../../../manual-clock.ts";
import { inDefault, pod, served, startServer, type TestServer } from "../test-server.ts";

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "gantry-keys-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export interface TokenServer extends TestServer {
  readonly tokens: ServiceAccountTokens;
  /** Asks for a token of `robot`. */
  request(spec?: object, name?: string): Promise<TokenRequest>;
  tokenOf(spec?: object): Promise<string>;
}

export async function startTokenServer(): Promise<TokenServer> {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock });
  const keys = await openSigningKeys(await temporaryDirectory());
  const tokens = new ServiceAccountTokens({ keys, store, clock });
  const test = await startServer({ store, clock, serviceAccountTokens: tokens });
  const { client, server } = test;
  await client.create(serviceAccounts, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: inDefault("robot"),
  });
  await client.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } });
  await client.create(pods, pod("worker", { serviceAccountName: "robot", nodeName: "node-1" }));
  const request = async (spec: object = {}, name = "robot"): Promise<TokenRequest> => {
    const body = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: inDefault(name),
      spec,
    };
    const { object } = await server.create(
      { user: { name: "admin", groups: ["system:masters"] } },
      {
        kind: served(server, serviceAccounts),
        ...inDefault(name),
        subresource: "token",
        object: body,
      },
    );
    return object as TokenRequest;
  };
  return {
    ...test,
    store,
    clock,
    tokens,
    request,
    tokenOf: async (spec) => (await request(spec)).status?.token ?? "",
  };
}

export const boundTo = (kind: string, name: string, uid?: string): object => ({
  boundObjectRef: { apiVersion: "v1", kind, name, ...(uid === undefined ? {} : { uid }) },
});

/** The claims of a token, unverified. */
export function claimsIn(token: string): Record<string, unknown> {
  const payload = token.split(".")[1] ?? "";
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}
