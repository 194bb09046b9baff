/** The probes of one run of a container: startup first, then liveness and readiness. */
import type { Probe } from "kubernetes-types/core/v1";
import type { Clock } from "../../../client/clock.ts";
import { type AttemptContext, attempt } from "../probes/attempt.ts";
import { type ProbeType, timeoutMsOf } from "../probes/probe-schedule.ts";
import { startProbe } from "../probes/probe-worker.ts";
import type { Container } from "../pod-model.ts";

export interface ContainerProbesOptions {
  readonly container: Container;
  readonly context: AttemptContext;
  readonly clock: Clock;
  readonly startedAtMs: number;
  /** From before the agent restarted, so that a well container does not flap. */
  readonly known?: { readonly isStarted: boolean; readonly isReady: boolean };
  /** `isStarted` or `isReady` changed. */
  readonly onChange: () => void;
  /** The startup or liveness probe has failed for good: the container must be restarted. */
  readonly onUnhealthy: (type: ProbeType, probe: Probe) => void;
  readonly onFailure: (type: ProbeType, message: string) => void;
}

export class ContainerProbes {
  readonly #options: ContainerProbesOptions;
  readonly #stops = new Map<ProbeType, () => void>();
  #isStarted: boolean;
  #isReady: boolean;

  constructor(options: ContainerProbesOptions) {
    this.#options = options;
    const { container, known } = options;
    this.#isStarted = known?.isStarted ?? container.startupProbe === undefined;
    this.#isReady = container.readinessProbe === undefined || (known?.isReady ?? false);
    if (this.#isStarted) this.#startOthers();
    else this.#start("startup", container.startupProbe);
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }
  get isReady(): boolean {
    return this.#isStarted && this.#isReady;
  }

  /** While a container is being stopped, only its readiness still matters. */
  keepReadinessOnly(): void {
    this.#stops.get("startup")?.();
    this.#stops.get("liveness")?.();
  }

  stop(): void {
    for (const stop of this.#stops.values()) stop();
  }

  #startOthers(): void {
    this.#start("liveness", this.#options.container.livenessProbe);
    this.#start("readiness", this.#options.container.readinessProbe);
  }

  #start(type: ProbeType, probe: Probe | undefined): void {
    if (probe === undefined) return;
    const { clock, context, startedAtMs, onFailure } = this.#options;
    const stop = startProbe({
      type,
      probe,
      clock,
      startedAtMs,
      attempt: () => attempt(probe, context, timeoutMsOf(probe)),
      onResult: (success) => this.#onResult(type, probe, success),
      onFailure: (message) => onFailure(type, message),
    });
    this.#stops.set(type, stop);
  }

  #onResult(type: ProbeType, probe: Probe, success: boolean): void {
    const { onChange, onUnhealthy } = this.#options;
    if (type === "readiness") {
      this.#isReady = success;
      onChange();
    } else if (!success) onUnhealthy(type, probe);
    else if (type === "startup") {
      this.#isStarted = true;
      this.#startOthers();
      onChange();
    }
  }
}
