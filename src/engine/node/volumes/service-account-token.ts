/**
 * The service account tokens in a pod's volumes: asked for when the pod starts, bound to the pod,
 * and asked for anew long before they end, as upstream's token manager.
 */
import type { Client } from "../../../client/client.ts";
import type { Clock } from "../../../client/clock.ts";
import type { ServiceAccountTokenProjection } from "kubernetes-types/core/v1";
import { isObject } from "../../../kube/json-object.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { type ServiceAccount, serviceAccounts } from "../../../kube/kinds/serviceaccount.ts";
import { namespaceOf, specOf, uidOf } from "../pod-model.ts";
import { VolumeError } from "./volume-error.ts";

const DEFAULT_SECONDS = 3_600;
/** Of its life, a token is used this part. */
const RENEW_AFTER_PART = 0.8;
/** However long it lives, it is renewed once a day. */
const MAX_AGE_MS = 24 * 3_600_000;
/** So that the pods of a node, started together, do not ask together. */
const MAX_JITTER_MS = 10_000;
/** A token that could not be renewed is used on, and tried again after this. */
const RETRY_MS = 60_000;

/** What tells tokens of one pod apart. */
export type TokenOf = Pick<ServiceAccountTokenProjection, "audience" | "expirationSeconds">;

interface Held {
  readonly token: string;
  readonly expiresAtMs: number;
  renewAtMs: number;
}

export interface PodTokensOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** Yields [0, 1). @default Math.random */
  readonly random?: () => number;
}

/** The tokens of one pod. */
export class PodTokens {
  readonly #options: PodTokensOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: PodTokensOptions) {
    this.#options = options;
  }

  /** When the first of them is to be renewed; undefined without tokens. */
  get renewAtMs(): number | undefined {
    const times = [...this.#held.values()].map(({ renewAtMs }) => renewAtMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Makes sure that each token of a volume is there and young. Throws `VolumeError`. */
  async refresh(pod: Pod, projections: readonly TokenOf[]): Promise<void> {
    for (const projection of projections) {
      const key = keyOf(projection);
      const nowMs = this.#options.clock.now();
      const held = this.#held.get(key);
      if (held !== undefined && nowMs < held.renewAtMs) continue;
      try {
        this.#held.set(key, await this.#request(pod, projection));
      } catch (cause) {
        if (held === undefined || nowMs >= held.expiresAtMs)
          throw new VolumeError(`failed to fetch token: ${(cause as Error).message}`, { cause });
        held.renewAtMs = Math.min(nowMs + RETRY_MS, held.expiresAtMs);
      }
    }
  }

  /** After `refresh`. */
  tokenFor(projection: TokenOf): string {
    return this.#held.get(keyOf(projection))?.token ?? "";
  }
  /** When the token of `tokenFor` ends. */
  expiresAtMs(projection: TokenOf): number {
    return this.#held.get(keyOf(projection))?.expiresAtMs ?? 0;
  }

  async #request(pod: Pod, projection: TokenOf): Promise<Held> {
    const { client, clock, random = Math.random } = this.#options;
    const { audience = "", expirationSeconds = DEFAULT_SECONDS } = projection;
    const askedAtMs = clock.now();
    const request = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: { name: specOf(pod).serviceAccountName ?? "default", namespace: namespaceOf(pod) },
      spec: {
        audiences: audience === "" ? [] : [audience],
        expirationSeconds,
        boundObjectRef: {
          apiVersion: "v1",
          kind: "Pod",
          name: pod.metadata.name,
          uid: uidOf(pod),
        },
      },
    };
    // Posted below the account, whose type the client therefore expects.
    const answer: unknown = await client.create(
      serviceAccounts,
      request as unknown as ServiceAccount,
      { subresource: "token" },
    );
    const status = isObject(answer) && isObject(answer["status"]) ? answer["status"] : {};
    const { token, expirationTimestamp } = status;
    if (typeof token !== "string" || typeof expirationTimestamp !== "string")
      throw new Error("the API server answered without a token");
    const expiresAtMs = Date.parse(expirationTimestamp);
    const lifeMs = Math.min((expiresAtMs - askedAtMs) * RENEW_AFTER_PART, MAX_AGE_MS);
    return { token, expiresAtMs, renewAtMs: askedAtMs + lifeMs - random() * MAX_JITTER_MS };
  }
}

const keyOf = ({ audience = "", expirationSeconds }: TokenOf): string =>
  `${expirationSeconds ?? DEFAULT_SECONDS}/${audience}`;
