/** Wires webhooks to what they wake: Receivers, the shared address, and who follows what. */
import type { Client } from "../client/client.ts";
import { systemClock } from "../client/clock.ts";
import type { Logger } from "../client/logger.ts";
import type { Operator } from "../gitops/operator.ts";
import { Receivers } from "../gitops/webhook/receivers.ts";
import { type Application, sourcesOf } from "../kube/kinds/application.ts";
import { keyOf } from "../kube/object.ts";
import type { Metrics } from "./metrics.ts";
import { type Follower, type WebhookEndpoint, webhookEndpoint } from "./webhook-endpoint.ts";

/** Somebody besides Applications who reads a repository. */
export interface Reader {
  readonly key: string;
  readonly repoURL: string;
  readonly revision: string;
}

export interface StartWebhooksOptions {
  readonly client: Client;
  readonly logger: Logger;
  readonly operator: Operator;
  readonly metrics: Metrics;
  /** The secret shared with a sender. */
  readonly secretOf: (sender: string) => string | undefined;
  readonly readers: () => Iterable<Reader>;
  readonly refresh: (keys: readonly string[]) => void;
  /** Whether token issuers may be on this machine. @default false */
  readonly allowLoopback?: boolean;
}

export async function startWebhooks(
  options: StartWebhooksOptions,
): Promise<Omit<WebhookEndpoint, "stop"> & { stop(): Promise<void> }> {
  const { client, logger, operator, metrics, secretOf, refresh, allowLoopback = false } = options;
  const { applications } = operator;
  const receivers = new Receivers({
    client,
    clock: systemClock,
    logger,
    allowLoopback,
    applicationOf: (key) => applications.get(key),
  });
  await receivers.start();
  const endpoint = webhookEndpoint({
    clock: systemClock,
    secretOf,
    receivers,
    observer: metrics,
    logger,
    refresh,
    onAnswer: (code) => metrics.webhook(code),
    followers: () => [
      ...applications.list().map(followerOf),
      ...[...options.readers()].map(({ key, repoURL, revision }) => ({
        key,
        sources: [{ repoURL, revision }],
        isFailing: false,
      })),
    ],
  });
  return {
    handle: endpoint.handle,
    handleReceiver: endpoint.handleReceiver,
    stop: async () => {
      endpoint.stop();
      await receivers.stop();
    },
  };
}

/** Reasons for which a repository is asked again after a pause, not because somebody says so. */
const UNREACHABLE = /^(Unreachable|Timeout|ServerError|Protocol|Truncated|Tls)$/;

export function followerOf(application: Application): Follower {
  return {
    key: keyOf(application),
    sources: sourcesOf(application.spec).map(({ repoURL, targetRevision = "HEAD", chart }) => ({
      repoURL,
      revision: targetRevision,
      chart,
    })),
    isFailing: (application.status?.conditions ?? []).some(
      ({ type, status, reason }) =>
        type === "ComparisonError" && status === "True" && UNREACHABLE.test(reason),
    ),
  };
}
