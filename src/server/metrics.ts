/** Prometheus metrics of the process. Every one exists at zero from the start. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { ControllerMetrics } from "../client/reconciler.ts";

const SYNC_STATES = ["Synced", "OutOfSync", "Unknown"];
const HEALTH_STATES = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"];
const OUTCOMES = ["success", "requeue", "error", "terminal"];

export interface ApplicationStates {
  readonly sync: string;
  readonly health: string;
}

export class Metrics implements ControllerMetrics {
  readonly #registry = new Registry();
  readonly #reconciles: Counter;
  readonly #durations: Histogram;
  readonly #webhooks: Counter;

  /** `applications` is asked at each scrape. */
  constructor(applications: () => Iterable<ApplicationStates>) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#reconciles = new Counter({
      name: "gantry_reconcile_total",
      help: "Reconciles by controller and outcome.",
      labelNames: ["controller", "outcome"],
      registers,
    });
    for (const outcome of OUTCOMES) this.#reconciles.inc({ controller: "application", outcome }, 0);
    this.#durations = new Histogram({
      name: "gantry_reconcile_duration_seconds",
      help: "How long reconciles took.",
      labelNames: ["controller"],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    });
    this.#webhooks = new Counter({
      name: "gantry_webhook_requests_total",
      help: "Webhook requests by HTTP status.",
      labelNames: ["code"],
      registers,
    });
    for (const code of ["200", "400", "401", "413"]) this.#webhooks.inc({ code }, 0);
    stateGauge(
      "gantry_applications_sync",
      "Applications by sync status.",
      SYNC_STATES,
      registers,
      function* () {
        for (const { sync } of applications()) yield sync;
      },
    );
    stateGauge(
      "gantry_applications_health",
      "Applications by health.",
      HEALTH_STATES,
      registers,
      function* () {
        for (const { health } of applications()) yield health;
      },
    );
  }

  reconciled(controller: string, outcome: string, durationMs: number): void {
    this.#reconciles.inc({ controller, outcome });
    this.#durations.observe({ controller }, durationMs / 1000);
  }
  webhook(code: number): void {
    this.#webhooks.inc({ code: String(code) });
  }
  /** The exposition text and its content type. */
  async expose(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

function stateGauge(
  name: string,
  help: string,
  states: readonly string[],
  registers: Registry[],
  current: () => Iterable<string>,
): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames: ["status"],
    registers,
    collect() {
      for (const status of states) gauge.set({ status }, 0);
      for (const status of current()) gauge.inc({ status });
    },
  });
}
