import { expect, it } from "vitest";
import type { Client } from "../../../../src/client/client.ts";
import { PodTokens } from "../../../../src/engine/node/volumes/service-account-token.ts";
import { ManualClock } from "../../../manual-clock.ts";
import { podWith } from "../env/env-fixture.ts";

const HOUR_MS = 3_600_000;
const { pod } = podWith({}, { spec: { serviceAccountName: "robot" } });

function setUp(random = 0) {
  const clock = new ManualClock();
  const asked: unknown[] = [];
  const state: { problem: Error | undefined } = { problem: undefined };
  const client = {
    create: async (_: unknown, request: { spec: { expirationSeconds: number } }) => {
      if (state.problem !== undefined) throw state.problem;
      asked.push(request);
      const expiresAtMs = clock.now() + request.spec.expirationSeconds * 1000;
      return {
        status: {
          token: `token-${asked.length}`,
          expirationTimestamp: new Date(expiresAtMs).toISOString(),
        },
      };
    },
  } as unknown as Client;
  return { clock, asked, state, tokens: new PodTokens({ client, clock, random: () => random }) };
}

it("asks once for a token that is bound to the pod", async () => {
  const { tokens, asked } = setUp();
  const projection = { audience: "vault", expirationSeconds: 7200 };
  await tokens.refresh(pod, [projection]);
  await tokens.refresh(pod, [{ ...projection }]);
  expect(tokens.tokenFor(projection)).toBe("token-1");
  expect(asked).toEqual([
    expect.objectContaining({
      kind: "TokenRequest",
      metadata: { name: "robot", namespace: pod.metadata.namespace },
      spec: {
        audiences: ["vault"],
        expirationSeconds: 7200,
        boundObjectRef: {
          apiVersion: "v1",
          kind: "Pod",
          name: pod.metadata.name,
          uid: pod.metadata.uid,
        },
      },
    }),
  ]);
});

it("renews it after four fifths of its time, a little earlier for some pods", async () => {
  for (const [random, atMs] of [
    [0, 0.8 * HOUR_MS],
    [0.5, 0.8 * HOUR_MS - 5_000],
  ] as const) {
    const { tokens, clock } = setUp(random);
    const startMs = clock.now();
    await tokens.refresh(pod, [{}]);
    expect((tokens.renewAtMs ?? 0) - startMs).toBe(atMs);
    await clock.advance(atMs - 1);
    await tokens.refresh(pod, [{}]);
    expect(tokens.tokenFor({})).toBe("token-1");
    await clock.advance(1);
    await tokens.refresh(pod, [{}]);
    expect(tokens.tokenFor({})).toBe("token-2");
  }
});

it("renews one that lives for weeks every day", async () => {
  const { tokens, clock } = setUp();
  const startMs = clock.now();
  await tokens.refresh(pod, [{ expirationSeconds: 30 * 86_400 }]);
  expect((tokens.renewAtMs ?? 0) - startMs).toBe(24 * HOUR_MS);
});

it("uses the old one on while a new one cannot be had, until it is over", async () => {
  const { tokens, clock, state } = setUp();
  await tokens.refresh(pod, [{}]);
  await clock.advance(0.8 * HOUR_MS);
  state.problem = new Error("the API is away");
  await tokens.refresh(pod, [{}]);
  expect(tokens.tokenFor({})).toBe("token-1");
  expect((tokens.renewAtMs ?? 0) - clock.now()).toBe(60_000);
  await clock.advance(0.2 * HOUR_MS);
  await expect(tokens.refresh(pod, [{}])).rejects.toThrow("failed to fetch token: the API is away");
});
