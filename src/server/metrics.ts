/** Prometheus metrics of the process. Every one exists at zero from the start. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { ControllerMetrics } from "../client/reconciler.ts";
import type { DnsCounts } from "../engine/network/dns/dns-server.ts";
import {
  STAGE_OUTCOMES,
  STAGES,
  type Stage,
  type StageObserver,
  type StageOutcome,
} from "../gitops/report/stage-metrics.ts";
import { measureDns } from "./dns-metrics.ts";

const SYNC_STATES = ["Synced", "OutOfSync", "Unknown"];
const HEALTH_STATES = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"];
const OUTCOMES = ["success", "requeue", "error", "terminal"];
const CONTROLLERS = ["application", "applicationset"];
const WEBHOOK_CODES = ["200", "202", "400", "401", "404", "408", "413", "429", "503"];
/** Seconds: from a look that finds nothing new to a rollout that takes minutes. */
const STAGE_BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300];
const RECONCILE_BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];
/** One series each: more make Prometheus, and every scrape, slow. The others are counted. */
const MAX_LISTED_APPLICATIONS = 1_000;
/** Milliseconds between two looks at the clock: a twentieth of a second of delay shows, at no cost. */
const EVENT_LOOP_RESOLUTION_MS = 50;
const QUANTILES = [50, 99, 100];
const NANOSECONDS = 1e9;

export interface ApplicationStates {
  readonly sync: string;
  readonly health: string;
  readonly namespace?: string;
  readonly name?: string;
}
/** What waits, by queue, asked at each scrape. */
export type Queues = () => Readonly<Record<string, number>>;
const QUEUES = ["applications", "notifications"];

export class Metrics implements ControllerMetrics, StageObserver {
  readonly #registry = new Registry();
  readonly #reconciles: Counter;
  readonly #durations: Histogram;
  readonly #stages: Counter;
  readonly #stageDurations: Histogram;
  readonly #webhooks: Counter;
  readonly #drifts: Counter;
  readonly #eventLoop = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
  #queues: Queues = () => ({});
  #dns: () => DnsCounts | undefined = () => undefined;

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
    this.#durations = new Histogram({
      name: "gantry_reconcile_duration_seconds",
      help: "How long reconciles took.",
      labelNames: ["controller"],
      buckets: RECONCILE_BUCKETS,
      registers,
    });
    for (const controller of CONTROLLERS) {
      for (const outcome of OUTCOMES) this.#reconciles.inc({ controller, outcome }, 0);
      this.#durations.zero({ controller });
    }
    this.#stages = new Counter({
      name: "gantry_stage_total",
      help: "Stages of the pipeline that ended, by outcome.",
      labelNames: ["stage", "outcome"],
      registers,
    });
    this.#stageDurations = new Histogram({
      name: "gantry_stage_duration_seconds",
      help: "How long stages of the pipeline took.",
      labelNames: ["stage"],
      buckets: STAGE_BUCKETS,
      registers,
    });
    for (const stage of STAGES) {
      for (const outcome of STAGE_OUTCOMES) this.#stages.inc({ stage, outcome }, 0);
      this.#stageDurations.zero({ stage });
    }
    this.#webhooks = new Counter({
      name: "gantry_webhook_requests_total",
      help: "Webhook requests by HTTP status.",
      labelNames: ["code"],
      registers,
    });
    for (const code of WEBHOOK_CODES) this.#webhooks.inc({ code }, 0);
    this.#drifts = new Counter({
      name: "gantry_drift_total",
      help: "Objects found to differ from Git though nothing was committed.",
      registers,
    });
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
    listApplications(registers, applications);
    this.#measureQueues(registers);
    this.#measureEventLoop(registers);
    measureDns(registers, () => this.#dns());
  }

  reconciled(controller: string, outcome: string, durationMs: number): void {
    this.#reconciles.inc({ controller, outcome });
    this.#durations.observe({ controller }, durationMs / 1000);
  }
  stage(stage: Stage, outcome: StageOutcome, durationMs: number): void {
    this.#stages.inc({ stage, outcome });
    this.#stageDurations.observe({ stage }, durationMs / 1000);
  }
  drift(objects: number): void {
    this.#drifts.inc(objects);
  }
  webhook(code: number): void {
    this.#webhooks.inc({ code: String(code) });
  }
  /** From now on, what waits is asked here. */
  setQueues(queues: Queues): void {
    this.#queues = queues;
  }
  /** From now on, what the DNS server did is asked here. */
  setDns(counts: () => DnsCounts): void {
    this.#dns = counts;
  }
  /** The exposition text and its content type. */
  async expose(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }
  /** Name, kind, labels and meaning of every metric of Gantry's own. */
  async describe(): Promise<
    readonly { readonly name: string; readonly type: string; readonly help: string }[]
  > {
    const all = await this.#registry.getMetricsAsJSON();
    return all
      .filter(({ name }) => name.startsWith("gantry_"))
      .map(({ name, type, help }) => ({ name, type: String(type), help }));
  }

  #measureQueues(registers: Registry[]): void {
    const gauge: Gauge = new Gauge({
      name: "gantry_queue_depth",
      help: "What waits to be worked on.",
      labelNames: ["queue"],
      registers,
      collect: () => {
        const depths = this.#queues();
        for (const queue of QUEUES) gauge.set({ queue }, depths[queue] ?? 0);
      },
    });
  }

  /** Since the last scrape. */
  #measureEventLoop(registers: Registry[]): void {
    this.#eventLoop.enable();
    const gauge: Gauge = new Gauge({
      name: "gantry_event_loop_delay_seconds",
      help: "How late the event loop was since the last scrape; everything waits so long.",
      labelNames: ["quantile"],
      registers,
      collect: () => {
        for (const quantile of QUANTILES) {
          const lateNs =
            this.#eventLoop.count === 0
              ? 0
              : this.#eventLoop.percentile(quantile) - EVENT_LOOP_RESOLUTION_MS * 1e6;
          gauge.set({ quantile: String(quantile / 100) }, Math.max(0, lateNs) / NANOSECONDS);
        }
        this.#eventLoop.reset();
      },
    });
  }
}

function listApplications(
  registers: Registry[],
  applications: () => Iterable<ApplicationStates>,
): void {
  const info: Gauge = new Gauge({
    name: "gantry_application_info",
    help: `Sync status and health of each Application, ${MAX_LISTED_APPLICATIONS} of them at most; always 1.`,
    labelNames: ["namespace", "name", "sync", "health"],
    registers,
    collect: () => {
      info.reset();
      let listed = 0;
      for (const { namespace, name, sync, health } of applications()) {
        if (namespace === undefined || name === undefined) continue;
        if (listed++ >= MAX_LISTED_APPLICATIONS) break;
        info.set({ namespace, name, sync, health }, 1);
      }
    },
  });
  const unlisted: Gauge = new Gauge({
    name: "gantry_applications_unlisted",
    help: "Applications that gantry_application_info leaves out.",
    registers,
    collect: () => {
      let count = 0;
      for (const _ of applications()) count++;
      unlisted.set(Math.max(0, count - MAX_LISTED_APPLICATIONS));
    },
  });
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
