/**
 * Records Kubernetes Events (core/v1) about objects. Recording never throws and never waits: what
 * cannot be written is dropped and counted, since an Event must not hold up the work it tells of.
 */
import { randomBytes } from "node:crypto";
import { type Event, events } from "../kube/kinds/event.ts";
import type { KubeObject } from "../kube/object.ts";
import { isStatus, StatusError } from "../kube/status-error.ts";
import { type Backoff, backoffDelay } from "./backoff.ts";
import type { Client } from "./client.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";
import { EventCorrelator, remember } from "./event-correlator.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { formatTime } from "./timestamps.ts";

export interface EventRecorder {
  /** `reason` is a CamelCase word for machines, `message` a sentence for people. No secrets in either. */
  record(about: KubeObject, type: "Normal" | "Warning", reason: string, message: string): void;
  /** Resolves once everything recorded so far is written or dropped. */
  flush(): Promise<void>;
  /** Events that were not written: over budget, queue full, or refused. */
  readonly dropped: number;
}
export interface EventRecorderOptions {
  readonly client: Client;
  /** The reporting component: `deployment-controller`. */
  readonly component: string;
  /** The node's name, for node agents. */
  readonly host?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Ends retries and drops what is left. */
  readonly signal?: AbortSignal;
}

/** Events that wait to be written: a few seconds' worth at full speed. */
const MAX_PENDING = 1_000;
/** What `kubectl describe` can still show; the API refuses far longer ones. */
const MAX_MESSAGE_CHARACTERS = 1_024;
const RETRY: Backoff = { initialMs: 200, maxMs: 5_000 };
const MAX_ATTEMPTS = 5;

interface Pending {
  readonly about: KubeObject;
  readonly type: string;
  readonly reason: string;
  message: string;
  count: number;
  lastMs: number;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #correlator = new EventCorrelator();
  readonly #pending = new Map<string, Pending>();
  /** The Event objects written for each id, to count up instead of creating again. */
  readonly #written = new Map<string, Event>();
  #writing: Promise<void> | undefined;
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  get dropped(): number {
    return this.#dropped;
  }

  record(about: KubeObject, type: "Normal" | "Warning", reason: string, message: string): void {
    const nowMs = this.#clock.now();
    const subject = JSON.stringify([
      about.kind,
      about.metadata.namespace,
      about.metadata.name,
      about.metadata.uid,
    ]);
    const correlated = this.#correlator.correlate({ subject, type, reason, message }, nowMs);
    if (correlated === undefined) {
      this.#dropped++;
      return;
    }
    const text = correlated.message.slice(0, MAX_MESSAGE_CHARACTERS);
    const pending = this.#pending.get(correlated.id);
    if (pending !== undefined) {
      pending.count++;
      pending.message = text;
      pending.lastMs = nowMs;
      return;
    }
    if (this.#pending.size >= MAX_PENDING || this.#options.signal?.aborted === true) {
      this.#dropped++;
      return;
    }
    this.#pending.set(correlated.id, {
      about,
      type,
      reason,
      message: text,
      count: 1,
      lastMs: nowMs,
    });
    this.#writing ??= this.#writeAll();
  }

  async flush(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // Never synchronously inside `record`, so that a burst is coalesced before its first write.
    await Promise.resolve();
    for (const [id, pending] of this.#pending) {
      this.#pending.delete(id);
      await this.#writeWithRetries(id, pending);
    }
    this.#writing = undefined;
  }

  async #writeWithRetries(id: string, pending: Pending): Promise<void> {
    const { signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        signal?.throwIfAborted();
        remember(this.#written, id, await this.#write(this.#written.get(id), pending));
        return;
      } catch (error) {
        const hopeless = error instanceof StatusError && error.code < 500 && error.code !== 429;
        if (hopeless || attempt >= MAX_ATTEMPTS || signal?.aborted === true) {
          this.#dropped++;
          this.#logger.debug({ err: error, reason: pending.reason }, "event dropped");
          return;
        }
        await sleep(this.#clock, backoffDelay(RETRY, attempt - 1), signal).catch(() => undefined);
      }
    }
  }

  async #write(written: Event | undefined, pending: Pending): Promise<Event> {
    const { client, component, signal } = this.#options;
    const call = { fieldManager: component, ...(signal === undefined ? {} : { signal }) };
    if (written !== undefined) {
      const count = (written.count ?? 1) + pending.count;
      const lastTimestamp = formatTime(pending.lastMs);
      const { namespace = "default", name } = written.metadata;
      const patch = {
        type: "merge",
        body: { count, lastTimestamp, message: pending.message },
      } as const;
      try {
        return await client.patch(events, { namespace, name }, patch, call);
      } catch (error) {
        // Expired since: the count starts over in a new object.
        if (!isStatus(error, "NotFound")) throw error;
      }
    }
    return await client.create(events, this.#build(pending), call);
  }

  #build({ about, type, reason, message, count, lastMs }: Pending): Event {
    const { component, host } = this.#options;
    const { namespace = "default", name, uid, resourceVersion } = about.metadata;
    const timestamp = formatTime(lastMs);
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace, name: `${name.slice(0, 236)}.${randomBytes(8).toString("hex")}` },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name,
        ...(about.metadata.namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      type,
      reason,
      message,
      count,
      firstTimestamp: timestamp,
      lastTimestamp: timestamp,
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? "",
    };
  }
}
