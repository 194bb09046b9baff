/**
 * Whether the data plane routes to a pod: false from the moment it becomes ready until all proxies
 * have applied the slices that list it. Rollouts count a pod as available only then.
 */
import type { PodStatus } from "kubernetes-types/core/v1";
import { findCondition, isConditionTrue } from "../../../kube/conditions.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { describePod } from "../pod-model.ts";
import { ROUTED_CONDITION } from "../../pod-contract.ts";
import type { PodEnvironment } from "./pod-environment.ts";

/** The data plane takes milliseconds; a pod must not stay unavailable because a proxy is broken. */
const TIMEOUT_MS = 30_000;

export class RoutedState {
  readonly #env: Pick<PodEnvironment, "routes" | "logger">;
  readonly #onChange: () => void;
  #value: boolean | undefined;
  #wasReady: boolean;
  #waiting: AbortController | undefined;

  /** Goes on from what an earlier agent published. */
  constructor(
    env: Pick<PodEnvironment, "routes" | "logger">,
    published: PodStatus,
    onChange: () => void,
  ) {
    this.#env = env;
    this.#onChange = onChange;
    const condition = findCondition(published.conditions, ROUTED_CONDITION);
    if (condition !== undefined) this.#value = condition.status === "True";
    // Not yet routed to when the earlier agent ended: the wait begins again.
    this.#wasReady = isConditionTrue(published.conditions, "Ready") && this.#value !== false;
  }

  /** Undefined when no Service selected the pod as it became ready. */
  get value(): boolean | undefined {
    return this.#value;
  }

  follow(pod: Pod, isReady: boolean): void {
    if (isReady === this.#wasReady) return;
    this.#wasReady = isReady;
    this.stop();
    if (!isReady) {
      if (this.#value !== undefined) this.#value = false;
    } else if (this.#env.routes.isSelected(pod)) {
      this.#value = false;
      void this.#wait(pod);
    } else this.#value = undefined;
  }

  stop(): void {
    this.#waiting?.abort();
    this.#waiting = undefined;
  }

  async #wait(pod: Pod): Promise<void> {
    const { signal } = (this.#waiting = new AbortController());
    const isRouted = await this.#env.routes.routed(pod, { timeoutMs: TIMEOUT_MS, signal });
    if (signal.aborted) return;
    if (!isRouted)
      this.#env.logger.warn(
        { pod: describePod(pod) },
        "no word from the service proxies that they route to the pod; counting it as available",
      );
    this.#value = true;
    this.#onChange();
  }
}
